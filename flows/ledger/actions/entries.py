"""Lines of journals as the ledger that is folded; what no record of ours says is left out, and told."""

from typing import NamedTuple

from flows.ledger.actions.journals import JournalLine, Journals
from schemas.book import Ignored
from schemas.ledger import Entry, Ledger, read_entry


class Reading(NamedTuple):
    """The ledger, and what stands in the journals besides."""

    ledger: Ledger
    unknown: tuple[Ignored, ...]
    """Records that chain, and whose kind or fields are none of ours: a newer version's, or written by hand."""


def read_ledger(journals: Journals) -> Reading:
    """Return the ledger of the journals; with `broken` where they do not fit."""
    entries: list[Entry] = []
    unknown: list[Ignored] = []
    for line in journals.lines:
        try:
            entries.append(read_entry(line.record))
        except (ValueError, KeyError, TypeError) as error:
            unknown.append(Ignored(line.n, str(line.record["kind"])[:100], f"it is no record of ours: {_first(error)}"))
    broken = "; ".join(journals.problems) or None
    return Reading(Ledger(entries=tuple(entries), broken=broken), tuple(unknown))


def read_line(line: JournalLine) -> Entry | None:
    """Return one line's entry; None where it is no record of ours."""
    try:
        return read_entry(line.record)
    except (ValueError, KeyError, TypeError):
        return None


def _first(error: Exception) -> str:
    lines = str(error).splitlines()
    return " ".join(lines[1:3] if len(lines) > 2 else lines)[:200]

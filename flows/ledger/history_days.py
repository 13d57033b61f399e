"""The days of the history: which files of a day's folder hold its rows, and which were merged into others.

A day's folder holds files of single runs and at most briefly more than one merged file. A merged file's companion
`<name>.supersedes.json` lists the files whose rows it holds, until they are removed.
"""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import NamedTuple

from flows.errors import HistoryError
from flows.files.storage import Storage
from flows.ledger.history_check import PART, DamagedHistoryError, stem_of, sum_of

FOLDER, DAY = "history", "day="
MERGED, SUPERSEDES = "merged-", ".supersedes.json"
MOST_ATTEMPTS = 20


class DayFiles(NamedTuple):
    """One day of one table: the files that hold its rows, and what is left of a merge."""

    folder: str
    active: list[str]
    spent: list[str]
    """The superseded files, and the lists of what is superseded."""

    @property
    def may_overlap(self) -> bool:
        """Return whether a row can be in two of the files: only what was merged can have been written again."""
        return len(self.active) > 1 and any(name.startswith(MERGED) for name in self.active)


def list_days(storage: Storage, table: str, since: datetime | None = None, until: datetime | None = None) -> list[date]:
    """Return the days of which the table has a folder, within the bounds, sorted."""
    names = (name.removeprefix(DAY) for name in storage.folders(f"{FOLDER}/{table}") if name.startswith(DAY))
    days = [day for day in map(_parse_day, names) if day is not None]
    first = since.astimezone(UTC).date() if since else date.min
    last = until.astimezone(UTC).date() if until else date.max
    return [day for day in days if first <= day <= last]


def _parse_day(name: str) -> date | None:
    try:
        return date.fromisoformat(name)
    except ValueError:
        return None


def day_folder(table: str, day: date) -> str:
    """Return the folder of a day of a table, relative to the state folder."""
    return f"{FOLDER}/{table}/{DAY}{day.isoformat()}"


def read_day(storage: Storage, table: str, day: date) -> DayFiles:
    """Return the files of a day, told apart by the lists of what a merged file supersedes.

    A listing is not a snapshot: it can miss a merged file that appeared and a part that went while it was made. Two
    listings that agree can not.
    """
    folder = day_folder(table, day)
    for _ in range(MOST_ATTEMPTS):
        names = storage.files(folder)
        superseded = _superseded(storage, folder, names)
        if superseded is not None and storage.files(folder) == names:
            parts = [name for name in names if name.endswith(PART) and not name.startswith(".")]
            left = [name for name in parts if name not in superseded]
            # Of one run, the last that was written may not have removed the one before it yet.
            first = {name if name.startswith(MERGED) else stem_of(name): name for name in reversed(left)}
            active = sorted(first.values())
            spent = [name for name in parts if name not in active]
            return DayFiles(folder, active, spent + [name for name in names if name.endswith(SUPERSEDES)])
    raise HistoryError(f"{storage.location(folder)} changes faster than it can be read; try again")


def _superseded(storage: Storage, folder: str, names: list[str]) -> set[str] | None:
    """Return the files that a merged file of the listing supersedes; None where a list went meanwhile."""
    found: set[str] = set()
    for name in names:
        if name.endswith(SUPERSEDES) and name.removesuffix(SUPERSEDES) + PART in names:
            try:
                found |= parse_list(storage.read(f"{folder}/{name}"))
            except FileNotFoundError:
                return None
            except (ValueError, KeyError, TypeError, OSError):
                raise DamagedHistoryError(f"{storage.location(folder)}/{name}: damaged; restore it") from None
    return found


def dump_list(names: Iterable[str]) -> bytes:
    """Return the list of what a merged file supersedes, with its sum."""
    listed = sorted(names)
    return json.dumps({"files": listed, "sum": sum_of("\n".join(listed).encode())}).encode()


def parse_list(data: bytes) -> set[str]:
    """Return what a list names; raises ValueError, KeyError or TypeError for one that is not as it was written."""
    form = json.loads(data)
    if isinstance(form, list):  # of an earlier version
        return set(map(str, form))
    if sum_of("\n".join(form["files"]).encode()) != form["sum"]:
        raise ValueError
    return set(form["files"])

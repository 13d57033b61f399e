"""A gate for CI: which of a run's recommendations fail it, where not every one should."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from flows.errors import SettingsError
from flows.files.foreign import FileFaultError, read_file
from flows.run.result import RunReport
from schemas.episode import Key
from schemas.words import Action, Severity

NEW = "new"
_PREFIX = "severity>="
MAX_BYTES = 256 * 1024 * 1024


class Criteria(NamedTuple):
    """What fails the gate: any recommendation that is new, or one of at least that severity."""

    is_new_enough: bool
    least: Severity | None


@dataclass(frozen=True)
class Gate:
    """The recommendations of a run, held against a baseline and the criteria; the acknowledged ones never fail."""

    failing: tuple[Key, ...]
    known: frozenset[Key]
    """What the baseline has as well, no less severe."""

    def exit_code(self, report: RunReport) -> int:
        """Return 2 where something fails; a run that is partial, skipped or failed keeps its own code."""
        if report.exit_code not in {0, 2}:
            return report.exit_code
        return 2 if self.failing else 0


def parse_criteria(texts: Iterable[str]) -> Criteria:
    """Return the criteria of `new` and `severity>=X`; raises `SettingsError` for any other."""
    is_new_enough, least = False, None
    for text in texts:
        word = text.replace(" ", "").lower()
        if word == NEW:
            is_new_enough = True
        elif word.removeprefix(_PREFIX) in set(Severity) and word.startswith(_PREFIX):
            least = Severity(word.removeprefix(_PREFIX))
        else:
            words = ", ".join(f"{_PREFIX}{severity}" for severity in Severity)
            raise SettingsError(f"--fail-on {text!a}: expected {NEW}, or one of {words}")
    return Criteria(is_new_enough, least)


def read_baseline(path: Path) -> dict[Key, Severity]:
    """Return the recommendations of an earlier run's `--format json`; raises `SettingsError` for any other file."""
    try:
        data = read_file(path.resolve(), max_bytes=MAX_BYTES).data
    except (FileFaultError, OSError, RuntimeError) as error:
        problem = error.problem if isinstance(error, FileFaultError) else "a loop of symbolic links"
        raise SettingsError(f"--baseline {path}: {problem}; 'supervisor reconcile --format json' makes one") from None
    try:
        document = json.loads(data)
        return {_key(row): Severity(row["severity"]) for row in document["recommendations"]}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SettingsError(f"--baseline {path}: is not the output of 'supervisor reconcile --format json'") from None


def hold_against(report: RunReport, criteria: Criteria, baseline: dict[Key, Severity] | None) -> Gate:
    """Return which of the standing recommendations fail: those not in the baseline, or more severe than there.

    With `severity>=X` only of these. Without a baseline everything is new, which `new` alone refuses: it would
    say nothing that the exit code does not say already.
    """
    if criteria.is_new_enough and baseline is None:
        raise SettingsError("--fail-on new needs --baseline FILE, the --format json of an earlier run")
    rows: Sequence[dict[str, Any]] = report.standing.to_dicts() if report.standing is not None else ()
    known = frozenset(_key(row) for row in rows if _is_known(row, baseline or {}))
    news = [row for row in rows if _key(row) not in known]
    failing = news if criteria.is_new_enough or criteria.least is None else []
    severe = [row for row in news if criteria.least is not None and _is_at_least(row, criteria.least)]
    return Gate(tuple(dict.fromkeys(_key(row) for row in [*failing, *severe])), known)


def _is_known(row: dict[str, Any], baseline: dict[Key, Severity]) -> bool:
    before = baseline.get(_key(row))
    return before is not None and not _is_at_least(row, before, above=True)


def _is_at_least(row: dict[str, Any], least: Severity, *, above: bool = False) -> bool:
    ranks = list(Severity)
    return ranks.index(Severity(row["severity"])) >= ranks.index(least) + above


def _key(row: dict[str, Any]) -> Key:
    return Key(str(row["node"]), str(row["service"]), Action(row["action"]))

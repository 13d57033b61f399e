"""`supervisor policy check`: everything about a policy that can be known without a run."""

import importlib.metadata
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flows.errors import SupervisorError
from flows.ledger.actions.entries import read_ledger
from flows.ledger.actions.journals import read_journals
from flows.past.policy_studies import find_silent_rules
from flows.run.acting.place import action_place, find_operators
from flows.run.gather import read_desired
from flows.settings import Settings
from flows.sources.policy.findings import Findings
from flows.sources.policy.policy_file import ReadPolicy, read_policy
from flows.views.policy_reach import Reach, find_reach
from flows.views.policy_remarks import remark_on_executor, remark_on_inventory, remark_on_settings
from schemas.book import Able
from schemas.duration import spell_duration
from schemas.policy import BrokenPolicy, FaultSeverity, Policy, PolicyFault
from schemas.schedule import find_odd_bounds
from stages.fold_ledger import fold_ledger

AHEAD_DAYS = 370


@dataclass(frozen=True)
class OddBound:
    """One bound of a window that its zone's clock skips or repeats."""

    window: str
    at: str
    zone: str
    is_repeated: bool

    def __str__(self) -> str:
        """Return it as a sentence."""
        what = "comes twice: it is inside twice" if self.is_repeated else "never comes"
        return f"window {self.window}: {self.at} in {self.zone} {what}"


@dataclass(frozen=True)
class PolicyInspection:
    """What is wrong or odd about a policy, and what it reaches."""

    faults: tuple[PolicyFault, ...]
    auto_now: tuple[str, ...]
    could_be: tuple[Reach, ...]
    odd_bounds: tuple[OddBound, ...]
    zone_data: str
    notes: tuple[str, ...]

    def exit_code(self, *, is_strict: bool) -> int:
        """Return 1 for an error, and where it is strict for a warning too; else 0."""
        counted = [fault for fault in self.faults if is_strict or fault.severity is FaultSeverity.ERROR]
        return 1 if counted else 0

    def count_reasons(self) -> list[tuple[str, int]]:
        """Return what the targets that are not automatic lack, and how many of them do, the most frequent first."""
        counts = Counter(missing for reach in self.could_be for missing in reach.missing)
        return sorted(counts.items(), key=lambda row: (-row[1], row[0]))

    def to_document(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "v": 1,
            "faults": [fault._asdict() for fault in self.faults],
            "auto_now": list(self.auto_now),
            "could_be": [{"target": reach.target, "missing": list(reach.missing)} for reach in self.could_be],
            "zone_data": self.zone_data,
            "odd_bounds": [vars(bound) for bound in self.odd_bounds],
            "notes": list(self.notes),
        }


def check_policy(
    settings: Settings, file: Path | None, as_of: datetime, history: timedelta | None = None
) -> PolicyInspection:
    """Read a policy, by default the settings', and say what is wrong or odd about it; nothing is written.

    A draft, a file that is named, may be owned by whoever looks at it. With `history`, so much of the archive is decided
    anew, and rules that decided nothing in it are odd. Raises what reading the archive raises.
    """
    path = file or settings.actions.policy
    trusted = action_place(settings).executor_uids | (frozenset({os.geteuid()}) if file else frozenset())
    read = read_policy(path, settings.actions.numbers(), trusted)
    findings = Findings(str(path))
    findings.faults.extend(read.faults)
    remark_on_settings(read, settings, findings)
    able = read_able(settings)
    if history is not None and isinstance(read.policy, Policy):
        _find_silent(settings, read, read.policy, findings, as_of, history)
    reached, notes = _look_around(settings, read, findings, able if able and able.counts_at(as_of) else None)
    notes = (*_note_no_rules(path, read.policy), *notes)
    unsure = find_operators(settings).errors
    if unsure:
        reached, notes = (), (*notes, "without operators nobody knows which halts hold: every decision is refused")
    return PolicyInspection(
        faults=(*findings.in_order(), *unsure),
        auto_now=tuple(reach.target for reach in reached if not reach.missing),
        could_be=tuple(reach for reach in reached if reach.missing),
        odd_bounds=tuple(_find_odd(read.policy, as_of)) if isinstance(read.policy, Policy) else (),
        zone_data=importlib.metadata.version("tzdata"),
        notes=notes,
    )


def read_able(settings: Settings) -> Able | None:
    """Return what the executor said last that it can do; None where it never said anything, or nobody can tell."""
    place = action_place(settings)
    if not place.journals.is_dir():
        return None
    ledger = read_ledger(read_journals(place)).ledger
    return fold_ledger(ledger, (), settings.actions.numbers()).able


def _find_silent(
    settings: Settings, read: ReadPolicy, policy: Policy, findings: Findings, as_of: datetime, history: timedelta
) -> None:
    silent = find_silent_rules(settings, policy, as_of - history, as_of)
    for rule, node in read.places:
        if rule.rule_id in silent:
            findings.warn(node, f"the rule {rule.rule_id} decided nothing in {spell_duration(history)}")


def _look_around(
    settings: Settings, read: ReadPolicy, findings: Findings, able: Able | None
) -> tuple[tuple[Reach, ...], tuple[str, ...]]:
    """Note what inventory and executor make of it; without an inventory, say so."""
    if not isinstance(read.policy, Policy):
        return (), ("a policy with errors holds nothing: every decision is refused",)
    try:
        desired, _ = read_desired(settings)
    except SupervisorError as error:
        return (), (f"no inventory, so nothing is said of targets: {error}",)
    remark_on_inventory(read, desired, findings)
    reached = tuple(find_reach(desired, read.policy, settings.actions.numbers(), able))
    remark_on_executor(read, reached, is_able=able is not None, findings=findings)
    return reached, ()


def _note_no_rules(path: Path, policy: Policy | BrokenPolicy) -> Iterator[str]:
    """Say that nothing will be done, where no rule says anything."""
    if isinstance(policy, Policy) and not policy.rules:
        which = "it has no rules" if path.exists() else f"{path}: there is no such file"
        yield f"{which}, so that everything is observed and nothing done; docs/policy.md begins with the smallest"


def _find_odd(policy: Policy, as_of: datetime) -> Iterator[OddBound]:
    for name, window in policy.windows:
        for bound, is_repeated in find_odd_bounds(window, as_of, AHEAD_DAYS):
            yield OddBound(name, f"{bound:%Y-%m-%d %H:%M}", window.zone, is_repeated)

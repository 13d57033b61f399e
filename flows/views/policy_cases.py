"""`supervisor policy test`: cases, each decided as a live run decides, and compared with what is expected."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from flows.run.acting.frames import look_at_run
from flows.run.actions import Acting, Remembered, decide_actions, make_scene
from flows.settings import Settings
from flows.sources.policy.cases_file import read_cases
from flows.sources.policy.policy_file import read_policy
from flows.views import case_past
from flows.views.case_world import make_world
from schemas.canonical import spell_instant
from schemas.decision import Decision
from schemas.numbers import Automation
from schemas.policy import PolicyFault
from schemas.policy_case import Case, CaseResult, Difference, Expectation
from stages.fold_ledger import fold_ledger


class Tried(NamedTuple):
    """How each case went, and what is wrong with the policy that they were decided by."""

    results: tuple[CaseResult, ...]
    faults: tuple[PolicyFault, ...]

    @property
    def exit_code(self) -> int:
        """Return 2 where a case differs; else 0."""
        return 0 if all(result.is_ok for result in self.results) else 2

    def to_document(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "v": 1,
            "cases": [
                {
                    "name": result.name,
                    "ok": result.is_ok,
                    "differs": [
                        {"target": row.target, "key": row.key, "expected": row.expected, "got": row.got}
                        for row in result.differs
                    ],
                }
                for result in self.results
            ],
        }


def try_cases(settings: Settings, cases: Path, policy: Path | None, now: datetime) -> Tried:
    """Decide each case of a file, by a policy that nobody need trust yet, and say what differs; nothing is written."""
    given = read_cases(cases)
    path = policy or settings.actions.policy
    results = tuple(_run(case, cases.parent, path, settings, now) for case in given)
    faults = read_policy(path, settings.actions.numbers(), None).faults
    return Tried(results, faults)


def decide_case(case: Case, folder: Path, policy: Path, settings: Settings, now: datetime) -> tuple[Decision, ...]:
    """Return what is decided in a case, at its moment; by its own numbers; with automation off, nothing."""
    if case.numbers.automation is Automation.OFF:
        return ()
    desired, actual = make_world(case, folder, settings, now)
    acknowledgements = case_past.make_acknowledgements(case)
    frames = look_at_run(desired, actual, settings.rules())
    episodes = case_past.make_episodes(case, frames.recommended)
    hashes = case_past.hash_targets(desired)
    ledger, operators = case_past.make_ledger(case, hashes), (case_past.OPERATOR,)
    book = fold_ledger(ledger, operators, case.numbers)
    acting = Acting(
        policy=read_policy(policy, case.numbers, None).policy,
        numbers=case.numbers,
        operators=operators,
        ledger=ledger,
        memory=case_past.make_memory(case, desired, hashes),
        able=case_past.make_able(case, hashes, book.able),
    )
    remembered = Remembered(episodes, acknowledgements, settings.past_rules())
    scene = make_scene(frames.sight, frames.recommended, remembered, acting, book, frames.world_at, case.at)
    scene = replace(scene, flapping={**scene.flapping, **case.flapping})
    decided = decide_actions(scene, acting.policy, acting.numbers, acting.operators, book, acting.memory, acting.able)
    return decided.decisions


def _run(case: Case, folder: Path, policy: Path, settings: Settings, now: datetime) -> CaseResult:
    decisions = decide_case(case, folder, policy, settings, now)
    differs = [row for expected in case.expect for row in _compare(expected, decisions)]
    return CaseResult(name=case.name, differs=tuple(differs), line=case.line)


def _compare(expected: Expectation, decisions: Iterable[Decision]) -> list[Difference]:
    """Return what differs for one target; of several decisions about it, from the one that differs least."""
    target = "/".join(expected.target)
    found = [row for row in decisions if (row.node, row.service) == expected.target]
    if expected.keys is None:
        return [Difference(target=target, key="decision", expected="none", got=_tell(row)) for row in found]
    if not found:
        return [Difference(target=target, key="decision", expected=_plain(expected.keys), got="none")]
    return min((_differ(target, expected.keys, row) for row in found), key=len)


def _differ(target: str, keys: Mapping[str, Any], decision: Decision) -> list[Difference]:
    got = describe(decision)
    wanted = {key: _plain(value) for key, value in keys.items()}
    return [
        Difference(target=target, key=key, expected=value, got=got[key])
        for key, value in wanted.items()
        if got[key] != value
    ]


def describe(decision: Decision) -> dict[str, Any]:
    """Return what can be expected of a decision, as plain values."""
    return {
        "rule_id": decision.rule_id,
        "mode": str(decision.mode),
        "class": None if decision.risk is None else str(decision.risk),
        "verb": None if decision.verb is None else str(decision.verb),
        "params": dict(decision.params),
        "verdict": str(decision.verdict),
        "decided_by": decision.decided_by,
        "until": None if decision.until is None else spell_instant(decision.until),
        "number": decision.number,
        "guards": [hit.name for hit in decision.guards],
    }


def _tell(decision: Decision) -> dict[str, Any]:
    got = describe(decision)
    return {key: got[key] for key in ("verb", "verdict", "decided_by")}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return spell_instant(value)
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, Mapping) else value

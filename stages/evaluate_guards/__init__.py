"""Guards: what holds a case back, each a row of a table (ACTIONS 15.1); those that depend on what else starts are admission's."""

from collections.abc import Iterable

from schemas.book import Able, Book
from schemas.candidate import Case, Weighed
from schemas.decision import GUARDS, PLACES, GuardHit
from schemas.memory import Memory
from schemas.numbers import Numbers
from schemas.policy import Policy
from schemas.scene import Scene
from schemas.schedule import Schedule
from schemas.verb import is_mutating
from stages.evaluate_guards import leave, needs, patience, target
from stages.evaluate_guards.fleet import find_fleet_hits
from stages.evaluate_guards.ground import Ground, Row

TABLE = (*target.ROWS, *patience.ROWS, *needs.ROWS, *leave.ROWS)
"""The guards of one case, in order."""


def evaluate_guards(
    cases: Iterable[Case],
    scene: Scene,
    book: Book,
    memory: Memory,
    policy: Policy | None,
    policy_fault: str,
    numbers: Numbers,
    able: Able | None,
) -> tuple[Weighed, ...]:
    """Return each case with all guards but 18, 19, 23, 25 and 26 that fail, in their order.

    `memory` is the one with this run in it. An override that holds for a case lets its guard pass.
    """
    cases = tuple(cases)
    ground = Ground(cases, scene, book, memory, policy, policy_fault, numbers, able, _schedules(policy))
    fleet = tuple(find_fleet_hits(ground))
    rows = tuple(row for row in TABLE if row.may_fail(ground))
    return tuple(Weighed(case, _weigh(case, ground, fleet, rows)) for case in cases)


def _schedules(policy: Policy | None) -> dict[str | None, Schedule]:
    if policy is None:
        return {}
    named: dict[str | None, Schedule] = {rule.rule_id: policy.schedule_of(rule) for rule in policy.rules}
    return {name: row for name, row in (named | {None: policy.schedule_of(None)}).items() if row.allow or row.deny}


def _weigh(case: Case, ground: Ground, fleet: tuple[GuardHit, ...], rows: tuple[Row, ...]) -> tuple[GuardHit, ...]:
    if not fleet and not rows:
        return ()
    mutates, is_requested = is_mutating(case.verb), case.candidate.asking is not None
    hits = [*fleet]
    for row in rows:
        if (mutates or not row.is_for_mutating) and not (is_requested and row.spares_requests):
            hits.extend(row.find(case, ground))
    if case.overrides:
        hits = [hit for hit in hits if hit.name not in case.overrides or not GUARDS[hit.guard].is_overridable]
    if fleet:
        hits.sort(key=lambda hit: PLACES[hit.guard])
    return tuple(hits)

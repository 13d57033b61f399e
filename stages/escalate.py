"""Escalation: the step to a person, once for each problem (ACTIONS 16.3)."""

from collections.abc import Iterable

from schemas.book import Book
from schemas.candidate import Case
from schemas.decider_record import Escalated
from schemas.ledger_words import AttemptOutcome, EscalationReason
from schemas.numbers import Numbers
from schemas.problem import Problem, count_no_effect
from schemas.scene import Scene


def escalate(
    cases: Iterable[Case], scene: Scene, book: Book, numbers: Numbers, *, is_policy_valid: bool
) -> tuple[Escalated, ...]:
    """Return the problems that need a person from this run on, by (node, service).

    Only those for which something was tried and no attempt is open, and none whose intent somebody rejected lately: that
    person knows.
    """
    tried = sorted((target, problem) for target, problem in book.problems.items() if problem.attempts)
    if not tried:
        return ()
    by_target = {case.target: case for case in cases if case.candidate.asking is None}
    rows = []
    for target, problem in tried:
        case = by_target.get(target)
        if problem.escalated is not None or problem.has_open_attempt or (case and _is_rejected(case, scene, numbers)):
            continue
        reason = _find_reason(problem, case if is_policy_valid else None, numbers)
        if reason is not None:
            rows.append(
                Escalated(node=target.node, service=target.service, problem_at=problem.problem_at, reason=reason)
            )
    return tuple(rows)


def _is_rejected(case: Case, scene: Scene, numbers: Numbers) -> bool:
    ends_at = case.rejection_ends_at(numbers.reject_hold)
    return ends_at is not None and scene.as_of < ends_at


def _find_reason(problem: Problem, case: Case | None, numbers: Numbers) -> EscalationReason | None:
    if problem.attempts and problem.attempts[-1].outcome is AttemptOutcome.WORSE:
        return EscalationReason.WORSE
    if count_no_effect(problem.attempts) >= numbers.max_no_effect:
        return EscalationReason.NO_EFFECT
    return EscalationReason.LADDER_END if case is not None and case.is_behind_ladder else None

"""Settling: what became of the attempts that have ended, as the worlds since then show it (ACTIONS 16.2)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.attempt import Attempt
from schemas.book import Book
from schemas.decider_record import Relapsed, Verified
from schemas.ledger_words import AttemptOutcome, Result
from schemas.memory import Memory, Progress
from schemas.scene import Look, Scene
from schemas.verb import Verb
from schemas.verification import deadline_of, find_harmed, is_foreign, is_worse, look_for, qualifies
from schemas.words import Action

NEVER = Progress()
DONE = frozenset({Result.DONE, Result.SIMULATED})


class Settled(NamedTuple):
    """What a run says of attempts."""

    outcomes: dict[int, AttemptOutcome]
    """By the number of the attempt."""
    verified: tuple[Verified, ...]
    relapsed: tuple[Relapsed, ...]


class _Case(NamedTuple):
    attempt: Attempt
    ended_at: datetime
    scene: Scene
    progress: Progress
    """With this world in it."""
    deadline: datetime
    is_qualifying: bool
    look: Look


def settle_attempts(book: Book, scene: Scene, before: Memory, memory: Memory) -> Settled:
    """Return the outcomes that this run brings, with their records, each kind by (node, service, verb).

    `before` is the memory without this run, `memory` that with it. What is said of an intent is said once, and holds for
    each of its starts that ended.
    """
    said: dict[str, tuple[Attempt, AttemptOutcome]] = {}
    ended = [attempt for attempt in book.open_attempts if attempt.ended_at is not None]
    for attempt in ended:
        outcome = None if attempt.intent_id in said else _find_outcome(attempt, scene, before, memory)
        if outcome is not None:
            said[attempt.intent_id] = attempt, outcome
    tried = (attempt for problem in book.problems.values() for attempt in problem.attempts)
    relapsed = [attempt for attempt in tried if _has_relapsed(attempt, scene)]
    rows = sorted(said.values(), key=lambda row: _order(row[0]))
    again = {attempt.intent_id: attempt for attempt in relapsed}
    return Settled(
        {attempt.n: said[attempt.intent_id][1] for attempt in ended if attempt.intent_id in said}
        | {attempt.n: AttemptOutcome.RELAPSED for attempt in relapsed},
        tuple(
            Verified(
                intent_id=attempt.intent_id,
                outcome=outcome,
                world_at=scene.world_at,
                neighbours=find_harmed(scene, attempt),
            )
            for attempt, outcome in rows
        ),
        tuple(Relapsed(intent_id=attempt.intent_id) for attempt in sorted(again.values(), key=_order)),
    )


def _order(attempt: Attempt) -> tuple[str, str, str, int]:
    return attempt.node, attempt.service, attempt.verb, attempt.n


def _has_relapsed(attempt: Attempt, scene: Scene) -> bool:
    """Return whether an attempt of an open problem that had helped did not help for long."""
    if attempt.outcome is not AttemptOutcome.RECOVERED or not scene.is_conclusive:
        return False
    is_later = attempt.settled_world_at is not None and scene.world_at > attempt.settled_world_at
    return is_later and look_for(scene, attempt).is_dirty


def _find_outcome(attempt: Attempt, scene: Scene, before: Memory, memory: Memory) -> AttemptOutcome | None:
    if attempt.ended_at is None:
        return None
    progress = memory.progress.get(attempt.intent_id, NEVER)
    last_world_at = before.progress.get(attempt.intent_id, NEVER).last_world_at
    case = _Case(
        attempt,
        attempt.ended_at,
        scene,
        progress,
        deadline_of(attempt, progress),
        qualifies(scene, attempt, last_world_at),
        look_for(scene, attempt),
    )
    return next((outcome for outcome, applies in _TABLE if applies(case)), None)


def _is_superseded(case: _Case) -> bool:
    attempt, scene = case.attempt, case.scene
    if scene.is_gone(attempt.target):
        return True
    asked = scene.asked.get(attempt.target)
    known = None if asked is None or attempt.target in scene.unjudged else asked.desired_hash
    has_changed = known is not None and attempt.desired_hash is not None and known != attempt.desired_hash
    return has_changed or any(
        deployed.begun_at > attempt.started_at and is_foreign(deployed.begun_at, deployed.key, attempt)
        for deployed in scene.deployments.get(attempt.target, ())
    )


def _has_harmed(case: _Case) -> bool:
    progress, worse_span = case.progress, timedelta(seconds=case.attempt.numbers.worse_span)
    if not case.is_qualifying or progress.worse_from is None or progress.last_world_at is None:
        return False
    return progress.worse_count >= 2 and progress.last_world_at - progress.worse_from >= worse_span


def _has_recovered(case: _Case) -> bool:
    progress, span = case.progress, timedelta(seconds=case.attempt.numbers.confirm_span)
    if not case.is_qualifying or not case.look.is_clean or is_worse(case.scene, case.attempt):
        return False
    if progress.clean_from is None or progress.last_world_at is None:
        return False
    return progress.clean_count >= 2 and progress.last_world_at - progress.clean_from >= span


def _is_explained(case: _Case) -> bool:
    if not case.is_qualifying or case.scene.world_at < case.deadline or case.look.is_clean:
        return False
    return not case.look.is_dirty or any(
        advice.target == case.attempt.target and advice.action is Action.DELAYED_DEPLOYMENT
        for advice in case.scene.advice
    )


def _has_failed(case: _Case) -> bool:
    if not case.is_qualifying or case.scene.world_at < case.deadline:
        return False
    last = case.deadline + timedelta(seconds=case.attempt.numbers.verify_within)
    return case.look.is_dirty or case.scene.world_at >= last


def _is_unknown(case: _Case) -> bool:
    since = max(case.deadline, case.progress.last_world_at or case.deadline)
    return case.scene.as_of >= since + timedelta(seconds=case.attempt.numbers.verify_grace)


_TABLE: tuple[tuple[AttemptOutcome, Callable[[_Case], bool]], ...] = (
    (AttemptOutcome.NO_EFFECT, lambda case: case.attempt.result is Result.NO_EFFECT),
    (AttemptOutcome.COLLECTED, lambda case: case.attempt.verb is Verb.DIAGNOSTICS and case.attempt.result in DONE),
    (AttemptOutcome.NOT_COLLECTED, lambda case: case.attempt.verb is Verb.DIAGNOSTICS),
    (AttemptOutcome.SUPERSEDED, _is_superseded),
    (AttemptOutcome.WORSE, _has_harmed),
    (AttemptOutcome.RECOVERED, _has_recovered),
    (AttemptOutcome.EXPLAINED, _is_explained),
    (AttemptOutcome.NOT_RECOVERED, _has_failed),
    (AttemptOutcome.UNKNOWN, _is_unknown),
)
"""The outcomes in their order: the first line that applies."""

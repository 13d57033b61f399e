"""Problems end by lasting health, changed desired state, or a person; and so do their counters (ACTIONS 13.3)."""

from schemas.book import Book
from schemas.decider_record import ProblemClosed
from schemas.episode import Target
from schemas.ledger_words import Closing
from schemas.memory import CleanTime, Memory
from schemas.problem import Problem
from schemas.scene import Scene

_NONE = CleanTime(0, None)


def close_problems(book: Book, scene: Scene, memory: Memory) -> tuple[ProblemClosed, ...]:
    """Return the problems that end with this run, by (node, service)."""
    closed = [
        ProblemClosed(node=problem.node, service=problem.service, problem_at=problem.problem_at, reason=reason)
        for target, problem in book.problems.items()
        if (reason := _find_reason(target, problem, scene, memory)) is not None
    ]
    return tuple(sorted(closed, key=lambda row: (row.node, row.service)))


def _find_reason(target: Target, problem: Problem, scene: Scene, memory: Memory) -> Closing | None:
    if scene.is_gone(target):
        return Closing.REMOVED
    if problem.is_reset:
        return Closing.RESET
    if problem.attempts and problem.has_open_attempt:
        return None
    if _has_changed(target, problem, scene):
        return Closing.DESIRED_CHANGED
    clean_s = memory.clean.get(target, _NONE).seconds
    return Closing.LASTED if clean_s >= problem.stable_for else None


def _has_changed(target: Target, problem: Problem, scene: Scene) -> bool:
    asked = scene.asked.get(target)
    if asked is None or target in scene.unjudged or problem.desired_hash is None:
        return False
    return asked.desired_hash is not None and asked.desired_hash != problem.desired_hash

"""Problems: the life of trouble with one target, over several episodes; counters belong to it (ACTIONS 13.3)."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from schemas.attempt import FAILURES, Attempt
from schemas.episode import Target
from schemas.ledger_words import AttemptOutcome, EscalationReason
from schemas.verb import Verb


class Problem(NamedTuple):
    """One open problem of a target, with its attempts in order."""

    node: str
    service: str
    problem_at: datetime
    desired_hash: str | None
    stable_for: int
    """Seconds of clean time that end it."""
    escalated: EscalationReason | None = None
    is_reset: bool = False
    """An operator ends it; the next run says so."""
    attempts: tuple[Attempt, ...] = ()

    @property
    def target(self) -> Target:
        """What it is about."""
        return Target(self.node, self.service)

    @property
    def has_open_attempt(self) -> bool:
        """One of its attempts has no outcome yet."""
        return any(attempt.is_open for attempt in self.attempts)


def count_failures(attempts: Iterable[Attempt]) -> int:
    """Return how many failed: f."""
    return sum(attempt.outcome in FAILURES for attempt in attempts)


def count_no_effect(attempts: Iterable[Attempt]) -> int:
    """Return how many provably sent nothing: k."""
    return sum(attempt.outcome is AttemptOutcome.NO_EFFECT for attempt in attempts)


def count_position(attempts: tuple[Attempt, ...]) -> int:
    """Return how far the ladder is climbed: p."""
    return count_failures(attempts) + sum(attempt.verb is Verb.DIAGNOSTICS for attempt in attempts)

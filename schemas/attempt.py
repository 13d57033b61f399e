"""Attempts: intents that were started, and intents that may be (ACTIONS 9, 14.3)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from schemas.episode import Target
from schemas.executor_record import AttemptNumbers, Basis
from schemas.ledger_words import AttemptOutcome, Result
from schemas.verb import Mode, Risk, Verb, is_mutating
from schemas.words import ALL, FLEET

FAILURES = frozenset(
    {AttemptOutcome.NOT_RECOVERED, AttemptOutcome.WORSE, AttemptOutcome.UNKNOWN, AttemptOutcome.RELAPSED}
)
"""Outcomes that are a failure of the ladder."""
BREAKING = FAILURES | {AttemptOutcome.NO_EFFECT}
"""Outcomes that are a failure for breakers."""


class IntentState(StrEnum):
    """Where an intent is in its life (ACTIONS 14.3)."""

    SUGGESTED = "suggested"
    PENDING = "pending"
    APPROVED = "approved"
    RUNNING = "running"
    VERIFYING = "verifying"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


UNSTARTED = frozenset({IntentState.SUGGESTED, IntentState.PENDING, IntentState.APPROVED})
"""States of an intent that may still start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One intent that was started; open until its outcome is known."""

    n: int
    """The number of its `started`."""
    intent_id: str
    node: str
    service: str
    verb: Verb
    params: Mapping[str, str]
    number: int
    problem_at: datetime
    started_at: datetime
    fence: int
    step_hash: str | None
    desired_hash: str | None
    numbers: AttemptNumbers
    basis: Basis
    result: Result | None = None
    exit_code: int | None = None
    ended_at: datetime | None = None
    """Of one that was lost, when that was found."""
    outcome: AttemptOutcome | None = None
    settled_at: datetime | None = None
    """When its outcome was first known; a relapse does not move it."""
    settled_n: int = 0
    """The number of the record that said so; 0 where this run says it."""
    settled_world_at: datetime | None = None
    """Of the world that brought its outcome; null where this run says it."""
    is_illegal: bool = False
    """It was started without leave; it counts all the same."""

    @property
    def target(self) -> Target:
        """What it is done to."""
        return Target(self.node, self.service)

    @property
    def watched(self) -> Target:
        """Whose record shows how it went: of a failover that of the service where it went."""
        return Target(self.params["to"], self.service) if self.verb is Verb.FAILOVER else self.target

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that it occupies; of a failover both."""
        return (self.node, self.params["to"]) if "to" in self.params else (self.node,)

    @property
    def is_open(self) -> bool:
        """Its outcome is not known yet."""
        return self.outcome is None

    @property
    def is_mutating(self) -> bool:
        """It changes something."""
        return is_mutating(self.verb)

    def can_settle_at(self, moment: datetime) -> bool:
        """Return whether its outcome may be said: it is not known yet, and the attempt ended, or was given up."""
        return self.is_open and (self.ended_at is not None or self.gives_up_at <= moment)

    @property
    def gives_up_at(self) -> datetime:
        """From this moment on it is taken for lost, where nobody says how it ended."""
        return self.started_at + timedelta(seconds=self.numbers.timeout + self.numbers.verify_grace)


def order_by_scope(attempts: Iterable[Attempt]) -> dict[str, list[Attempt]]:
    """Return the settled attempts that change something and are not neutral, as they were settled: of the fleet, of a node."""
    found: dict[str, list[Attempt]] = {}
    counted = BREAKING | {AttemptOutcome.RECOVERED}
    settled = [attempt for attempt in attempts if attempt.is_mutating and attempt.outcome in counted]
    for attempt in sorted(settled, key=_settled_order):
        for scope in (FLEET, *(f"{node}/{ALL}" for node in attempt.nodes)):
            found.setdefault(scope, []).append(attempt)
    return found


def _settled_order(attempt: Attempt) -> tuple[datetime, int]:
    return attempt.settled_at or attempt.started_at, attempt.n


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One person's yes to an intent, and what it passes."""

    uid: int
    name: str
    at: datetime
    ends_at: datetime
    overrides: tuple[str, ...] = ()
    overrides_end_at: datetime | None = None


class Intent(NamedTuple):
    """What was proposed, and what became of it."""

    intent_id: str
    action_id: str
    node: str
    service: str
    verb: Verb
    risk: Risk
    params: Mapping[str, str]
    number: int
    problem_at: datetime
    evidence_fingerprint: str
    recommendation_id: str | None
    rule_id: str | None
    mode: Mode
    approvals: int
    requested: int | None
    state: IntentState
    created_at: datetime
    updated_at: datetime
    consents: tuple[Consent, ...] = ()
    """Since it was last proposed; of a request that of its requester too."""
    rejected_at: datetime | None = None
    refused_at: datetime | None = None
    """The newest world that the executor refused it on."""
    refused_why: str | None = None
    """What the look at the machine said then."""
    was_started: bool = False
    history: tuple[tuple[str, str, datetime, str], ...] = ()
    """Each transition: from, to, when, by whom."""

    @property
    def target(self) -> Target:
        """What it is about."""
        return Target(self.node, self.service)

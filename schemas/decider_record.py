"""What a decider writes: what it proposes and gives up, what came of it, and the problems."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from schemas.ledger_words import At, AttemptOutcome, Closing, EscalationReason, Params, Withdrawal
from schemas.setting import STRICT
from schemas.verb import Mode, Risk, Verb


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """An intent: decided by the supervisor, and shown, asked for or ready to start."""

    __pydantic_config__ = STRICT
    kind: Literal["proposed"] = "proposed"
    intent_id: str
    action_id: str
    node: str
    service: str
    verb: Verb
    risk: Annotated[Risk, Field(alias="class")]
    params: Params
    number: int
    problem_at: At
    evidence_fingerprint: str
    recommendation_id: str | None
    rule_id: str | None
    mode: Mode
    approvals: int
    """How many different people must say yes."""
    requested: int | None = None
    """The number of the request that it comes from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """An intent that was never started is given up."""

    __pydantic_config__ = STRICT
    kind: Literal["withdrawn"] = "withdrawn"
    intent_id: str
    reason: Withdrawal


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """The approval of an intent ended unused, or is not valid any more."""

    __pydantic_config__ = STRICT
    kind: Literal["expired"] = "expired"
    intent_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Relapsed:
    """The target of a recovered attempt is dirty again while its problem is open."""

    __pydantic_config__ = STRICT
    kind: Literal["relapsed"] = "relapsed"
    intent_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The outcome of an attempt."""

    __pydantic_config__ = STRICT
    kind: Literal["verified"] = "verified"
    intent_id: str
    outcome: AttemptOutcome
    world_at: At
    neighbours: tuple[str, ...] = ()
    """Services of its node that were clean when it began and are harmed now, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemOpened:
    """Trouble with one target begins to be counted."""

    __pydantic_config__ = STRICT
    kind: Literal["problem_opened"] = "problem_opened"
    node: str
    service: str
    problem_at: At
    desired_hash: str | None
    stable_for: int
    """Seconds of clean time that end it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemClosed:
    """Trouble with one target is over, and so are its counters."""

    __pydantic_config__ = STRICT
    kind: Literal["problem_closed"] = "problem_closed"
    node: str
    service: str
    problem_at: At
    reason: Closing


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalated:
    """A person is needed."""

    __pydantic_config__ = STRICT
    kind: Literal["escalated"] = "escalated"
    node: str
    service: str
    problem_at: At
    reason: EscalationReason


DeciderRecord = Proposed | Withdrawn | Expired | Relapsed | Verified | ProblemOpened | ProblemClosed | Escalated

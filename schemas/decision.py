"""Decisions: what policy says now about one recommendation or request (ACTIONS 13.5)."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from schemas.decider_record import DeciderRecord
from schemas.memory import Memory
from schemas.verb import Mode, Risk, Verb


class Verdict(StrEnum):
    """What a decision comes to."""

    NONE = "none"
    OBSERVE = "observe"
    SUGGEST = "suggest"
    REFUSE = "refuse"
    WAIT = "wait"
    ASK = "ask"
    START = "start"


class Guard(StrEnum):
    """What can hold a decision back, in order of precedence (ACTIONS 15.1); one `needs` a name behind it."""

    POLICY_INVALID = "policy_invalid"
    LEDGER_BROKEN = "ledger_broken"
    CLOCK_BEHIND = "clock_behind"
    HALTED = "halted"
    STALE_WORLD = "stale_world"
    OBSERVER_SUSPECT = "observer_suspect"
    NODE_SUSPECT = "node_suspect"
    TOO_MANY_UNHEALTHY = "too_many_unhealthy"
    STORM = "storm"
    PROTECTED = "protected"
    HELD = "held"
    ACKNOWLEDGED = "acknowledged"
    NOT_ALLOWED = "not_allowed"
    NOT_VERIFIABLE = "not_verifiable"
    NEEDS_HUMAN = "needs_human"
    FLAPPING = "flapping"
    ACT_AFTER = "act_after"
    START_GRACE = "start_grace"
    BUSY_ITSELF = "busy_itself"
    """Told as `busy`: of the target itself."""
    CHAIN_BUSY = "chain_busy"
    QUORUM = "quorum"
    NEEDS = "needs"
    WINDOW = "window"
    COOLDOWN = "cooldown"
    BREAKER = "breaker"
    COLLATERAL = "collateral"
    BUSY = "busy"
    RATE_TARGET = "rate_target"
    RATE_NODE = "rate_node"
    RATE_FLEET = "rate_fleet"
    BUDGET = "budget"
    RATE_DIAGNOSTICS = "rate_diagnostics"
    APPROVAL = "approval"
    REFUSED = "refused"


class GuardTrait(NamedTuple):
    """What is true of a guard whomever it holds back."""

    number: int
    verdict: Verdict
    """What it comes to, but `quorum`, which may refuse."""
    keeps_from_asking: bool
    is_overridable: bool


def _trait(number: int, verdict: str, flags: str = "") -> GuardTrait:
    return GuardTrait(number, Verdict(verdict), "A" in flags, "O" in flags)


GUARDS: dict[Guard, GuardTrait] = {
    Guard.POLICY_INVALID: _trait(1, "refuse", "A"),
    Guard.LEDGER_BROKEN: _trait(2, "refuse", "A"),
    Guard.CLOCK_BEHIND: _trait(3, "refuse", "A"),
    Guard.HALTED: _trait(4, "refuse", "A"),
    Guard.STALE_WORLD: _trait(5, "wait", "A"),
    Guard.OBSERVER_SUSPECT: _trait(6, "wait", "A"),
    Guard.NODE_SUSPECT: _trait(6, "wait", "A"),
    Guard.TOO_MANY_UNHEALTHY: _trait(7, "wait", "AO"),
    Guard.STORM: _trait(8, "wait", "AO"),
    Guard.PROTECTED: _trait(9, "refuse", "A"),
    Guard.HELD: _trait(10, "wait", "A"),
    Guard.ACKNOWLEDGED: _trait(11, "wait", "A"),
    Guard.NOT_ALLOWED: _trait(12, "refuse", "A"),
    Guard.NOT_VERIFIABLE: _trait(13, "refuse", "A"),
    Guard.NEEDS_HUMAN: _trait(14, "refuse", "A"),
    Guard.FLAPPING: _trait(15, "wait", "AO"),
    Guard.ACT_AFTER: _trait(16, "wait", "AO"),
    Guard.START_GRACE: _trait(17, "wait", "O"),
    Guard.BUSY_ITSELF: _trait(25, "wait", "A"),
    Guard.CHAIN_BUSY: _trait(18, "wait"),
    Guard.QUORUM: _trait(19, "wait"),
    Guard.NEEDS: _trait(20, "wait", "A"),
    Guard.WINDOW: _trait(21, "wait", "O"),
    Guard.COOLDOWN: _trait(22, "wait", "O"),
    Guard.BREAKER: _trait(23, "wait", "O"),
    Guard.COLLATERAL: _trait(24, "ask"),
    Guard.BUSY: _trait(25, "wait"),
    Guard.RATE_TARGET: _trait(26, "wait", "O"),
    Guard.RATE_NODE: _trait(26, "wait", "O"),
    Guard.RATE_FLEET: _trait(26, "wait", "O"),
    Guard.BUDGET: _trait(26, "wait", "O"),
    Guard.RATE_DIAGNOSTICS: _trait(26, "wait", "O"),
    Guard.APPROVAL: _trait(27, "ask"),
    Guard.REFUSED: _trait(28, "wait"),
}
"""The guards, in order of precedence; what may keep from asking, and what may be overridden for one intent."""

PLACES = {guard: place for place, guard in enumerate(Guard)}
"""The guards' places in the order of precedence."""
OVERRIDABLE = frozenset(str(guard) for guard, trait in GUARDS.items() if trait.is_overridable)


class GuardHit(NamedTuple):
    """One guard that fails."""

    guard: Guard
    name: str
    """The guard's, or `needs:<name>`."""
    verdict: Verdict
    until: datetime | None
    text: str
    """What, by whom, until when; no code reads it."""
    unblocked_by: str
    keeps_from_asking: bool
    """It counts for the verdict of an action that nobody approved yet; of a busy target itself too."""


def make_hit(
    guard: Guard,
    text: str,
    unblocked_by: str,
    until: datetime | None = None,
    *,
    verdict: Verdict | None = None,
    name: str | None = None,
) -> GuardHit:
    """Return one guard that fails, with what is true of it whomever it holds back."""
    trait = GUARDS[guard]
    told = name or ("busy" if guard is Guard.BUSY_ITSELF else str(guard))
    return GuardHit(guard, told, verdict or trait.verdict, until, text, unblocked_by, trait.keeps_from_asking)


class Decision(NamedTuple):
    """What policy says now about one recommendation or request."""

    as_of: datetime
    node: str
    service: str
    recommendation_id: str | None
    recommended_action: str | None
    verb: Verb | None
    params: Mapping[str, str]
    rule_id: str | None
    mode: Mode
    risk: Risk | None
    """The class: the verb's, or the rule's where that is higher."""
    verdict: Verdict
    decided_by: str
    until: datetime | None
    unblocked_by: str | None
    reason: str
    intent_id: str | None
    number: int
    """The attempt within the problem that it would be."""
    guards: tuple[GuardHit, ...] = ()
    """Those that fail, in order."""
    requested: int | None = None
    """The number of the request by hand that it is about."""
    problem_at: datetime | None = None
    evidence_fingerprint: str | None = None
    action_id: str | None = None
    approvals: int = 1
    step_hash: str | None = None
    place: int | None = None
    """Of one that starts: its place in the order of admission, from 0."""
    lowered_by: str | None = None
    """What made the mode lower than the rule's."""

    @property
    def is_requested(self) -> bool:
        """A person asked for it by hand."""
        return self.requested is not None


class Decided(NamedTuple):
    """What follows from one run for acting."""

    decisions: tuple[Decision, ...]
    """By (node, service, verb, recommendation)."""
    records: tuple[DeciderRecord, ...]
    """What the decider says of it, in the order to be written, at `as_of`."""
    memory: Memory

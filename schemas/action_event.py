"""Events about acting: what a person cares about of a record of the ledger, or of what a run noticed (ACTIONS 16.4).

Plain values of the standard library, so that what writes events imports neither polars nor pydantic.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from schemas.words import Severity


class ActionTransition(StrEnum):
    """What happened; it is the type of the event too."""

    SUGGESTED = "action_suggested"
    PROPOSED = "action_proposed"
    APPROVED = "action_approved"
    REJECTED = "action_rejected"
    WITHDRAWN = "action_withdrawn"
    STARTED = "action_started"
    ENDED = "action_ended"
    VERIFIED = "action_verified"
    RELAPSED = "action_relapsed"
    ESCALATED = "action_escalated"
    BLOCKED = "action_blocked"
    HALTED = "automation_halted"
    RESUMED = "automation_resumed"
    HOLD_SET = "hold_set"
    HOLD_ENDED = "hold_ended"
    OVERRIDE_USED = "override_used"
    BREAKER_OPENED = "breaker_opened"
    BREAKER_CLOSED = "breaker_closed"
    POLICY_CHANGED = "policy_changed"
    POLICY_INVALID = "policy_invalid"
    ILLEGAL = "action_illegal"


PLATFORM_TYPES = {
    ActionTransition.STARTED: "remediation_started",
    ActionTransition.ENDED: "remediation_completed",
}
"""What the platform calls two of them."""

FIELDS = (
    "action_id", "intent_id", "verb", "mode", "rule_id", "number", "by", "decision", "result", "outcome", "until",
    "policy_fingerprint",
)  # fmt: skip
"""What the payload says besides event_id, transition, seq, previous and as_of."""


class ActionEvent(NamedTuple):
    """One event to write, or as a log has it."""

    event_id: str
    transition: ActionTransition
    severity: Severity
    node: str
    service: str
    correlation_id: str
    as_of: datetime
    """When the run noticed it."""
    fields: Mapping[str, object] = {}
    """Of `FIELDS`, as values of JSON; the others are null."""


class Acting(NamedTuple):
    """What a run leaves about acting: events, and what the next run must know."""

    events: tuple[ActionEvent, ...] = ()
    known: Mapping[str, object] | None = None
    """Values of JSON: the memory, the last `n` whose event was written, and what else was told."""

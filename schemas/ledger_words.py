"""The words of the ledger: who writes, what a backend said, what was seen, and why something ended."""

from collections.abc import Mapping
from datetime import UTC
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, PlainSerializer

from schemas.canonical import spell_instant

At = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC)), PlainSerializer(spell_instant)]
"""A moment in UTC; in a journal `2026-06-03T12:01:00Z`."""
Params = Mapping[str, str]
"""What a verb is done with: of a failover `to`; of all others nothing."""


class Role(StrEnum):
    """Who writes a journal."""

    DECIDER = "decider"
    OPERATOR = "operator"
    EXECUTOR = "executor"


class Result(StrEnum):
    """What a backend said of an attempt; the effect of the last three is unknown."""

    DONE = "done"
    FAILED = "failed"
    NO_EFFECT = "no_effect"
    TIMED_OUT = "timed_out"
    LOST = "lost"
    ABORTED = "aborted"
    SIMULATED = "simulated"
    """Of a replay: counts as done."""


class AttemptOutcome(StrEnum):
    """What the observer showed of an attempt, in the order of ACTIONS 16.2."""

    NO_EFFECT = "no_effect"
    COLLECTED = "collected"
    NOT_COLLECTED = "not_collected"
    SUPERSEDED = "superseded"
    WORSE = "worse"
    RECOVERED = "recovered"
    EXPLAINED = "explained"
    NOT_RECOVERED = "not_recovered"
    UNKNOWN = "unknown"
    RELAPSED = "relapsed"


class Withdrawal(StrEnum):
    """Why an intent that was never started is given up."""

    DRIFT_RESOLVED = "drift_resolved_auto"
    REMOVED = "service_removed_from_desired_state"
    SUPERSEDED = "superseded"
    EVIDENCE_CHANGED = "evidence_changed"
    POLICY_CHANGED = "policy_changed"
    REQUEST_ENDED = "request_ended"


class Closing(StrEnum):
    """Why a problem ended."""

    REMOVED = "removed"
    RESET = "reset"
    DESIRED_CHANGED = "desired_changed"
    LASTED = "lasted"


class EscalationReason(StrEnum):
    """Why a person is needed."""

    LADDER_END = "ladder_end"
    WORSE = "worse"
    NO_EFFECT = "no_effect"


WHY_HUMAN = {
    EscalationReason.LADDER_END: "automation has tried all that it may",
    EscalationReason.WORSE: "it was worse after an attempt",
    EscalationReason.NO_EFFECT: "automation does not reach it",
}
"""The same for people."""

"""The ledger: what deciders, operators and executors say of actions, each in a journal of its own (ACTIONS 14.2).

A record is one frozen dataclass of its kind; an entry is a record as it stands in a journal, with its number, its moment
and its author. Plain dataclasses, so that ten thousand of them are made in no time; pydantic reads and writes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, PlainSerializer, TypeAdapter

from schemas.canonical import spell_instant
from schemas.verb import Mode, Risk, Verb
from schemas.words import Severity

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
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """An intent: decided by the supervisor, and shown, asked for or ready to start."""

    __pydantic_config__ = _STRICT
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

    __pydantic_config__ = _STRICT
    kind: Literal["withdrawn"] = "withdrawn"
    intent_id: str
    reason: Withdrawal


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """The approval of an intent ended unused, or is not valid any more."""

    __pydantic_config__ = _STRICT
    kind: Literal["expired"] = "expired"
    intent_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Relapsed:
    """The target of a recovered attempt is dirty again while its problem is open."""

    __pydantic_config__ = _STRICT
    kind: Literal["relapsed"] = "relapsed"
    intent_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The outcome of an attempt."""

    __pydantic_config__ = _STRICT
    kind: Literal["verified"] = "verified"
    intent_id: str
    outcome: AttemptOutcome
    world_at: At
    neighbours: tuple[str, ...] = ()
    """Services of its node that were clean when it began and are harmed now, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemOpened:
    """Trouble with one target begins to be counted."""

    __pydantic_config__ = _STRICT
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

    __pydantic_config__ = _STRICT
    kind: Literal["problem_closed"] = "problem_closed"
    node: str
    service: str
    problem_at: At
    reason: Closing


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalated:
    """A person is needed."""

    __pydantic_config__ = _STRICT
    kind: Literal["escalated"] = "escalated"
    node: str
    service: str
    problem_at: At
    reason: EscalationReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """A person said yes to an intent."""

    __pydantic_config__ = _STRICT
    kind: Literal["approved"] = "approved"
    intent_id: str
    reason: str = ""
    evidence_fingerprint: str | None = None
    policy_fingerprint: str | None = None
    ends_at: At
    overrides: tuple[str, ...] = ()
    overrides_end_at: At | None = None
    via: str | None = None
    claimed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A person said no to an intent."""

    __pydantic_config__ = _STRICT
    kind: Literal["rejected"] = "rejected"
    intent_id: str
    reason: str = ""
    via: str | None = None
    claimed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """A person asks for a verb by hand."""

    __pydantic_config__ = _STRICT
    kind: Literal["requested"] = "requested"
    node: str
    service: str
    verb: Verb
    params: Params = field(default_factory=dict)
    ends_at: At
    reason: str = ""
    overrides: tuple[str, ...] = ()
    overrides_end_at: At | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Automation is kept off a target until a moment."""

    __pydantic_config__ = _STRICT
    kind: Literal["hold"] = "hold"
    target: str
    reason: str = ""
    until: At
    via: str | None = None
    claimed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The holds of a target end."""

    __pydantic_config__ = _STRICT
    kind: Literal["release"] = "release"
    target: str
    reason: str = ""
    via: str | None = None
    claimed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """A problem of a target ends; of `<node>/all` and `fleet/all` its breaker too."""

    __pydantic_config__ = _STRICT
    kind: Literal["reset"] = "reset"
    target: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Nothing more starts anywhere."""

    __pydantic_config__ = _STRICT
    kind: Literal["halt"] = "halt"
    reason: str = ""
    until: At | None = None
    abort: bool = False
    """What runs is ended as well."""
    via: str | None = None
    claimed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """The halt is over."""

    __pydantic_config__ = _STRICT
    kind: Literal["resume"] = "resume"
    reason: str = ""
    via: str | None = None
    claimed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestDown:
    """A person swears that a node is down."""

    __pydantic_config__ = _STRICT
    kind: Literal["attest_down"] = "attest_down"
    node: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOver:
    """The executor may move to this host."""

    __pydantic_config__ = _STRICT
    kind: Literal["take_over"] = "take_over"
    host: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """An executor begins; the number of this record is its fence."""

    __pydantic_config__ = _STRICT
    kind: Literal["claimed"] = "claimed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One verb on one target that the executor would run."""

    __pydantic_config__ = _STRICT
    verb: Verb
    target: str
    step_hash: str | None = None
    reports_deployments: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """All that the executor would run, and the targets that carry it, the journals or the observer.

    What is more than a journal's line holds is said in several records, one right behind the other: `part` of `parts`.
    """

    __pydantic_config__ = _STRICT
    kind: Literal["capabilities"] = "capabilities"
    offers: tuple[Offer, ...] = ()
    self: tuple[str, ...] = ()
    part: int | None = None
    parts: int | None = None
    """Both are there only where one record does not hold all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptNumbers:
    """The numbers of an attempt, in whole seconds: those of its rule when it started (ACTIONS 13.3)."""

    __pydantic_config__ = _STRICT
    settle: int = 30
    confirm_span: int = 60
    worse_span: int = 180
    verify_within: int = 600
    verify_grace: int = 900
    timeout: int = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What an attempt is measured against: the world that it was decided on."""

    __pydantic_config__ = _STRICT
    world_at: At
    causing_kinds: tuple[str, ...] = ()
    severity: Severity | None = None
    clean_neighbours: tuple[str, ...] = ()
    """Services of the node that do not depend on the target and were clean, as `node/service`, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """An attempt begins: durable before the first byte is sent."""

    __pydantic_config__ = _STRICT
    kind: Literal["started"] = "started"
    intent_id: str
    fence: int
    node: str
    service: str
    verb: Verb
    params: Params
    number: int
    problem_at: At
    step_hash: str | None
    desired_hash: str | None
    numbers: AttemptNumbers
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The backend is done with an attempt."""

    __pydantic_config__ = _STRICT
    kind: Literal["ended"] = "ended"
    intent_id: str
    fence: int
    result: Result
    exit_code: int | None = None
    output_length: int = 0
    output_sha256: str | None = None
    line: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """An attempt of an executor that is gone; what became of it is not known."""

    __pydantic_config__ = _STRICT
    kind: Literal["lost"] = "lost"
    intent_id: str
    fence: int
    result: Result
    ended_at: At
    """When it was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The executor looked at the machine, and did not start."""

    __pydantic_config__ = _STRICT
    kind: Literal["refused"] = "refused"
    intent_id: str
    world_at: At
    why: str


DeciderRecord = Proposed | Withdrawn | Expired | Relapsed | Verified | ProblemOpened | ProblemClosed | Escalated
OperatorRecord = Approved | Rejected | Requested | Hold | Release | Reset | Halt | Resume | AttestDown | TakeOver
ExecutorRecord = Claimed | Capabilities | Started | Ended | Lost | Refused
Record = DeciderRecord | OperatorRecord | ExecutorRecord

WRITERS: dict[str, Role] = {
    record.__dataclass_fields__["kind"].default: role
    for role, records in (
        (Role.DECIDER, DeciderRecord.__args__),
        (Role.OPERATOR, OperatorRecord.__args__),
        (Role.EXECUTOR, ExecutorRecord.__args__),
    )
    for record in records
}
"""Whose journal may hold a kind; anywhere else it is ignored, and reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who wrote an entry; the kernel's uid is what counts."""

    __pydantic_config__ = _STRICT
    uid: int
    name: str = ""
    role: Role
    host: str = ""
    pid: int = 0


class Entry(NamedTuple):
    """One record as it stands in the ledger."""

    n: int
    """Its number, over all journals: the order."""
    at: datetime
    by: By
    record: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """All journals, in the order of `n`, and why they cannot be trusted."""

    entries: tuple[Entry, ...] = ()
    broken: str | None = None
    """What does not chain or cannot be read, with its place; null where all is well."""


_RECORDS: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="kind")])
_BY: TypeAdapter[By] = TypeAdapter(By)
_AT: TypeAdapter[datetime] = TypeAdapter(At)
_ENVELOPE = frozenset({"v", "n", "at", "by", "prev", "seal"})


def read_record(form: Mapping[str, Any]) -> Record:
    """Return the record of a mapping with its `kind`; pydantic's ValidationError (a ValueError) names each fault."""
    return _RECORDS.validate_python(form)


def write_record(record: Record) -> dict[str, Any]:
    """Return a record's fields with its `kind`, as values of JSON."""
    form: dict[str, Any] = _RECORDS.dump_python(record, mode="json", by_alias=True)
    return {name: value for name, value in form.items() if value is not None or name not in _ABSENT}


_ABSENT = frozenset({"via", "claimed", "part", "parts"})
"""Fields that a record has only where they say something."""


def read_entry(form: Mapping[str, Any]) -> Entry:
    """Return the entry of a journal's line (without its place in the chain); ValueError or KeyError where it is none."""
    record = read_record({name: value for name, value in form.items() if name not in _ENVELOPE})
    return Entry(int(form["n"]), _AT.validate_python(form["at"]), _BY.validate_python(form["by"]), record)

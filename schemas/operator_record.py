"""What operators write: yes, no and requests, holds and halts, and what they vouch for."""

from dataclasses import dataclass, field
from typing import Literal

from schemas.ledger_words import At, Params
from schemas.setting import STRICT
from schemas.verb import Verb


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """A person said yes to an intent."""

    __pydantic_config__ = STRICT
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

    __pydantic_config__ = STRICT
    kind: Literal["rejected"] = "rejected"
    intent_id: str
    reason: str = ""
    via: str | None = None
    claimed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """A person asks for a verb by hand."""

    __pydantic_config__ = STRICT
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

    __pydantic_config__ = STRICT
    kind: Literal["hold"] = "hold"
    target: str
    reason: str = ""
    until: At
    via: str | None = None
    claimed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The holds of a target end."""

    __pydantic_config__ = STRICT
    kind: Literal["release"] = "release"
    target: str
    reason: str = ""
    via: str | None = None
    claimed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """A problem of a target ends; of `<node>/all` and `fleet/all` its breaker too."""

    __pydantic_config__ = STRICT
    kind: Literal["reset"] = "reset"
    target: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Nothing more starts anywhere."""

    __pydantic_config__ = STRICT
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

    __pydantic_config__ = STRICT
    kind: Literal["resume"] = "resume"
    reason: str = ""
    via: str | None = None
    claimed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestDown:
    """A person swears that a node is down."""

    __pydantic_config__ = STRICT
    kind: Literal["attest_down"] = "attest_down"
    node: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOver:
    """The executor may move to this host."""

    __pydantic_config__ = STRICT
    kind: Literal["take_over"] = "take_over"
    host: str
    reason: str = ""


OperatorRecord = Approved | Rejected | Requested | Hold | Release | Reset | Halt | Resume | AttestDown | TakeOver

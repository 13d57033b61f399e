"""What an executor writes: what it can do, and each attempt from its start to its end."""

from dataclasses import dataclass
from typing import Literal

from schemas.ledger_words import At, Params, Result
from schemas.setting import STRICT
from schemas.verb import Verb
from schemas.words import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """An executor begins; the number of this record is its fence."""

    __pydantic_config__ = STRICT
    kind: Literal["claimed"] = "claimed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One verb on one target that the executor would run."""

    __pydantic_config__ = STRICT
    verb: Verb
    target: str
    step_hash: str | None = None
    reports_deployments: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """All that the executor would run, and the targets that carry it, the journals or the observer.

    What is more than a journal's line holds is said in several records, one right behind the other: `part` of `parts`.
    """

    __pydantic_config__ = STRICT
    kind: Literal["capabilities"] = "capabilities"
    offers: tuple[Offer, ...] = ()
    self: tuple[str, ...] = ()
    part: int | None = None
    parts: int | None = None
    """Both are there only where one record does not hold all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptNumbers:
    """The numbers of an attempt, in whole seconds: those of its rule when it started (ACTIONS 13.3)."""

    __pydantic_config__ = STRICT
    settle: int = 30
    confirm_span: int = 60
    worse_span: int = 180
    verify_within: int = 600
    verify_grace: int = 900
    timeout: int = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What an attempt is measured against: the world that it was decided on."""

    __pydantic_config__ = STRICT
    world_at: At
    causing_kinds: tuple[str, ...] = ()
    severity: Severity | None = None
    clean_neighbours: tuple[str, ...] = ()
    """Services of the node that do not depend on the target and were clean, as `node/service`, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """An attempt begins: durable before the first byte is sent."""

    __pydantic_config__ = STRICT
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

    __pydantic_config__ = STRICT
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

    __pydantic_config__ = STRICT
    kind: Literal["lost"] = "lost"
    intent_id: str
    fence: int
    result: Result
    ended_at: At
    """When it was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The executor looked at the machine, and did not start."""

    __pydantic_config__ = STRICT
    kind: Literal["refused"] = "refused"
    intent_id: str
    world_at: At
    why: str


ExecutorRecord = Claimed | Capabilities | Started | Ended | Lost | Refused

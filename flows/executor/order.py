"""What a backend is asked to do, and what it can answer: one small protocol for all of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from schemas.attempt import Attempt
from schemas.executor_record import Started
from schemas.ledger_words import Result
from schemas.verb import Verb


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One intent, as a backend gets it: a verb and a target; never a command."""

    verb: Verb
    node: str
    service: str
    intent_id: str
    fence: int
    number: int
    world_at: datetime
    timeout_s: float
    params: Mapping[str, str] = field(default_factory=dict)


def order_of(started: Started | Attempt) -> Order:
    """Return what a start asks of its backend."""
    return Order(
        verb=started.verb,
        node=started.node,
        service=started.service,
        intent_id=started.intent_id,
        fence=started.fence,
        number=started.number,
        world_at=started.basis.world_at,
        timeout_s=float(started.numbers.timeout),
        params=started.params,
    )


class Preflight(StrEnum):
    """What a look at the machine right before the start says; only the first is one to start on.

    `BARRED` never gets better by itself (a changed host key, a key that is not accepted): it is an attempt that had no
    effect, so that after some of them a person is told; nothing is sent.
    """

    OK = "ok"
    ALREADY_HEALTHY = "already_healthy"
    STARTING = "starting"
    CHANGED_SINCE = "changed_since"
    NOT_FOUND = "not_found"
    UNREACHABLE = "unreachable"
    AMBIGUOUS = "ambiguous"
    BARRED = "barred"


class Asked(StrEnum):
    """What a backend still knows of an intent whose executor is gone."""

    NEVER_SEEN = "never_seen"
    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a step."""

    result: Result
    exit_code: int | None = None
    output: bytes = b""


IsStopped = Callable[[], bool]


class Backend(Protocol):
    """One way to do things; made for one line of `executor.yaml` and one target."""

    def identify(self) -> object:
        """Return what the step's hash depends on besides its settings, as values of JSON: the hash of a script."""

    def describe(self, order: Order) -> str:
        """Return in one line what would run."""

    def preflight(self, order: Order) -> Preflight:
        """Look at the machine, and change nothing."""

    def run(self, order: Order, is_stopped: IsStopped) -> Ran:
        """Do it; `is_stopped` is asked every second."""

    def ask(self, order: Order) -> Asked:
        """Ask what became of the intent."""

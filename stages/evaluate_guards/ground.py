"""What guards look at, and a guard as a row of their table."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from schemas.book import Able, Book
from schemas.candidate import Case
from schemas.decision import Guard, GuardHit
from schemas.memory import Memory
from schemas.numbers import Numbers
from schemas.policy import Policy
from schemas.scene import Scene
from schemas.schedule import Schedule

Hits = Iterator[GuardHit]


@dataclass(frozen=True, slots=True)
class Ground:
    """What guards look at."""

    cases: tuple[Case, ...]
    """All of the run."""
    scene: Scene
    book: Book
    memory: Memory
    policy: Policy | None
    policy_fault: str
    numbers: Numbers
    able: Able | None
    schedules: Mapping[str | None, Schedule]


class Row(NamedTuple):
    """One guard of the table."""

    guard: Guard
    find: Callable[[Case, Ground], Hits]
    may_fail: Callable[[Ground], bool]
    """Whether it can fail for any case of the run at all, asked once: of ten thousand cases most guards have nothing to say."""
    is_for_mutating: bool = False
    """It holds back only what changes something."""
    spares_requests: bool = False
    """A request by hand passes it."""

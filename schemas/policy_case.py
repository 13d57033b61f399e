"""Cases of a policy (ACTIONS 12.7): a moment, a world, a past, and what is to be decided then."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from schemas.episode import Target
from schemas.executor_record import Offer
from schemas.ledger import Record
from schemas.ledger_words import At, AttemptOutcome, Result
from schemas.numbers import Automation, Numbers
from schemas.verb import Verb

EXPECTED = ("rule_id", "mode", "class", "verb", "params", "verdict", "decided_by", "until", "number", "guards")
"""What can be expected of a decision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseAttempt:
    """One attempt of the past; what is not there yet leaves it open."""

    target: Target
    verb: Verb
    started_at: At
    ended_at: At | None = None
    result: Result | None = None
    outcome: AttemptOutcome | None = None
    settled_at: At | None = None
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What is to be decided for one target; without `keys`, nothing at all."""

    target: Target
    keys: Mapping[str, Any] | None
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case; a place that is not given is that of the settings."""

    name: str
    at: datetime
    expect: tuple[Expectation, ...]
    inventory: str | Mapping[Target, Mapping[str, Any]] | None = None
    """A folder, or each target's entry."""
    world: str | None = None
    changes: Mapping[Target, str] = field(default_factory=dict)
    """By target a status word, `absent`; of a node `offline` or `disk_pressure`."""
    numbers: Numbers = field(default_factory=lambda: Numbers(automation=Automation.AUTO))
    standing_for: timedelta = timedelta(hours=1)
    up_for: timedelta = timedelta(days=7)
    acknowledged: Mapping[Target, datetime] = field(default_factory=dict)
    flapping: Mapping[Target, datetime] = field(default_factory=dict)
    attempts: tuple[CaseAttempt, ...] = ()
    records: tuple[tuple[datetime, Record], ...] = ()
    offers: tuple[Offer, ...] | None = None
    """None: every verb on every target that it fits."""
    line: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that was expected and is not so."""

    target: str
    key: str
    expected: Any
    got: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """How a case went."""

    name: str
    differs: tuple[Difference, ...]
    line: int

    @property
    def is_ok(self) -> bool:
        """Return whether all is as expected."""
        return not self.differs

"""Telling about acting: what a run knows to tell, and what was told before."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from schemas.book import Book
from schemas.decision import Decision
from schemas.episode import Target
from schemas.ledger import Entry
from schemas.words import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was told before, so that it is told once."""

    n: int = 0
    """The last record whose event was written."""
    blocked: frozenset[tuple[str, str, str]] = frozenset()
    """Guard, target and beginning of the problem of each `action_blocked` of the open problems."""
    breakers: frozenset[str] = frozenset()
    """Scopes whose breaker was open."""
    holds: Mapping[str, datetime] = field(default_factory=dict)
    """Targets that were held, with the end: of several holds the latest."""
    policy_fingerprint: str | None = None
    """None: no policy was read before."""
    is_policy_valid: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """What a run knows to tell."""

    entries: tuple[tuple[Entry, str], ...]
    """The ledger's entries, in their order, each with the hash of its line."""
    book: Book
    """After the run's own records."""
    decisions: tuple[Decision, ...]
    severities: Mapping[Target, Severity]
    """Of the recommendations."""
    breakers: frozenset[str]
    """Scopes whose breaker is open now."""
    policy_fingerprint: str
    is_policy_valid: bool
    as_of: datetime

"""What judges and decides for the executor: the same functions as the decider's, on inputs that it reads itself."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from flows.ledger.actions.journals import Journals
from schemas.book import Book
from schemas.decision import Decision
from schemas.episode import Target
from schemas.executor_record import Started


class Thought(Protocol):
    """What follows from inputs that were read at one moment, and from the ledger."""

    @property
    def book(self) -> Book:
        """The ledger, folded."""

    @property
    def greatest(self) -> int:
        """The greatest `n` of the ledger that it follows from."""

    @property
    def world_at(self) -> datetime:
        """The world's time."""

    @property
    def targets(self) -> Iterable[Target]:
        """The desired, monitored services, and `<node>/all` of each desired node."""

    @property
    def problem(self) -> str | None:
        """Why nothing may start at all; None where something may."""

    def startable(self) -> tuple[Decision, ...]:
        """Return the decisions to start, in the order of admission."""

    def again(self, journals: Journals) -> "Thought":
        """Decide again, of the same inputs, on a newer ledger."""

    def begin(self, decision: Decision, fence: int) -> Started:
        """Return the record of a start."""


class Mind(Protocol):
    """Where thoughts come from."""

    def think(self) -> Thought:
        """Read world, inventory, policy and operators anew, and decide."""

    def fold(self, journals: Journals) -> Book:
        """Return what a ledger says; LedgerBrokenError where it cannot be trusted."""

    def now(self) -> datetime:
        """Return the present moment."""

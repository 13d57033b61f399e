"""One executor at a time: the kernel's lock, a record of who claims, and what can be done."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flows.errors import BusyError, EmitError
from flows.executor.mind import Mind, Thought
from flows.executor.offer import Workshop
from flows.files.lock import hold_lock
from flows.ledger.actions.append import LedgerWriteError, LockedLedger, identify, open_ledger, prepare_place
from flows.ledger.actions.journals import read_journals
from flows.ledger.actions.places import ActionPlace
from schemas.book import Book
from schemas.executor_record import Capabilities, Claimed, ExecutorRecord, Offer
from schemas.ledger import write_record
from schemas.ledger_words import Role

WAIT_S = 30.0
CAPABILITIES_AGE = timedelta(hours=1)
PART_BYTES = 768 * 1024
"""So much of what the executor can do goes into one record; a line of a journal holds 1 MiB."""
ROW_BYTES = 160
"""What a row takes besides its target."""


@dataclass
class Claim:
    """The right to be the one executor; written down before the first record that leans on it.

    A look that finds nothing to do leaves no trace, so that a timer does not fill the ledger.
    """

    place: ActionPlace
    mind: Mind
    fence: int | None = None
    """The number of the record; None until it is written."""

    def take(self) -> int:
        """Return the fence, after it was written down."""
        if self.fence is None:
            with open_ledger(self.place, identify(Role.EXECUTOR)) as ledger:
                _check_host(self.mind.fold(ledger.journals))
                self.fence = write(ledger, Claimed(), self.mind)
        return self.fence

    def let_go(self) -> None:
        """Forget the fence: the next record leans on a new one."""
        self.fence = None


@contextmanager
def claim(place: ActionPlace, mind: Mind) -> Iterator[Claim]:
    """Be the one executor; BusyError where another one is, here or on another host.

    LedgerWriteError where the lock cannot be taken at all: nothing can be recorded then, and nothing was.
    """
    prepare_place(place)
    with ExitStack() as held:
        try:
            held.enter_context(hold_lock(place.executor_lock, WAIT_S))
        except EmitError as error:
            raise LedgerWriteError(str(error)) from None
        _check_host(mind.fold(read_journals(place)))
        yield Claim(place, mind)


def _check_host(book: Book) -> None:
    here = socket.gethostname()
    if book.fence_host not in {None, here} and book.taken_over_by != here:
        raise BusyError(
            f"the executor runs on {book.fence_host} by the ledger; stop it there, and let it move here with"
            " 'supervisor actions take-over'"
        )


def offer(claimed: Claim, workshop: Workshop, thought: Thought) -> Thought:
    """Write down what can be done, where that is news or an hour old, and return what follows then."""
    mind = claimed.mind
    offers = workshop.offer_all(thought.targets)
    able = thought.book.able
    if able is not None and able.capabilities == offers and mind.now() - able.at < CAPABILITIES_AGE:
        return thought
    claimed.take()
    with open_ledger(claimed.place, identify(Role.EXECUTOR)) as ledger:
        ledger.append_all([_split_kind(part) for part in split_offers(offers)], mind.now())
        return thought.again(ledger.journals)


def split_offers(capabilities: Capabilities) -> tuple[Capabilities, ...]:
    """Return it as one record, or as several where one would be longer than a journal's line may be."""
    parts: list[list[Offer | str]] = [[]]
    size = 0
    rows: list[Offer | str] = [*capabilities.offers, *capabilities.self]
    for row in rows:
        size += ROW_BYTES + len(row if isinstance(row, str) else row.target)
        if size > PART_BYTES and parts[-1]:
            parts.append([])
            size = 0
        parts[-1].append(row)
    if len(parts) == 1:
        return (capabilities,)
    return tuple(
        Capabilities(
            offers=tuple(row for row in part if not isinstance(row, str)),
            self=tuple(row for row in part if isinstance(row, str)),
            part=number,
            parts=len(parts),
        )
        for number, part in enumerate(parts, start=1)
    )


def _split_kind(record: ExecutorRecord) -> tuple[str, dict[str, Any]]:
    fields = write_record(record)
    return str(fields.pop("kind")), fields


def write(ledger: LockedLedger, record: ExecutorRecord, mind: Mind) -> int:
    """Append a record, and return its number when it is durable."""
    kind, fields = _split_kind(record)
    return ledger.append(kind, mind.now(), fields).n

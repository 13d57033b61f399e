"""One executor at a time: the kernel's lock, a record of who claims, and what can be done."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from flows.errors import BusyError
from flows.executor.mind import Mind, Thought
from flows.executor.offer import Workshop
from flows.files.lock import hold_lock
from flows.ledger.actions.append import LockedLedger, identify, open_ledger, prepare_place
from flows.ledger.actions.places import ActionPlace
from schemas.book import Book
from schemas.ledger import Claimed, ExecutorRecord, Role, write_record

WAIT_S = 30.0
CAPABILITIES_AGE = timedelta(hours=1)


@contextmanager
def claim(place: ActionPlace, mind: Mind) -> Iterator[int]:
    """Be the one executor, and give its fence; BusyError where another one is, here or on another host."""
    prepare_place(place)
    with hold_lock(place.executor_lock, WAIT_S):
        with open_ledger(place, identify(Role.EXECUTOR)) as ledger:
            _check_host(mind.fold(ledger.journals))
            fence = write(ledger, Claimed(), mind)
        yield fence


def _check_host(book: Book) -> None:
    here = socket.gethostname()
    if book.fence_host not in {None, here} and book.taken_over_by != here:
        raise BusyError(
            f"the executor runs on {book.fence_host} by the ledger; stop it there, and let it move here with"
            " 'supervisor actions take-over'"
        )


def offer(place: ActionPlace, mind: Mind, workshop: Workshop, thought: Thought) -> Thought:
    """Write down what can be done, where that is news or an hour old, and return what follows then."""
    offers = workshop.offer_all(thought.targets)
    able = thought.book.able
    if able is not None and able.capabilities == offers and mind.now() - able.at < CAPABILITIES_AGE:
        return thought
    with open_ledger(place, identify(Role.EXECUTOR)) as ledger:
        write(ledger, offers, mind)
        return thought.again(ledger.journals)


def write(ledger: LockedLedger, record: ExecutorRecord, mind: Mind) -> int:
    """Append a record, and return its number when it is durable."""
    fields = write_record(record)
    return ledger.append(fields.pop("kind"), mind.now(), fields).n

"""Interest: which targets of a fleet deciding asks about; a million others are never looked at one by one."""

from collections.abc import Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from schemas.book import Book
from schemas.episode import Recommended, Target
from schemas.memory import Memory
from schemas.policy import Policy
from schemas.verb import DEFAULT_LADDERS
from schemas.words import ALL, Action


class Interest(NamedTuple):
    """What deciding asks about."""

    targets: frozenset[Target]
    seen: frozenset[Target]
    """Those whose own records it asks for, how and when they were seen last, and their nodes'."""


def find_interest(
    recommended: Collection[Recommended], book: Book, memory: Memory, policy: Policy | None, also: Iterable[Target] = ()
) -> Interest:
    """Return the targets with a recommendation that a verb answers to, and those in the ledger or in memory.

    With them where a service may move to, and what stood beside an open attempt when it began. `also` are targets that
    somebody asks about.
    """
    also, moved = frozenset(also), frozenset(_of_failovers(recommended, policy))
    found = {row.target for row in recommended if row.action in DEFAULT_LADDERS}
    found.update(also, memory.seen, book.problems, *(_of_attempts(book), _of_intents(book)))
    found.update(moved)
    seen = {*also, *moved, *book.watched}
    seen |= {Target(asking.request.node, asking.request.service) for asking in book.requests if not asking.is_over}
    return Interest(frozenset(found), _with_nodes(seen))


def _with_nodes(targets: AbstractSet[Target]) -> frozenset[Target]:
    return frozenset(targets | {Target(node, ALL) for node in {target.node for target in targets}})


def _of_intents(book: Book) -> Iterator[Target]:
    yield from (intent.target for intent in book.unstarted)
    yield from (asking.target for asking in book.requests if not asking.is_over)


def _of_attempts(book: Book) -> Iterator[Target]:
    for attempt in book.open_attempts:
        yield attempt.target
        yield attempt.watched
        for name in attempt.basis.clean_neighbours:
            node, _, service = name.partition("/")
            yield Target(node, service)
    for problem in book.problems.values():
        yield from (attempt.watched for attempt in problem.attempts)


def _of_failovers(recommended: Iterable[Recommended], policy: Policy | None) -> Iterator[Target]:
    nodes = {row.node for row in recommended if row.action is Action.FAILOVER_REVIEW}
    for entry in policy.failovers if policy and nodes else ():
        node, _, service = entry.target.partition("/")
        if node in nodes:
            yield Target(node, service)
            yield from (Target(place, service) for place in entry.to)

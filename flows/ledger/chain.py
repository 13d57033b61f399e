"""The chain of our events: each holds the hash of the one before it, so that a change, a gap or a forgery shows."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from flows.ledger.event_line import MARKER
from flows.ledger.log_file import Line, open_log_file, read_lines
from flows.ledger.own_event import OwnEvent, chain_of, read_own_event


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line stands."""

    path: Path
    number: int
    """From 1."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a walk along the chain found."""

    event_count: int
    is_from_the_beginning: bool
    """The first event there is the first that was ever written; otherwise what came before it is not covered."""
    break_at: Place | None
    """The first line that does not follow."""
    problem: str | None
    head: str | None
    """The hash of the last event."""
    bare: tuple[Path, ...] = ()
    """The files without a line of ours."""


def verify_chain(paths: Sequence[Path], last: str | None = None) -> Verdict:
    """Walk along our events in the files, whichever order they are named in; lines of others are passed over.

    `last` is the hash of our latest event, where the checkpoint knows it: of two events that follow the same one, the
    one that it does not stand on is not ours.
    """
    count, head, is_whole = 0, None, False
    seen: set[str] = set()
    found = {path: list(iterate_own_events(path)) for path in paths}
    bare = tuple(path for path, events in found.items() if not events)
    ordered = list(_order([events for events in found.values() if events]))
    strays = _find_strays([event for _, event in ordered if event], last)
    for place, event in ordered:
        problem = _find_problem(event, head, count, seen) or _find_fork(event, strays)
        if problem is not None or event is None:
            return Verdict(count, is_whole, place, problem, head, bare)
        is_whole = is_whole or (count == 0 and event.previous is None)
        count, head = count + 1, event.digest
        seen.add(event.event_id)
    return Verdict(count, is_whole, None, None, head, bare)


def _find_problem(event: OwnEvent | None, head: str | None, count: int, seen: set[str]) -> str | None:
    if event is None:
        return "begins like an event of ours, or with the zero bytes of a power cut, and is none: cut or changed"
    if event.event_id in seen:
        return f"repeats event {event.event_id[:16]}"
    if count and event.previous is None:
        return "begins a new chain: the events before it were unknown when it was written, or it is forged"
    if count and event.previous != head:
        return "does not follow the event before it: a line between them is missing, or one of them was changed"
    return None


def _find_strays(events: Sequence[OwnEvent], last: str | None) -> set[str]:
    """Return the events that follow one which another follows as well, and that our last one does not stand on."""
    chain = chain_of(events, last)
    followers: dict[str, list[str]] = {}
    for event in {event.digest: event for event in events}.values():
        if event.previous is not None:
            followers.setdefault(event.previous, []).append(event.digest)
    # Without our last one in these files, the first to follow is as good as any: the fork is what is told.
    return {
        digest
        for digests in followers.values()
        for digest in digests
        if digest not in (chain if chain.intersection(digests) else digests[:1])
    }


def _find_fork(event: OwnEvent | None, strays: set[str]) -> str | None:
    if event is None or event.digest not in strays:
        return None
    return (
        "follows an event that another one follows as well: it is forged, or of another supervisor that shares the log"
    )


def iterate_own_events(path: Path) -> Iterator[tuple[Place, OwnEvent | None]]:
    """Return our events of one file, compressed or not, with their places; None for a line that only begins like one."""
    with ExitStack() as opened:
        file = open_log_file(path, opened)
        for number, line in enumerate(read_lines(file), start=1):
            event = read_own_event(line.content)
            if event is not None or _claims_to_be_ours(line):
                yield Place(path, number), event


def read_event_lines(path: Path) -> Iterator[tuple[OwnEvent, bytes]]:
    """Return our events of one file, each with its line."""
    with ExitStack() as opened:
        for line in read_lines(open_log_file(path, opened)):
            if event := read_own_event(line.content):
                yield event, line.content


def _claims_to_be_ours(line: Line) -> bool:
    return line.is_terminated and line.content.startswith((MARKER, b"\0"))


def _order(files: list[list[tuple[Place, OwnEvent | None]]]) -> Iterator[tuple[Place, OwnEvent | None]]:
    """Return the events of the files in the order of the chain, which rotation's names do not tell."""
    ends = {_digest(events[-1]) for events in files}
    firsts = [events for events in files if _previous(events[0]) not in ends]
    chosen = next(iter(firsts or files), None)
    while chosen is not None:
        files = [events for events in files if events is not chosen]
        yield from chosen
        last = _digest(chosen[-1])
        following = (events for events in files if last and _previous(events[0]) == last)
        chosen = next(following, next(iter(files), None))


def _digest(found: tuple[Place, OwnEvent | None]) -> str:
    return found[1].digest if found[1] else ""


def _previous(found: tuple[Place, OwnEvent | None]) -> str | None:
    return found[1].previous if found[1] else None

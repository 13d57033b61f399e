"""Following the log: which of its events are news, which are believed, and what is known after them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from flows.ledger.checkpoint import Known
from flows.ledger.own_event import OwnEvent, chain_of
from schemas.episode import REMEMBERED_OPENINGS, Episode


def tell_news(known: Known, events: Iterable[OwnEvent]) -> list[tuple[OwnEvent, bool]]:
    """Return each event with whether it is news after those before it: a lower `seq` is none."""
    counts = {key: episode.seq for key, episode in known.episodes.items()}
    action_seq = known.action_seq
    folded = []
    for event in events:
        if event.episode is None:
            folded.append((event, event.seq > action_seq))
            action_seq = max(action_seq, event.seq)
        else:
            folded.append((event, event.seq > counts.get(event.episode.key, 0)))
            counts[event.episode.key] = max(event.seq, counts.get(event.episode.key, 0))
    return folded


def believe(events: Sequence[OwnEvent], confirmed: frozenset[str]) -> list[OwnEvent]:
    """Return the confirmed events, what they stand on, and what follows the last: a killed run may be in no record."""
    last = next(event.digest for event in reversed(events) if event.digest in confirmed)
    believed = chain_of(events, last) | confirmed
    for event in events:
        if event.previous == last and event.digest not in believed:
            last = event.digest
            believed |= {last}
    return [event for event in events if event.digest in believed]


def follow_events(known: Known, events: Iterable[OwnEvent]) -> Known:
    """Return what is known after the events."""
    episodes, action_seq, head = dict(known.episodes), known.action_seq, known.head
    for event in (event for event, is_news in tell_news(known, events) if is_news):
        head = event.digest
        if event.episode is None:
            action_seq = event.seq
        else:
            openings = _remember_opening(episodes.get(event.episode.key), event.episode)
            episodes[event.episode.key] = event.episode._replace(openings=openings)
    return replace(known, episodes=episodes, action_seq=action_seq, head=head)


def _remember_opening(before: Episode | None, episode: Episode) -> tuple[datetime, ...]:
    openings = before.openings if before else ()
    if openings and openings[-1] == episode.opened_at:
        return openings
    return (*openings, episode.opened_at)[-REMEMBERED_OPENINGS:]


def is_committed(event: OwnEvent, known: Known) -> bool:
    """Return whether an event is one that the checkpoint knows, and not of a run that came after it."""
    if event.episode is None:
        return event.seq <= known.action_seq
    return event.episode.key in known.episodes and event.seq <= known.episodes[event.episode.key].seq

"""Telling: the events of what the ledger gained since the last run, and of what the run itself noticed (ACTIONS 16.4)."""

from collections.abc import Iterable
from operator import attrgetter

from schemas.action_event import ActionEvent
from schemas.told import Fresh, Told
from stages.tell_actions.noticed import (
    find_blocked,
    is_open,
    tell_blocked,
    tell_breakers,
    tell_ended_holds,
    tell_policy,
)
from stages.tell_actions.records import tell_records


def tell_actions(fresh: Fresh, told: Told) -> tuple[tuple[ActionEvent, ...], Told]:
    """Return the events to write, records first in their order, and what is told then."""
    blocked = find_blocked(fresh)
    events = (
        *tell_records(fresh, told),
        *tell_blocked(fresh, told, blocked),
        *tell_ended_holds(fresh, told),
        *tell_breakers(fresh, told),
        *tell_policy(fresh, told),
    )
    after = Told(
        n=fresh.entries[-1][0].n if fresh.entries else told.n,
        blocked=frozenset(blocked) | frozenset(key for key in told.blocked if is_open(fresh, key)),
        breakers=fresh.breakers,
        holds={hold.target: hold.until for hold in sorted(fresh.book.holds_at(fresh.as_of), key=attrgetter("until"))},
        policy_fingerprint=fresh.policy_fingerprint,
        is_policy_valid=fresh.is_policy_valid,
    )
    return events, after


def without(events: Iterable[ActionEvent], told_ids: frozenset[str]) -> tuple[ActionEvent, ...]:
    """Return the events that a log does not hold yet."""
    return tuple(event for event in events if event.event_id not in told_ids)

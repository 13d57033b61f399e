"""A line of the log back as the event of ours that it is, and the episode that it tells of."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from flows.ledger.event_line import MARKER, digest_line
from schemas.action_event import FIELDS, ActionEvent, ActionTransition
from schemas.episode import Episode
from schemas.words import Action, DriftKind, EventType, Resolution, Severity, Transition

_ACTION_TRANSITIONS = frozenset(ActionTransition)


class OwnEvent(NamedTuple):
    """One of our events, as it stands in a log."""

    event_id: str
    digest: str
    """The SHA-256 of the line without its end: what our next event carries as `previous`."""
    previous: str | None
    transition: Transition | ActionTransition
    resolution: Resolution | None
    episode: Episode | None
    """As it is after the event; its `openings` hold at most the latest. None for an event about acting."""
    reason: str
    seq: int
    """Of the episode's events; of all events about acting for one of those."""
    action: ActionEvent | None = None


def chain_of(events: Iterable[OwnEvent], last: str | None) -> frozenset[str]:
    """Return the digests of those events that one of them, by its digest, stands on; its own is among them."""
    before = {event.digest: event.previous for event in events}
    chain = set()
    while last in before and last not in chain:
        chain.add(last)
        last = before[last]
    return frozenset(chain)


def _read_instant(text: object) -> datetime:
    """Return the moment of a text that `write_instant` of `event_line` wrote; ValueError for anything else."""
    if not isinstance(text, str) or not text.endswith("Z"):
        raise ValueError("not an instant of ours")
    return _read_moment(text)


@lru_cache(maxsize=4096)
def _read_moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def read_own_event(line: bytes) -> OwnEvent | None:
    """Return what one of our lines says, or None for any line that is not one of ours, whole."""
    if not line.startswith(MARKER):
        return None
    try:
        return _read_event(json.loads(line), digest_line(line))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def unwrap(value: Mapping[str, object]) -> Mapping[str, object]:
    """Return the envelope, of a CloudEvent too."""
    data = value.get("data")
    return data if "specversion" in value and isinstance(data, Mapping) else value


def _root_causes(value: object) -> tuple[str, ...] | None:
    """Return them; none are known where the event was cut short."""
    return tuple(sorted(map(str, value))) if isinstance(value, list) else None


def _read_event(value: Mapping[str, object], digest: str) -> OwnEvent:
    event = unwrap(value)
    payload = event["payload"]
    if not isinstance(payload, Mapping):
        raise TypeError("payload")
    if payload["transition"] in _ACTION_TRANSITIONS:
        return _read_action_event(event, payload, digest)
    transition = Transition(payload["transition"])
    opened_at = _read_instant(payload["opened_at"])
    episode = Episode(
        recommendation_id=_text(payload["recommendation_id"]),
        event_type=EventType(_text(event["type"])),
        action=Action(payload["action"]),
        severity=Severity(_text(event["severity"])),
        node=_text(event["node"]),
        service=_text(event["service"]),
        causing_kinds=tuple(DriftKind(kind) for kind in payload["causing_kinds"]),
        is_open=transition is not Transition.RESOLVED,
        opened_at=opened_at,
        last_event_at=_read_instant(payload["as_of"]),
        seq=_count(payload["seq"]),
        openings=(opened_at,),
        root_causes=_root_causes(payload.get("root_causes")),
    )
    resolution = payload["resolution"]
    return OwnEvent(
        event_id=_text(payload["event_id"]),
        digest=digest,
        previous=None if payload["previous"] is None else _text(payload["previous"]),
        transition=transition,
        resolution=None if resolution is None else Resolution(resolution),
        episode=episode,
        reason=_text(payload["reason"]),
        seq=episode.seq,
    )


def _read_action_event(event: Mapping[str, object], payload: Mapping[str, object], digest: str) -> OwnEvent:
    action = ActionEvent(
        event_id=_text(payload["event_id"]),
        transition=ActionTransition(_text(payload["transition"])),
        severity=Severity(_text(event["severity"])),
        node=_text(event["node"]),
        service=_text(event["service"]),
        correlation_id=_text(event["correlation_id"]),
        as_of=_read_instant(payload["as_of"]),
        fields={name: payload.get(name) for name in FIELDS},
    )
    return OwnEvent(
        event_id=action.event_id,
        digest=digest,
        previous=None if payload["previous"] is None else _text(payload["previous"]),
        transition=action.transition,
        resolution=None,
        episode=None,
        reason=_spell_action(action),
        seq=_count(payload["seq"]),
        action=action,
    )


def _spell_action(action: ActionEvent) -> str:
    """Return what an event about acting says, for people."""
    words = {name: action.fields.get(name) for name in ("verb", "result", "outcome", "until", "by")}
    said = [f"{name} {value}" if name in {"until", "by"} else str(value) for name, value in words.items() if value]
    return ", ".join(said)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("expected a text")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise TypeError("expected a count")
    return value

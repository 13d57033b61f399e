"""An event as a line of the log: CONTRACT 3.1's envelope, as it is or in a CloudEvent."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from flows.errors import EmitError
from schemas.action_event import FIELDS, PLATFORM_TYPES, ActionEvent, ActionTransition
from schemas.episode import Change, Episode
from schemas.words import Resolution, Severity, Transition

SOURCE = "runtime-supervisor"
MARKER = b'{"source":"runtime-supervisor",'
"""How each of our lines begins, and no one else's: what tells our torn bytes from a foreign line behind them."""
MAX_LINE = 64 * 1024
_KEPT_TEXT = 1000
_KEPT_ITEMS = 20
_RESOLVED = {
    Resolution.DRIFT_RESOLVED: "there is no drift any more",
    Resolution.REMOVED_FROM_DESIRED_STATE: "it is not desired or monitored any more",
    Resolution.SUPERSEDED: "another action is recommended now",
    Resolution.EXPIRED: "its failed deployment is too long ago to count, and nothing was deployed since",
}


class WrittenEvent(NamedTuple):
    """One of our events, and how the log says it."""

    transition: Transition | ActionTransition
    envelope: Mapping[str, object]
    """CONTRACT 3.1's fields, as values of JSON."""
    line: bytes
    """The envelope, or the CloudEvent with it, as it stands in the log, without its end."""


def digest_line(line: bytes) -> str:
    """Return the hash that chains our lines."""
    return hashlib.sha256(line).hexdigest()


def make_event(change: Change, previous: str | None) -> dict[str, object]:
    """Return the event: exactly CONTRACT's fields, and everything else under `payload`."""
    episode, row = change.episode, change.recommended
    return {
        "source": SOURCE,
        "timestamp": write_instant(change.as_of),
        "node": episode.node,
        "service": episode.service,
        "type": str(episode.event_type),
        "severity": str(Severity.INFO if row is None else episode.severity),
        "correlation_id": episode.recommendation_id,
        "payload": make_payload(change, previous),
    }


def make_payload(change: Change, previous: str | None) -> dict[str, object]:
    """Return what an event says besides the envelope."""
    episode, row = change.episode, change.recommended
    return {
        "event_id": change.event_id,
        "recommendation_id": episode.recommendation_id,
        "transition": str(change.transition),
        "resolution": None if change.resolution is None else str(change.resolution),
        "action": str(episode.action),
        "reason": _explain(change),
        "unblocked_by": row.unblocked_by if row else None,
        "causing_kinds": [str(kind) for kind in episode.causing_kinds],
        "drift_ids": list(row.drift_ids) if row else [],
        "root_causes": list(row.root_causes) if row else [],
        "blast_radius": row.blast_radius if row else 0,
        "evidence": _list_evidence(row.evidence if row else ()),
        "before": _tell_before(change.before),
        "opened_at": write_instant(episode.opened_at),
        "as_of": write_instant(change.as_of),
        "seq": episode.seq,
        "input_fingerprint": change.input_fingerprint,
        "rules_fingerprint": change.rules_fingerprint,
        "previous": previous,
    }


def _explain(change: Change) -> str:
    if change.recommended is not None:
        return change.recommended.reason
    episode = change.episode
    why = _RESOLVED[change.resolution] if change.resolution else "it has ended"
    return f"{episode.node}/{episode.service}: {episode.action} is no longer recommended: {why}"


def _list_evidence(evidence: Mapping[str, object] | tuple[Mapping[str, object], ...]) -> list[dict[str, object]]:
    rows = (evidence,) if isinstance(evidence, Mapping) else evidence
    return [{name: _spell_instant(value) for name, value in row.items()} for row in rows]


def _spell_instant(value: object) -> object:
    return write_instant(value) if isinstance(value, datetime) else value


def _tell_before(before: Episode | None) -> dict[str, object] | None:
    if before is None:
        return None
    return {
        "type": str(before.event_type),
        "severity": str(before.severity),
        "causing_kinds": [str(kind) for kind in before.causing_kinds],
    }


def wrap_cloudevent(event: Mapping[str, object], event_id: str) -> dict[str, object]:
    """Return the event as a CloudEvent 1.0, in structured JSON; the envelope as it is becomes its `data`."""
    return {
        "source": SOURCE,
        "specversion": "1.0",
        "id": event_id,
        "type": f"{SOURCE}.{event['type']}",
        "subject": f"{event['node']}/{event['service']}",
        "time": event["timestamp"],
        "datacontenttype": "application/json",
        "data": dict(event),
    }


def encode_change(change: Change, previous: str | None, *, as_cloudevent: bool = False) -> WrittenEvent:
    """Return the change's event, the line of which is ASCII, and at most 64 KiB.

    An event that is longer loses its evidence first, then its long lists and texts; it says so (`truncated`) and holds
    the hash of the whole. A value that JSON has no form for raises EmitError before anything was written.
    """
    event = make_event(change, previous)
    line = _encode(event, change.event_id, as_cloudevent=as_cloudevent)
    if len(line) <= MAX_LINE:
        return WrittenEvent(change.transition, event, line)
    event["payload"] = _shorten(make_payload(change, previous), digest_line(line))
    line = _encode(event, change.event_id, as_cloudevent=as_cloudevent)
    if len(line) > MAX_LINE:
        raise EmitError(f"the event of {change.episode.recommendation_id[:80]} is longer than {MAX_LINE} bytes")
    return WrittenEvent(change.transition, event, line)


def encode_action_event(
    event: ActionEvent, seq: int, previous: str | None, *, as_cloudevent: bool = False, platform_words: bool = False
) -> WrittenEvent:
    """Return the event about acting; EmitError where its line is longer than any may be."""
    type_ = PLATFORM_TYPES.get(event.transition, str(event.transition)) if platform_words else str(event.transition)
    envelope: dict[str, object] = {
        "source": SOURCE,
        "timestamp": write_instant(event.as_of),
        "node": event.node,
        "service": event.service,
        "type": type_,
        "severity": str(event.severity),
        "correlation_id": event.correlation_id,
        "payload": {
            "event_id": event.event_id,
            "transition": str(event.transition),
            **{name: event.fields.get(name) for name in FIELDS},
            "seq": seq,
            "previous": previous,
            "as_of": write_instant(event.as_of),
        },
    }
    line = _encode(envelope, event.event_id, as_cloudevent=as_cloudevent)
    if len(line) > MAX_LINE:
        raise EmitError(f"the event {event.transition} of {event.correlation_id[:80]} is longer than {MAX_LINE} bytes")
    return WrittenEvent(event.transition, envelope, line)


def _shorten(payload: Mapping[str, object], digest: str) -> dict[str, object]:
    short: dict[str, object] = {"truncated": True, "sha256": digest}
    for name, value in payload.items():
        if name == "evidence":
            short[name] = []
        elif isinstance(value, list):
            short[name] = [item[:_KEPT_TEXT] for item in value[:_KEPT_ITEMS]]
        elif isinstance(value, str) and name in {"reason", "unblocked_by"}:
            short[name] = value[:_KEPT_TEXT]
        else:
            short[name] = value
    return short


def _encode(event: Mapping[str, object], event_id: str, *, as_cloudevent: bool) -> bytes:
    form = wrap_cloudevent(event, event_id) if as_cloudevent else event
    try:
        text = json.dumps(form, allow_nan=False, separators=(",", ":"), default=_encode_instant)
    except (TypeError, ValueError) as error:
        name = event["correlation_id"]
        raise EmitError(f"an event of {name} cannot be written as JSON: {error}; nothing was written") from None
    return text.encode("ascii")


def _encode_instant(value: object) -> str:
    if isinstance(value, datetime):
        return write_instant(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


@lru_cache(maxsize=4096)  # episodes share the moments of a few runs
def write_instant(moment: datetime) -> str:
    """Return the moment as ISO 8601 in UTC, `2026-05-01T20:00:00Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")

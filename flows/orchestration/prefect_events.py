"""Each event of ours as a Prefect event, so that Prefect's automations can act on it.

The event log is the record, and Prefect is told of it afterwards: a run that is killed in between leaves a Prefect event out,
never an event of the log. The Prefect event's id is made from ours, so that a repetition is the same event.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prefect.events import emit_event
from prefect.events.worker import EventsWorker

from flows.ledger.event_line import WrittenEvent
from flows.text.escape import show
from schemas.words import ALL

PREFIX = "runtime-supervisor"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://runtime-supervisor/events")
WAIT_S = 30.0
"""So long a run waits until Prefect has its events, before its process ends."""
MOST_ROOT_CAUSES = 20
"""Prefect takes 100 related resources; the event's own payload names them all."""


def publish_events(events: Iterable[WrittenEvent]) -> int:
    """Emit a Prefect event for each that a run appended to the event log, and return how many."""
    count = 0
    for event in events:
        emit_event(**to_prefect_event(event.envelope))
        count += 1
    if count:
        EventsWorker.drain_all(timeout=WAIT_S)
    return count


def to_prefect_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `emit_event` takes: `runtime-supervisor.reconcile.required`, with its node and service as related."""
    payload = event["payload"]
    # An event about acting has the recommendation's id, or what stands for it, in its envelope alone.
    recommendation_id = show(payload.get("recommendation_id") or event["correlation_id"])
    return {
        "event": f"{PREFIX}.{event['type'].replace('_', '.')}",
        "id": uuid.uuid5(NAMESPACE, payload["event_id"]),
        "resource": {
            "prefect.resource.id": f"{PREFIX}.recommendation.{recommendation_id}",
            "prefect.resource.name": recommendation_id,
            f"{PREFIX}.severity": event["severity"],
            f"{PREFIX}.action": payload.get("action") or payload.get("verb") or "",
            f"{PREFIX}.transition": payload["transition"],
        },
        "related": list(_related(event)),
        "payload": {"reason": show(payload.get("reason") or ""), "event": event},
    }


def _related(event: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    node, service = event["node"], event["service"]
    yield _resource("node", node, ALL)
    if service != ALL:
        yield _resource("service", node, service)
    for cause in event["payload"].get("root_causes", ())[:MOST_ROOT_CAUSES]:
        yield _resource("root-cause", *cause.split("/", 1))


def _resource(role: str, node: str, service: str) -> dict[str, str]:
    """Return a node or a service of a node in its role: what an automation matches on."""
    kind, name = ("node", show(node)) if service == ALL else ("service", show(f"{node}/{service}"))
    return {
        "prefect.resource.id": f"{PREFIX}.{kind}.{name}",
        "prefect.resource.role": role,
        "prefect.resource.name": name,
    }

"""World summary: what `runtime-summary.json` says of the observer and its round (OBSERVER 2.8)."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from schemas.look_words import NodeStatus
from schemas.observed import Incident, Node, Service

NOMINAL, DEGRADED, UNKNOWN = "NOMINAL", "DEGRADED", "UNKNOWN"
MOST_NOTES = 50
GONE_LOOKS = 2


def summarize_world(
    nodes: Collection[Node],
    services: Iterable[Service],
    incidents: Iterable[Incident],
    notes: Iterable[str],
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the summary: of nodes seen alone is it NOMINAL, of none UNKNOWN.

    `facts` are what the caller knows: moment, generation, interval, and who observes.
    """
    failing = [node for node in nodes if node.failures or node.status is not NodeStatus.ONLINE]
    told = sorted(set(notes))
    there = [service for service in services if service.gone_looks < GONE_LOOKS]
    return {
        "status": _state(len(nodes), len(failing)),
        "refreshes": True,
        **facts,
        "counts": {
            "nodes": len(nodes),
            "nodes_seen": len(nodes) - len(failing),
            "services": len(there),
            "services_stale": sum(service.stale_since is not None for service in there),
            "incidents_active": sum(incident.status == "active" for incident in incidents),
        },
        "notes": told[:MOST_NOTES],
        "notes_count": len(told),
    }


def _state(node_count: int, failing_count: int) -> str:
    if failing_count == node_count:
        return UNKNOWN
    return DEGRADED if failing_count else NOMINAL

"""The five files of the world: what is known, as JSON, and read back from it (OBSERVER 2.4 to 2.8)."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from flows.observer.memory import Memory
from flows.observer.plan import Plan
from schemas.look_words import HEALTHY, STARTING, NodeStatus, ReasonClass, WordClass
from schemas.observed import Container, Deployment, Incident, Node, NodeLook, Service

MOST_CONTAINERS = 50
GONE_LOOKS = 2
Document = dict[str, Any]
Made = TypeVar("Made")


def describe_nodes(memory: Memory, plan: Plan, observed_by: str, next_looks: Mapping[str, float]) -> Document:
    """Return `nodes.json`."""
    return {
        name: _clean(_describe_node(node, plan, observed_by, next_looks.get(name)))
        for name, node in sorted(memory.nodes.items())
    }


def _describe_node(node: Node, plan: Plan, observed_by: str, next_look_at: float | None) -> Document:
    look = node.look
    reason_class, reason = _reason(node)
    return {
        "status": str(node.status),
        "last_seen": node.last_seen,
        "online_since": node.online_since,
        "roles": list(plan.nodes[node.node].roles) if node.node in plan.nodes else [],
        "engine": dict(look.engine) if look and look.engine else None,
        "source": ", ".join(look.sources) if look else None,
        "observed_by": observed_by,
        "clock_skew_s": round(look.clock_skew_s, 1) if look and look.clock_skew_s is not None else None,
        "took_ms": look.took_ms if look else None,
        "next_look_at": next_look_at,
        "disk_pressure": look.disk_pressure if look else None,
        "memory_pressure": look.memory_pressure if look else None,
        "observation": "partial" if look and look.is_partial else None,
        "failing_since": node.failing_since,
        "failures": node.failures or None,
        "reason_class": reason_class,
        "reason": reason,
    }


def _reason(node: Node) -> tuple[str | None, str | None]:
    if node.look is None:
        return str(ReasonClass.CONFIG), "nobody has looked at it yet"
    return (str(node.look.reason_class), node.look.reason) if node.look.reason_class else (None, None)


def describe_services(memory: Memory, observed_by: str) -> Document:
    """Return `services.json`; what is gone has no record."""
    active = {(one.node, one.service): one.id for one in memory.incidents.values() if one.status == "active"}
    return {
        f"{service.node}/{service.service}": _clean(
            _describe_service(service, active.get((service.node, service.service)), observed_by)
        )
        for _, of_node in sorted(memory.services.items())
        for _, service in sorted(of_node.items())
        if service.gone_looks < GONE_LOOKS
    }


def _describe_service(service: Service, incident_id: str | None, observed_by: str) -> Document:
    cut = len(service.containers) > MOST_CONTAINERS
    return {
        "status": service.status,
        "incident_id": incident_id,
        "last_seen": service.last_seen,
        "since": service.since,
        "parts": {"good": service.good_count, "total": service.total_count},
        "stale_since": service.stale_since,
        "image": list(service.images),
        "restarts": service.restarts,
        "detail": service.detail,
        "containers": [_clean(_describe_container(one)) for one in service.containers[:MOST_CONTAINERS]],
        "containers_count": len(service.containers) if cut else None,
        "source": ", ".join(service.sources),
        "observed_by": observed_by,
    }


def _describe_container(container: Container) -> Document:
    named = {name: getattr(container, name) for name in Container.__dataclass_fields__ if name != "is_bad"}
    return named | {"oom": container.oom or None, "id": container.id or None}


def describe_incidents(memory: Memory) -> Document:
    """Return `incidents.json`."""
    fields = Incident.__dataclass_fields__
    return {
        name: _clean({field: getattr(incident, field) for field in fields})
        for name, incident in memory.incidents.items()
    }


def describe_deployments(memory: Memory) -> Document:
    """Return `deployments.json`."""
    return {
        name: _clean(
            {
                "node": one.node,
                "service": one.service,
                "status": one.status,
                "trigger": one.trigger,
                "started_at": one.started_at,
                "completed_at": one.completed_at,
                "change": one.change,
                "from": list(one.before) if one.change else None,
                "to": list(one.after) if one.change else None,
                "diagnostics": dict(one.diagnostics) if one.diagnostics else None,
            }
        )
        for name, one in memory.deployments.items()
    }


def _clean(record: Document) -> Document:
    """Return the record without what is not known."""
    return {name: value for name, value in record.items() if value is not None}


def read_back(files: Mapping[str, bytes]) -> Memory:
    """Return what the files of the world remember; what they do not is empty: starts, evidence, what ran in slots."""
    services: dict[str, dict[str, Service]] = {}
    for key, record in _records(files.get("services.json", b"")):
        node, _, name = key.partition("/")
        if (service := _try(_read_service, node, name, record)) is not None:
            services.setdefault(node, {})[name] = service
    nodes = {key: _try(_read_node, key, record) for key, record in _records(files.get("nodes.json", b""))}
    incidents = {key: _try(_read_incident, key, record) for key, record in _records(files.get("incidents.json", b""))}
    deployments = {
        key: _try(_read_deployment, key, record) for key, record in _records(files.get("deployments.json", b""))
    }
    return Memory(
        nodes={key: node for key, node in nodes.items() if node},
        services=services,
        incidents={key: incident for key, incident in incidents.items() if incident},
        deployments={key: deployment for key, deployment in deployments.items() if deployment},
    )


def _records(data: bytes) -> Iterator[tuple[str, Document]]:
    try:
        read = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return
    for key, record in read.items() if isinstance(read, dict) else ():
        if isinstance(record, dict):
            yield key, record


def _try(read: Callable[..., Made], *arguments: Any) -> Made | None:
    """Return what a record says; nothing for one that we did not write so."""
    try:
        return read(*arguments)
    except (KeyError, TypeError, ValueError):
        return None


def _moment(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _read_node(name: str, record: Document) -> Node:
    failures = int(record.get("failures", 0))
    reason = ReasonClass(record["reason_class"]) if "reason_class" in record else None
    seen = _moment(record.get("last_seen"))
    look = NodeLook(
        node=name,
        ended_at=seen or 0.0,
        reason_class=reason,
        reason=str(record.get("reason", "")),
        sources=tuple(str(record.get("source", "")).split(", ")),
    )
    return Node(
        node=name,
        status=NodeStatus(record["status"]),
        last_seen=seen,
        online_since=_moment(record.get("online_since")),
        failures=failures,
        failing_since=_moment(record.get("failing_since")),
        look=look if seen or failures else None,
    )


def _read_service(node: str, name: str, record: Document) -> Service:
    status = str(record["status"])
    kinds = {HEALTHY: WordClass.GOOD, STARTING: WordClass.SETTLING}
    fields = Container.__dataclass_fields__
    return Service(
        node=node,
        service=name,
        status=status,
        word=status,
        word_class=kinds.get(status, WordClass.BAD),
        since=float(record["since"]),
        last_seen=float(record["last_seen"]),
        good_count=int(record["parts"]["good"]),
        total_count=int(record["parts"]["total"]),
        stale_since=_moment(record.get("stale_since")),
        images=tuple(map(str, record.get("image", ()))),
        restarts=int(record.get("restarts", 0)),
        detail=record.get("detail"),
        containers=tuple(
            Container(**{key: value for key, value in one.items() if key in fields})
            for one in record.get("containers", ())
        ),
        sources=tuple(str(record.get("source", "")).split(", ")),
    )


def _read_incident(name: str, record: Document) -> Incident:
    return msgspec.convert({**record, "id": name}, Incident)


def _read_deployment(name: str, record: Document) -> Deployment:
    renamed = {"before": record.get("from", ()), "after": record.get("to", ())}
    return msgspec.convert({**record, **renamed, "id": name}, Deployment)

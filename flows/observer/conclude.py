"""Concluding: from looks and what was known to what is known now; reads no clock and touches no file."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from flows.engines.looked import RawLook
from flows.observer.frames import frame_containers, frame_probes, frame_units, start_key
from flows.observer.memory import Memory, Services
from flows.observer.plan import Plan
from flows.observer.services import build_services
from schemas.episode import Target, spell_target
from schemas.look_words import TRIGGERS, NodeStatus, WordClass
from schemas.observed import Hook, Node, NodeLook, Service, Sighting, Starts
from schemas.part import Part
from schemas.words import ALL
from stages.attribute import attribute_containers
from stages.carry import carry_services
from stages.container_word import word_containers
from stages.count_starts import count_starts
from stages.node_state import judge_node
from stages.observed_deployment import advance_deployments
from stages.observed_incident import Incidents, advance_incidents
from stages.probe_word import word_probes
from stages.roll_up import roll_up_parts
from stages.unit_word import word_units

SKEW_INCIDENT_S = 60.0
LOOK_AGAIN_S, SETTLE_S = 5.0, 10.5
MASS_COUNT = 5
SERVICE_SEVERITY, NODE_SEVERITY = "error", "warning"


@dataclass(frozen=True)
class Conclusion:
    """What is known after some looks."""

    memory: Memory
    look_again: Mapping[str, float] = field(default_factory=dict)
    """Nodes that are worth a look before their time, and in how many seconds."""


def conclude(
    memory: Memory,
    plan: Plan,
    looks: Sequence[RawLook],
    hooks: Sequence[Hook],
    at: float,
    progress_deadline_s: float = 600.0,
) -> Conclusion:
    """Return what is known after these looks, at most one a node, which ended by that moment.

    What the inventory no longer asks for is forgotten with its node; a node that nobody has looked at yet is there as
    unobservable.
    """
    looks = [look for look in looks if look.node in plan.nodes and not look.is_idle]
    looked = {look.node: summarize_look(look) for look in looks}
    known = _keep_nodes(memory, plan)
    starts = _count_starts(known, looks)
    parts, notes = _word_parts(plan, looks, starts)
    rolled = roll_up_parts(Part.validate(parts), plan.wanted, plan.selectors)
    services = _carry_all(known.services, build_services(parts, rolled, looks), looked)
    shown = _shown(services, looked)
    incidents = _advance_incidents(known, plan, shown, looked, at)
    asked = [service for service in shown if service.is_asked_for]
    deployments = advance_deployments(
        known.deployments, _as_of_last_look(known, looked), asked, hooks, at, progress_deadline_s
    )
    after = replace(
        known,
        nodes=_judge_nodes(known, plan, looked),
        services={name: _forget_strangers(of_node) for name, of_node in services.items()},
        incidents=dict(incidents.incidents),
        evidence={spell_target(target): evidence for target, evidence in incidents.evidence.items()},
        deployments=deployments,
        starts=starts,
        notes=known.notes | {name: tuple(sorted(notes.get(name, ()))) for name in looked},
        parts=known.parts | {look.node: look.part for look in looks if look.part},
        container_ids=known.container_ids | {look.node: _ids(look) for look in looks},
    )
    return Conclusion(_note_mass_change(memory, after, looked), _plan_again(after, looked))


def summarize_look(look: RawLook) -> NodeLook:
    """Return what a look at a node came to: its first failure counts, since what runs there cannot be seen."""
    failed = [source for source in look.sources if source.reason_class is not None]
    engines = [source for source in look.sources if source.kind]
    skews = [source.skew_s for source in engines if source.skew_s is not None]
    first = failed[0] if failed else None
    engine = {"kind": engines[0].kind, "version": engines[0].version, "api": engines[0].api} if engines else {}
    return NodeLook(
        node=look.node,
        ended_at=look.ended_at,
        took_ms=look.took_ms,
        reason_class=first.reason_class if first else None,
        reason=first.reason if first else "",
        has_engine=any(source.kind and source.reason_class is None for source in look.sources),
        unseen_sources=tuple(source.source for source in failed),
        sources=tuple(source.source for source in look.sources),
        engine={key: value for key, value in engine.items() if value},
        clock_skew_s=skews[0] if skews else None,
        is_partial=any(source.is_partial for source in look.sources),
        disk_pressure=look.pressure.disk,
        memory_pressure=look.pressure.memory,
    )


def _keep_nodes(memory: Memory, plan: Plan) -> Memory:
    """Return what is known of the nodes of the plan alone."""
    return replace(
        memory,
        nodes={name: node for name, node in memory.nodes.items() if name in plan.nodes},
        services={name: known for name, known in memory.services.items() if name in plan.nodes},
        notes={name: notes for name, notes in memory.notes.items() if name in plan.nodes},
        container_ids={name: ids for name, ids in memory.container_ids.items() if name in plan.nodes},
        starts={key: known for key, known in memory.starts.items() if key.partition("|")[0] in plan.nodes},
    )


def _count_starts(memory: Memory, looks: Iterable[RawLook]) -> dict[str, dict[str, Starts]]:
    """Return the starts of all that the looks show; of what is gone from a source that answered, none."""
    starts = dict(memory.starts)
    for look in looks:
        for source in look.sources:
            if source.reason_class is not None or not (source.containers or source.units):
                continue
            old = starts.get(start_key(look, source), {})
            seen = [(row.container_id, row.started_at, row.restart_count) for row in source.containers]
            seen += [(row.unit, None, row.restart_count) for row in source.units]
            starts[start_key(look, source)] = {
                name: count_starts(old.get(name), started_at, count, look.ended_at) for name, started_at, count in seen
            }
    return starts


def _word_parts(
    plan: Plan, looks: Sequence[RawLook], starts: Mapping[str, Mapping[str, Starts]]
) -> tuple[pl.DataFrame, dict[str, set[str]]]:
    """Return the parts of all services, and by node what is doubtful about them."""
    attributed = attribute_containers(frame_containers(looks, starts), plan.wanted, plan.selectors)
    units = word_units(frame_units(looks, starts), plan.wanted, plan.selectors)
    parts = pl.concat([word_containers(attributed, plan.wanted), units, word_probes(frame_probes(looks))])
    notes: dict[str, set[str]] = {}
    nameless = attributed.filter(pl.col("service").is_null()).select("node", "note")
    for node, note in pl.concat([parts.select("node", "note"), nameless]).drop_nulls().iter_rows():
        notes.setdefault(node, set()).add(note)
    return parts, notes


def _carry_all(known: Services, seen: Services, looked: Mapping[str, NodeLook]) -> Services:
    """Return the services of all nodes: of those that were looked at, what the look says of each."""
    return known | {
        name: carry_services(known.get(name, {}), seen.get(name, {}), look) for name, look in looked.items()
    }


def _judge_nodes(memory: Memory, plan: Plan, looked: Mapping[str, NodeLook]) -> dict[str, Node]:
    nodes = dict(memory.nodes)
    for name, of_plan in plan.nodes.items():
        if name in looked:
            nodes[name] = judge_node(nodes.get(name), looked[name], is_intermittent=of_plan.is_intermittent)
        elif name not in nodes:
            nodes[name] = Node(node=name, status=NodeStatus.UNOBSERVABLE)
    return nodes


def _shown(services: Services, looked: Mapping[str, NodeLook]) -> list[Service]:
    """Return the services that the looks showed themselves."""
    return [
        service
        for node in looked
        for service in services[node].values()
        if service.gone_looks == 0 and service.stale_since is None
    ]


def _as_of_last_look(memory: Memory, looked: Iterable[str]) -> dict[Target, Service]:
    """Return what was known of these nodes' services, dated to the last good look: a quiet one's own date may be older."""
    dated = {}
    for name in looked:
        node = memory.nodes.get(name)
        seen_at = (node.last_seen if node else None) or 0.0
        for service in memory.services.get(name, {}).values():
            dated[Target(name, service.service)] = replace(service, last_seen=max(service.last_seen, seen_at))
    return dated


def _advance_incidents(
    memory: Memory, plan: Plan, shown: Sequence[Service], looked: Mapping[str, NodeLook], at: float
) -> Incidents:
    monitored = plan.wanted.filter("is_monitored").select("node", "service").iter_rows()
    asked_for = {Target(*row) for row in monitored if row[0] in plan.nodes}
    asked_for |= {Target(node, ALL) for node in plan.nodes}
    asked_for |= {_target(key) for key in memory.evidence if _target(key).node in plan.unread_nodes}
    asked_for |= {Target(one.node, one.service) for one in memory.incidents.values() if one.node in plan.unread_nodes}
    sightings = [_sight_service(service) for service in shown]
    sightings += [_sight_node(look) for look in looked.values() if look.reason_class is None]
    evidence = {_target(key): known for key, known in memory.evidence.items()}
    return advance_incidents(Incidents(memory.incidents, evidence), sightings, asked_for, at)


def _target(key: str) -> Target:
    return Target(*key.split("/", 1))


def _sight_service(service: Service) -> Sighting:
    return Sighting(
        target=Target(service.node, service.service),
        word=service.word,
        word_class=service.word_class,
        trigger_type=TRIGGERS.get(service.word, "containers_not_running"),
        severity=SERVICE_SEVERITY,
        detail=service.detail,
    )


def _sight_node(look: NodeLook) -> Sighting:
    skew = abs(look.clock_skew_s or 0.0)
    found = {
        "disk_pressure": look.disk_pressure,
        "memory_pressure": look.memory_pressure,
        "clock_skew": skew > SKEW_INCIDENT_S,
    }
    bad = next((word for word, is_there in found.items() if is_there), None)
    return Sighting(
        target=Target(look.node, ALL),
        word=bad or "healthy",
        word_class=WordClass.BAD if bad else WordClass.GOOD,
        trigger_type=bad or "",
        severity=NODE_SEVERITY,
        detail=f"its clock differs from ours by {look.clock_skew_s:+.1f} s" if bad == "clock_skew" else None,
    )


def _forget_strangers(services: Mapping[str, Service]) -> dict[str, Service]:
    """Return a node's services without those that are gone for good; of asked for ones is remembered what ran."""
    return {name: one for name, one in services.items() if one.gone_looks < 2 or one.is_asked_for}


def _ids(look: RawLook) -> tuple[str, ...]:
    return tuple(sorted(row.container_id for source in look.sources for row in source.containers))


def _note_mass_change(before: Memory, after: Memory, looked: Mapping[str, NodeLook]) -> Memory:
    """Return the memory with a note where all services of the nodes that were looked at are gone at once."""
    had = [one for node in looked for one in before.services.get(node, {}).values() if one.gone_looks == 0]
    has = [one for node in looked for one in after.services.get(node, {}).values() if one.gone_looks == 0]
    if len(had) < MASS_COUNT or has:
        return after
    first = min(looked)
    note = f"mass_change: all {len(had)} services that were seen before are gone at once"
    return replace(after, notes=after.notes | {first: (*after.notes.get(first, ()), note)})


def _plan_again(memory: Memory, looked: Mapping[str, NodeLook]) -> dict[str, float]:
    """Return when nodes are worth another look: what was just gone in five seconds, what is deployed in ten."""
    soon = {}
    under_way = {
        one.node for one in memory.deployments.values() if one.status == "started" and one.trigger == "observed"
    }
    for node in looked:
        if any(one.gone_looks == 1 for one in memory.services.get(node, {}).values()):
            soon[node] = LOOK_AGAIN_S
        elif node in under_way:
            soon[node] = SETTLE_S
    return soon

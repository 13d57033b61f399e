"""What is drift (SEMANTICS 3)."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from benchmarks.peers.plain.inventory import Desired, Node, Service, Target, name_of
from benchmarks.peers.plain.times import Clock, is_open
from benchmarks.peers.plain.world import Actual, Observation, Record, is_listed

FLEET: Target = ("fleet", "all")
ABSENCES = {"missing_service", "misplaced_service", "unreadable_observation", "stale_observation"}


@dataclass
class Drift:
    """One difference between desired and actual."""

    kind: str
    target: Target
    severity: str
    held_by: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    """What later rules need of the evidence."""


@dataclass
class Case:
    """One input, with what is found of it on the way."""

    desired: Desired
    actual: Actual
    rules: dict[str, Any]
    clock: Clock
    settling_since: dict[Target, datetime]
    """Since when runs in a row have seen a service settle, where they have."""
    offline: dict[str, bool] = field(default_factory=dict)
    """Each offline node, and whether a word of its own says so."""
    blind: dict[str, set[str]] = field(default_factory=dict)
    """Why each node, that is not offline, has an unreadable observation."""
    doubted_nodes: set[str] = field(default_factory=set)
    doubted_words: set[str] = field(default_factory=set)
    doubts_services: bool = False
    """What a suspect observer's finding is drawn from."""

    def is_planned(self, target: Target) -> bool:
        """Return whether a window of the fleet, of the node or of the service is open."""
        node, service = self.desired.nodes.get(target[0]), self.desired.services.get(target)
        windows = [self.rules["maintenance"], node and node.windows, service and service.windows]
        return any(is_open(its, self.clock) for its in windows)

    def is_out_of_sight(self, node: str) -> bool:
        """Return whether nobody can look at a node."""
        return bool(self.blind.get(node, set()) & {"unobservable", "silence not judged"})

    def monitored(self) -> Iterator[tuple[Target, Service]]:
        """Yield what is asked for and monitored."""
        yield from ((target, service) for target, service in self.desired.services.items() if service.is_monitored)

    @cached_property
    def asked_of(self) -> dict[str, list[tuple[Target, Service]]]:
        """Return what is asked of each node."""
        asked: dict[str, list[tuple[Target, Service]]] = defaultdict(list)
        for target, service in self.desired.services.items():
            asked[target[0]].append((target, service))
        return asked

    @cached_property
    def records_on(self) -> dict[str, list[Record]]:
        """Return the records of each node's services."""
        records: dict[str, list[Record]] = defaultdict(list)
        for target, record in self.actual.services.items():
            records[target[0]].append(record)
        return records

    @cached_property
    def seen_on(self) -> dict[str, list[tuple[Target, datetime | None]]]:
        """Return when each service of a node was seen, and each record that counts for none."""
        seen: dict[str, list[tuple[Target, datetime | None]]] = defaultdict(list)
        for target, its in self.actual.observations.items():
            seen[target[0]].append((target, its.seen_at))
        for target in self.actual.uncounted:
            seen[target[0]].append((target, self.actual.services[target].seen.at))
        return seen


def detect_drift(case: Case) -> list[Drift]:
    """Return every drift, held back by nothing yet."""
    drift = []
    if case.clock.age(case.actual.world_at) > case.rules["world_ttl"]:
        drift.append(Drift("stale_world", FLEET, "critical"))
    for node in case.desired.nodes.values():
        drift += judge_node(case, node)
    for target, service in case.monitored():
        drift += judge_service(case, target, service)
        drift += failed_deployment(case, target)
    drift += incidents(case)
    drift += unexpected(case)
    if suspect_observer(case, drift):
        drift.append(Drift("observer_suspect", FLEET, "critical"))
    return drift


# ---- nodes ----


def judge_node(case: Case, node: Node) -> Iterator[Drift]:
    """Yield what is wrong with a node."""
    target = (node.name, "all")
    ttl = case.rules["node_ttl_intermittent" if node.is_intermittent else "node_ttl"]
    record = case.actual.nodes.get(node.name)
    if is_offline(case, node.name, ttl):
        case.offline[node.name] = record is not None and record.status in case.rules["offline_words"]
        yield Drift("offline_node", target, "critical" if is_needed(case, node) else "warning")
    else:
        reasons = set(unreadable_reasons(case, node, ttl))
        if reasons:
            case.blind[node.name] = reasons
            yield Drift("unreadable_observation", target, "warning")
    words = {name: pressure_of(record.fields.get(f"{name}_pressure")) for name in ("disk", "memory")} if record else {}
    pressed = {name for name, word in words.items() if word in case.rules["pressure_words"]}
    if pressed:
        yield Drift("node_pressure", target, "warning", facts={"pressed": pressed})
    if is_emptied(case, node):
        yield Drift("empty_inventory", target, "warning")


def pressure_of(value: object) -> str:
    """Return a pressure as a word."""
    return name_of(value) if isinstance(value, str | bool) else ""


def is_offline(case: Case, node: str, ttl: float) -> bool:
    """Return whether a node is offline by its status, or silent and nothing of it is seen."""
    record = case.actual.nodes.get(node)
    if record is not None and record.status == "unobservable":
        return False
    if record is not None and record.status and record.status not in case.rules["online_words"]:
        return True
    if has_fresh_service(case, node, ttl):
        return False
    if record is None:
        return node not in case.actual.unreadable_nodes
    return record.seen.at is not None and case.clock.age(record.seen.at) > ttl


def has_fresh_service(case: Case, node: str, ttl: float) -> bool:
    """Return whether a service record of a node has a healthy word, and is fresh."""
    return any(
        record.status in case.rules["healthy_words"] and case.clock.is_fresh(record.seen.at, ttl)
        for record in case.records_on[node]
    )


def unreadable_reasons(case: Case, node: Node, ttl: float) -> Iterator[str]:
    """Yield why a node that is not offline cannot be told to be online."""
    record = case.actual.nodes.get(node.name)
    if record is None:
        yield "set aside" if node.name in case.actual.unreadable_nodes else "no record"
        return
    if not record.status:
        yield "no status"
    if record.status == "unobservable":
        yield "unobservable"
    if record.seen.is_doubtful:
        yield "doubtful"
    if record.seen.at is not None and case.clock.age(record.seen.at) > ttl:
        yield "silent"
    others = (other for name, other in case.actual.nodes.items() if name != node.name)
    is_never = "last_seen" in record.fields and record.seen.is_never
    if is_never and not has_fresh_service(case, node.name, ttl) and any(other.seen.at for other in others):
        yield "never"
    if not node.is_grace_known and is_between(case, record.seen.at):
        yield "silence not judged"


def is_between(case: Case, seen_at: datetime | None) -> bool:
    """Return whether a node was seen so long ago that it is silent if it is stable, and not if it is intermittent."""
    return case.clock.is_fresh(seen_at, case.rules["node_ttl_intermittent"]) and not case.clock.is_fresh(
        seen_at, case.rules["node_ttl"]
    )


def is_needed(case: Case, node: Node) -> bool:
    """Return whether a node's outage is critical."""
    asked = any(service.is_monitored for _, service in case.asked_of[node.name])
    return (asked or node.is_open or bool(node.bad)) and not node.is_best_effort


def is_emptied(case: Case, node: Node) -> bool:
    """Return whether the inventory asks for nothing of a node on which several services are well."""
    if case.asked_of[node.name] or node.is_open or node.bad or not node.has_inventory:
        return False
    return sum(record.status in case.rules["healthy_words"] for record in case.records_on[node.name]) >= 3


# ---- services ----


def judge_service(case: Case, target: Target, service: Service) -> Iterator[Drift]:
    """Yield what the record of a service, or its absence, says."""
    seen = case.actual.observations.get(target)
    if seen is None:
        if service.run != "scheduled":
            places = found_elsewhere(case, target)
            yield Drift("misplaced_service" if places else "missing_service", target, "error")
    elif seen.rank == "unreadable":
        yield Drift("unreadable_observation", target, "warning")
    elif seen.rank != "healthy":
        yield Drift("unhealthy_service", target, "error", facts={"rank": seen.rank, "word": seen.status})
    elif is_stale(case, target, service, seen):
        yield Drift("stale_observation", target, "warning")


def found_elsewhere(case: Case, target: Target) -> list[str]:
    """Return the nodes on which a service runs that nobody asks for there."""
    ttl = case.rules["service_ttl"]
    return sorted(
        node
        for node, name in case.actual.unexpected
        if name == target[1]
        and node != target[0]
        and node in case.desired.nodes
        and node not in case.offline
        and case.actual.services[node, name].status in case.rules["healthy_words"]
        and (not ttl or case.clock.is_fresh(case.actual.services[node, name].seen.at, ttl))
    )


def is_stale(case: Case, target: Target, service: Service, seen: Observation) -> bool:
    """Return whether a healthy record is old while the node's others are renewed."""
    ttl = case.rules["service_ttl"]
    is_old = seen.seen_at is not None and not case.clock.is_fresh(seen.seen_at, ttl)
    if service.run or not ttl or not is_old or target[0] in case.offline:
        return False
    if case.actual.refreshes:
        return True
    times = [time for other, time in case.seen_on[target[0]] if other != target and time is not None]
    fresh = sum(case.clock.is_fresh(time, ttl) for time in times)
    return fresh >= 2 and 2 * fresh >= len(times)


def failed_deployment(case: Case, target: Target) -> Iterator[Drift]:
    """Yield the finding that a service's newest finished deployment failed."""
    deployments = [row for row in case.actual.deployments.get(target, []) if not is_in_flight(row, case.rules)]
    if not deployments or deployments[-1]["status"] not in case.rules["failed_words"]:
        return
    failures = count_failures(deployments, case.rules)
    ended_at = deployments[-1]["ended_at"]
    is_critical = ended_at is not None and failures >= case.rules["max_deployment_failures"]
    severity = "critical" if is_critical else "warning"
    if ended_at is not None and case.clock.age(ended_at) > case.rules["deployment_window"]:
        severity = "info"
    yield Drift("failed_deployment", target, severity, facts={"failures": failures})


def is_in_flight(deployment: dict[str, Any], rules: dict[str, Any]) -> bool:
    """Return whether a deployment has not ended."""
    return deployment["status"] in rules["in_flight_words"]


def count_failures(deployments: list[dict[str, Any]], rules: dict[str, Any]) -> int:
    """Return how many failed since the last that succeeded."""
    failures = 0
    for deployment in reversed(deployments):
        if deployment["status"] in rules["succeeded_words"]:
            break
        failures += deployment["status"] in rules["failed_words"]
    return failures


def incidents(case: Case) -> Iterator[Drift]:
    """Yield each incident that nobody has resolved."""
    for incident in case.actual.incidents:
        target = incident["target"]
        service = case.desired.services.get(target)
        is_asked = target[0] in case.desired.nodes and (service is None or service.is_monitored)
        if is_asked and not is_resolved(case, incident):
            severity = "critical" if name_of(incident.get("severity")) == "critical" else "warning"
            trigger = name_of(incident.get("trigger_type"))
            facts = {"trigger": trigger, "count": count_of(incident.get("occurrence_count")), "id": incident["id"]}
            yield Drift("unresolved_incident", target, severity, facts=facts)


def count_of(value: object) -> int:
    """Return a count, however it is written; 0 where it is none."""
    found = re.fullmatch(r"([0-9]+)([.]0+)?", str(value).strip())
    return int(found[1]) if found else 0


def is_resolved(case: Case, incident: dict[str, Any]) -> bool:
    """Return whether an incident's status, or the time of its resolution, says that it is over."""
    names = ("started_at", "last_occurrence", "timestamp", "updated_at")
    times = [time for time in (case.clock.at(incident.get(name)) for name in names) if time]
    resolved_at = case.clock.at(incident.get("resolved_at"))
    is_over = resolved_at is not None and all(resolved_at >= time for time in times)
    return is_over or name_of(incident.get("status")) in case.rules["closed_words"]


def unexpected(case: Case) -> Iterator[Drift]:
    """Yield what nobody asks for."""
    for target in case.actual.unexpected:
        yield Drift("unexpected_service", target, "info")
    for node in case.actual.nodes if case.desired.is_topology_known else ():
        if node not in case.desired.nodes and node not in case.desired.unmonitored:
            yield Drift("unexpected_node", (node, "all"), "info")


# ---- the observer ----


def suspect_observer(case: Case, drift: list[Drift]) -> bool:
    """Return whether it is the observer that is doubted, and note what of."""
    to_see = [
        target
        for target, service in case.monitored()
        if target[0] not in case.offline
        and not case.is_out_of_sight(target[0])
        and not case.is_planned(target)
        and not (service.run == "scheduled" and target not in case.actual.observations)
    ]
    unseen = {row.target for row in drift if row.kind in ABSENCES} & set(to_see)
    rules = case.rules
    case.doubts_services = (
        (is_mass(len(unseen), len(to_see), rules) and not is_of_one_node(unseen, to_see))
        or (len(unseen) >= 2 and len(unseen) == len(to_see))
        or (bool(to_see) and not case.actual.services)
    )
    words = Counter(
        case.actual.observations[target].status
        for target in to_see
        if target in case.actual.observations and case.actual.observations[target].rank != "unreadable"
    )
    case.doubted_words = {
        word
        for word, count in words.items()
        if not is_listed(word, rules)
        and word
        and (is_mass(count, words.total(), rules) or (count >= 2 and count == words.total()))
    }
    case.doubted_nodes = doubt_nodes(case)
    return case.doubts_services or bool(case.doubted_words) or bool(case.doubted_nodes)


def is_mass(count: int, total: int, rules: dict[str, Any]) -> bool:
    """Return whether so many of so many are too many at once."""
    return bool(count >= rules["mass_drift_min"] and count >= rules["mass_drift_share"] * total)


def is_of_one_node(unseen: set[Target], to_see: list[Target]) -> bool:
    """Return whether what is unseen is all of one node, while others have theirs."""
    nodes = {target[0] for target in unseen}
    return len(nodes) == 1 and any(target[0] not in nodes for target in to_see)


def doubt_nodes(case: Case) -> set[str]:
    """Return the nodes that are gone together, whose outages are doubted (d, e)."""
    gone = {node for node, is_own_word in case.offline.items() if not is_own_word}
    gone |= {node for node, reasons in case.blind.items() if reasons - {"never"}}
    if case.desired.nodes and not any(node in case.actual.nodes for node in case.desired.nodes):
        return gone
    steady = {
        name
        for name, node in case.desired.nodes.items()
        if not node.is_intermittent and not case.is_planned((name, "all"))
    }
    times = {node: case.actual.nodes[node].seen.at for node in gone if node in case.actual.nodes}
    newest = max((time for node, time in times.items() if time and node in steady), default=None)
    span = case.rules["mass_offline_span"]
    dead = {node for node, time in times.items() if time and newest and (newest - time).total_seconds() > span}
    count, total = len(gone & steady - dead), len(steady - dead)
    is_many = count >= case.rules["mass_offline_min"] and count >= case.rules["mass_drift_share"] * total
    if not is_many and not (count >= 2 and count == total):
        return set()
    intermittent = {name for name, node in case.desired.nodes.items() if node.is_intermittent}
    return (gone & steady - dead) | (gone & intermittent)

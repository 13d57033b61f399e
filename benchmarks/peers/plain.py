"""The plain script that a user would write: `yaml.safe_load`, `json.load`, loops and dictionaries.

It applies SEMANTICS 1 to 6 to well-formed input and shares no code with the supervisor, so that the two can be
compared: as a peer in benchmarks, and as an oracle in tests. It does not promise what a hostile or a torn input asks
for: a file that cannot be parsed raises the parser's own error.

    python -m benchmarks.peers.plain INVENTORY WORLD --as-of 2026-06-03T19:42:00Z
"""

import argparse
import json
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml

Target = tuple[str, str]
"""`(node, service)`."""
TargetOf = Callable[[object, object], Target]
"""What makes a target of the world's node and service: normalized, and through the aliases."""
Loader = Literal["safe", "c"]
NEVER = datetime.min.replace(tzinfo=UTC)
"""Sorts before every instant."""

RULES: dict[str, Any] = {
    "world_ttl": 15 * 60,
    "node_ttl": 5 * 60,
    "node_ttl_intermittent": 60 * 60,
    "mass_drift_min": 5,
    "mass_drift_share": 0.5,
    "node_drift_min": 3,
    "deployment_window": 24 * 3600,
    "max_deployment_failures": 3,
    "progress_deadline": 10 * 60,
    "report_unexpected": False,
    "healthy_words": {"ok", "healthy"},
    "online_words": {"online", "active", "ready", "up", "ok", "healthy"},
    "failed_words": {"failed", "failure", "error"},
    "in_flight_words": {"started", "running", "in_progress", "pending"},
    "succeeded_words": {"completed", "success", "succeeded"},
    "closed_words": {"resolved", "closed"},
    "restart_triggers": {"containers_not_running", "mqtt_unreachable"},
    "node_alias_map": {},
}
NUMBER = re.compile(r"[-+]?[0-9]+([.][0-9]*)?")
SEVERITIES = ["info", "warning", "error", "critical"]


def judge(
    inventory: Path, world: Path, as_of: datetime, rules: dict[str, Any] | None = None, loader: Loader = "safe"
) -> dict[str, Any]:
    """Return the outcome of one world in the shape of `supervisor reconcile --format json`, without its evidence.

    `rules` overrides `RULES` by name, durations in seconds or as `timedelta`. `loader` is PyYAML's pure or its C one.
    """
    settings = {**RULES, **(rules or {})}
    for name, value in settings.items():
        settings[name] = value.total_seconds() if isinstance(value, timedelta) else value
    desired = read_inventory(inventory, loader)
    actual = read_world(world, settings["node_alias_map"])
    drift = hold_back(detect_drift(desired, actual, settings, as_of), actual, settings, as_of)
    recommendations = recommend(drift, desired, settings)
    return {
        "schema_version": 1,
        "as_of": as_of.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "summary": {"state": summarize(drift, recommendations)},
        "partial": False,
        "drift": [{name: row[name] for name in ("kind", "node", "service", "severity", "held_by")} for row in drift],
        "recommendations": recommendations,
        "rejected": sorted(actual.rejected, key=lambda row: (row["file"], row["key"])),
    }


# ---- reading ----


class Desired(NamedTuple):
    """What the inventory asks for."""

    nodes: dict[str, bool]
    """Node to whether it is intermittent."""
    services: dict[Target, bool]
    """Service to whether it is monitored."""
    dependencies: dict[Target, list[tuple[str, str]]]
    """Service to its declared dependencies: scope (`local`, `external`, `anywhere`) and name."""


def name_of(value: object) -> str:
    """Return a name as it is compared: stripped, in lower case."""
    return str(value).strip().lower()


def load_yaml(path: Path, loader: Loader) -> Any:
    """Return the file's one document."""
    with path.open("rb") as file:
        return yaml.load(file, Loader=yaml.CSafeLoader if loader == "c" else yaml.SafeLoader)


def read_inventory(root: Path, loader: Loader) -> Desired:
    """Return the desired state of `hosts/`, `inventory/topology.yaml` and `services/`."""
    desired = Desired({}, {}, defaultdict(list))
    for folder in sorted(path for path in (root / "hosts").iterdir() if path.is_dir()):
        read_host(folder, desired, loader)
    topology = root / "inventory" / "topology.yaml"
    if topology.exists():
        for node in (load_yaml(topology, loader) or {}).get("nodes") or {}:
            desired.nodes.setdefault(name_of(node), False)
    shared = {}
    for path in sorted(root.glob("services/*/service.yaml")):
        service = (load_yaml(path, loader) or {}).get("service") or {}
        shared[name_of(service.get("name") or path.parent.name)] = service.get("dependencies") or []
    for target in desired.services:
        desired.dependencies[target] += [("anywhere", name_of(name)) for name in shared.get(target[1], [])]
    return desired


def read_host(folder: Path, desired: Desired, loader: Loader) -> None:
    """Add one node, its capabilities and its services to the desired state."""
    node = name_of(folder.name)
    capabilities = folder / "capabilities.yaml"
    document = (load_yaml(capabilities, loader) or {}) if capabilities.exists() else {}
    operational = document.get("capabilities", document).get("operational") or {}
    desired.nodes[node] = name_of(operational.get("connectivity")) == "intermittent"
    services = folder / "services.yaml"
    if services.exists():
        for service, fields in listed((load_yaml(services, loader) or {}).get("services")):
            target = (node, name_of(service))
            desired.services[target] = fields.get("monitor") is not False and fields.get("enabled") is not False
            desired.dependencies[target] += declared(fields.get("depends_on"))


def listed(services: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and fields of a mapping of services, or of a list of names and of mappings with a name."""
    if isinstance(services, dict):
        yield from ((name, fields or {}) for name, fields in services.items())
    for entry in services if isinstance(services, list) else []:
        yield (entry["name"], entry) if isinstance(entry, dict) else (entry, {})


def declared(depends_on: Any) -> list[tuple[str, str]]:
    """Return scope and name of each dependency that one service's `depends_on` declares."""
    scopes = depends_on if isinstance(depends_on, dict) else {"anywhere": depends_on}
    return [(scope, name_of(name)) for scope in ("local", "external", "anywhere") for name in scopes.get(scope) or []]


class Actual(NamedTuple):
    """What the world shows."""

    nodes: dict[str, dict[str, Any]]
    services: dict[Target, dict[str, Any]]
    deployments: dict[Target, list[dict[str, Any]]]
    """In the order that they were begun."""
    incidents: list[dict[str, Any]]
    world_at: datetime
    unreadable_nodes: set[str]
    unreadable_services: set[Target]
    rejected: list[dict[str, str]]


def moment(value: object) -> datetime | None:
    """Return the instant that a timestamp of any spelling means, or None where it means none."""
    try:
        if isinstance(value, str) and not NUMBER.fullmatch(value.strip()):
            instant = datetime.fromisoformat(value.strip())
            return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(float(value), UTC)
    except (OverflowError, OSError, ValueError):
        pass
    return None


def load_json(path: Path) -> Any:
    """Return the file's value."""
    with path.open("rb") as file:
        return json.load(file)


def records(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield key and record of a world file, which is an object of records or a list of them."""
    content = load_json(path)
    yield from content.items() if isinstance(content, dict) else ((str(i), row) for i, row in enumerate(content))


def read_world(world: Path, aliases: dict[str, str]) -> Actual:
    """Return what the five files of a world show."""
    known = {name_of(alias): name_of(node) for alias, node in aliases.items()}
    actual = Actual({}, {}, defaultdict(list), [], NEVER, set(), set(), [])

    def target_of(node: object, service: object) -> Target:
        return known.get(name_of(node), name_of(node)), name_of(service)

    read_nodes(world / "nodes.json", actual, target_of)
    read_services(world / "services.json", actual, target_of)
    if (world / "deployments.json").exists():
        read_deployments(world / "deployments.json", actual, target_of)
    if (world / "incidents.json").exists():
        read_incidents(world / "incidents.json", actual, target_of)
    return actual._replace(world_at=read_world_time(world, actual))


def read_nodes(path: Path, actual: Actual, target_of: TargetOf) -> None:
    """Add what `nodes.json` shows; a list's records name their node themselves."""
    for key, record in records(path):
        if not isinstance(record, dict):
            actual.unreadable_nodes.add(target_of(key, "all")[0])
            actual.rejected.append({"file": path.name, "key": key, "reason": "not an object"})
        else:
            actual.nodes[target_of(record.get("node", key) if key.isdecimal() else key, "all")[0]] = record


def read_services(path: Path, actual: Actual, target_of: TargetOf) -> None:
    """Add what `services.json` shows; a record without a usable key is of the service that its fields name."""
    is_keyed = isinstance(load_json(path), dict)
    for key, record in records(path):
        node, _, service = key.partition("/")
        fields = record if isinstance(record, dict) else {}
        claimed = target_of(fields.get("node") or "", fields.get("service") or "")
        target = target_of(node, service) if is_keyed else claimed
        if not all(target):
            actual.unreadable_services.add(claimed)
            actual.rejected.append({"file": path.name, "key": key, "reason": "no usable key"})
        elif not isinstance(record, dict):
            actual.unreadable_services.add(target)
            actual.rejected.append({"file": path.name, "key": key, "reason": "not an object"})
        else:
            actual.services[target] = record


def read_deployments(path: Path, actual: Actual, target_of: TargetOf) -> None:
    """Add what `deployments.json` shows, each service's in the order that they were begun."""
    for key, record in records(path):
        if not isinstance(record, dict) or not record.get("node") or not record.get("service"):
            actual.rejected.append({"file": path.name, "key": key, "reason": "not an object with a node and a service"})
        else:
            target = target_of(record["node"], record["service"])
            actual.deployments[target].append({**record, "begun_at": begun_at(record)})
    for deployments in actual.deployments.values():
        deployments.sort(key=lambda row: row["begun_at"] or NEVER)


def read_incidents(path: Path, actual: Actual, target_of: TargetOf) -> None:
    """Add what `incidents.json` shows; an incident without a service is about its node."""
    for key, record in records(path):
        if not isinstance(record, dict) or not record.get("node"):
            actual.rejected.append({"file": path.name, "key": key, "reason": "not an object with a node"})
        else:
            target = target_of(record["node"], record.get("service") or "all")
            actual.incidents.append({**record, "target": target, "id": record.get("id") or key})


def begun_at(deployment: dict[str, Any]) -> datetime | None:
    """Return the first readable of the times that order deployments."""
    times = (moment(deployment.get(name)) for name in ("started_at", "completed_at", "timestamp", "updated_at"))
    return next((time for time in times if time), None)


def read_world_time(world: Path, actual: Actual) -> datetime:
    """Return the world's own time: its summary's, else the newest `last_seen`, else the newest file's."""
    summary = world / "runtime-summary.json"
    updated = moment(load_json(summary).get("last_update")) if summary.exists() else None
    if updated:
        return updated
    seen = (moment(row.get("last_seen")) for rows in (actual.nodes, actual.services) for row in rows.values())
    newest = max((time for time in seen if time), default=None)
    return newest or datetime.fromtimestamp(max(path.stat().st_mtime for path in world.glob("*.json")), UTC)


def status_of(record: dict[str, Any]) -> str:
    """Return a record's status in lower case, empty where it has none."""
    return name_of(record.get("status") or "")


def age_of(instant: datetime, as_of: datetime) -> float:
    """Return how long ago an instant was, in seconds, never negative."""
    return max(0.0, (as_of - instant).total_seconds())


# ---- drift ----


def drift_row(kind: str, target: Target, severity: str, **evidence: Any) -> dict[str, Any]:
    """Return one drift that nothing holds back yet."""
    return {"kind": kind, "node": target[0], "service": target[1], "severity": severity, "held_by": None, **evidence}


def detect_drift(desired: Desired, actual: Actual, rules: dict[str, Any], as_of: datetime) -> list[dict[str, Any]]:
    """Return every difference of SEMANTICS 3."""
    drift = []
    if age_of(actual.world_at, as_of) > rules["world_ttl"]:
        drift.append(drift_row("stale_world", ("fleet", "all"), "critical"))
    offline = {node for node in desired.nodes if is_offline(node, desired, actual, rules, as_of)}
    drift += [drift_row("offline_node", (node, "all"), "critical") for node in offline]
    monitored = [target for target, is_monitored in desired.services.items() if is_monitored]
    missing = []
    for target in monitored:
        if target in actual.services:
            if status_of(actual.services[target]) not in rules["healthy_words"]:
                drift.append(drift_row("unhealthy_service", target, "error"))
        elif target in actual.unreadable_services:
            drift.append(drift_row("unreadable_observation", target, "warning"))
        else:
            missing.append(target)
    drift += [drift_row("missing_service", target, "error") for target in missing]
    drift += suspect_observer(monitored, missing, offline, actual, rules)
    drift += [row for target in monitored for row in failed_deployment(target, actual, rules, as_of)]
    for incident in actual.incidents:
        target = incident["target"]
        if status_of(incident) in rules["closed_words"] or target[0] not in desired.nodes:
            continue
        if desired.services.get(target) is not False:
            severity = "critical" if name_of(incident.get("severity")) == "critical" else "warning"
            trigger = name_of(incident.get("trigger_type"))
            drift.append(drift_row("unresolved_incident", target, severity, trigger=trigger, id=incident["id"]))
    unexpected = [target for target in actual.services if target not in desired.services]
    return drift + [drift_row("unexpected_service", target, "info") for target in unexpected]


def is_offline(node: str, desired: Desired, actual: Actual, rules: dict[str, Any], as_of: datetime) -> bool:
    """Return whether a node is offline; a node whose record was set aside is not known to be."""
    if node not in actual.nodes:
        return node not in actual.unreadable_nodes
    record = actual.nodes[node]
    seen = moment(record.get("last_seen"))
    limit = rules["node_ttl_intermittent"] if desired.nodes[node] else rules["node_ttl"]
    is_silent = seen is not None and age_of(seen, as_of) > limit
    return is_silent or status_of(record) not in rules["online_words"]


def suspect_observer(
    monitored: list[Target], missing: list[Target], offline: set[str], actual: Actual, rules: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return the finding about the fleet's observer, or else those about single nodes'."""
    looked_for: dict[str, int] = defaultdict(int)
    absent: dict[str, int] = defaultdict(int)
    for counts, targets in ((looked_for, monitored), (absent, missing)):
        for node, _ in targets:
            counts[node] += node not in offline
    total, gone = sum(looked_for.values()), sum(absent.values())
    is_mass = gone >= rules["mass_drift_min"] and gone >= rules["mass_drift_share"] * total
    if is_mass or (monitored and not actual.services):
        return [drift_row("observer_suspect", ("fleet", "all"), "critical")]
    suspects = [
        node for node, count in looked_for.items() if count >= rules["node_drift_min"] and absent[node] == count
    ]
    return [drift_row("observer_suspect", (node, "all"), "error") for node in suspects]


def failed_deployment(
    target: Target, actual: Actual, rules: dict[str, Any], as_of: datetime
) -> Iterable[dict[str, Any]]:
    """Yield the finding that a service's newest deployment failed within the window."""
    deployments = actual.deployments.get(target)
    if not deployments or status_of(deployments[-1]) not in rules["failed_words"]:
        return
    if not deployments[-1]["begun_at"] or age_of(deployments[-1]["begun_at"], as_of) > rules["deployment_window"]:
        return
    failures = 0
    for deployment in reversed(deployments):
        if status_of(deployment) in rules["succeeded_words"]:
            break
        failures += status_of(deployment) in rules["failed_words"]
    severity = "critical" if failures >= rules["max_deployment_failures"] else "warning"
    yield drift_row("failed_deployment", target, severity, failures=failures)


# ---- holding back ----


def hold_back(
    drift: list[dict[str, Any]], actual: Actual, rules: dict[str, Any], as_of: datetime
) -> list[dict[str, Any]]:
    """Return the drift with what explains each (SEMANTICS 4), sorted."""
    found = {(row["kind"], row["node"]) for row in drift}
    for row in drift:
        kind, node = row["kind"], row["node"]
        if kind == "stale_world":
            continue
        if ("stale_world", "fleet") in found:
            row["held_by"] = "stale_world"
        elif kind == "unexpected_service":
            continue
        elif kind == "missing_service" and found & {("observer_suspect", "fleet"), ("observer_suspect", node)}:
            row["held_by"] = "observer_suspect"
        elif kind != "offline_node" and ("offline_node", node) in found:
            row["held_by"] = "offline_node"
        elif kind in {"missing_service", "unhealthy_service", "failed_deployment"} and any(
            status_of(deployment) in rules["in_flight_words"]
            and deployment["begun_at"]
            and age_of(deployment["begun_at"], as_of) < rules["progress_deadline"]
            for deployment in actual.deployments.get((node, row["service"]), [])
        ):
            row["held_by"] = "deployment_in_flight"
    return sorted(drift, key=lambda row: (row["kind"], row["node"], row["service"], row.get("id", "")))


# ---- dependencies ----


def trace_root_causes(drift: list[dict[str, Any]], desired: Desired) -> dict[Target, set[Target]]:
    """Return the far ends of the chains that each unavailable or failed service waits for, which may be none.

    A service is unavailable when it is missing or unhealthy, held back or not, or when its node is offline.
    """
    offline = {row["node"] for row in drift if row["kind"] == "offline_node"}
    broken = {(row["node"], row["service"]) for row in drift if row["kind"] in {"missing_service", "unhealthy_service"}}
    broken |= {target for target, is_monitored in desired.services.items() if is_monitored and target[0] in offline}
    failed = {(row["node"], row["service"]) for row in drift if row["kind"] == "failed_deployment"}
    instances = defaultdict(list)
    for target in desired.services:
        instances[target[1]].append(target)
    links = {target: link(target, desired, instances) for target in desired.services if desired.dependencies[target]}
    component = number_components(links, instances)
    causes: dict[Target, set[Target]] = {}
    for target in sorted(broken | failed, key=lambda target: component.get(target, 0)):
        causes[target] = set()
        for candidates in links.get(target, {}).values():
            others = [other for other in candidates if component.get(other) != component[target]]
            if all(other in broken for other in candidates):
                for other in others:
                    is_lost = other[0] in offline
                    causes[target] |= {(other[0], "all")} if is_lost else causes[other] or {other}
    return causes


def link(target: Target, desired: Desired, instances: dict[str, list[Target]]) -> dict[tuple[str, bool], list[Target]]:
    """Return the desired instances of which one is enough, for each name that is needed on this node or on any."""
    candidates: dict[tuple[str, bool], list[Target]] = {}
    for scope, name in desired.dependencies[target]:
        local = [(target[0], name)] if (target[0], name) in desired.services else []
        is_local = scope == "local" or (scope == "anywhere" and bool(local))
        candidates[name, is_local] = local if is_local else instances.get(name, [])
    return candidates


def number_components(
    links: dict[Target, dict[tuple[str, bool], list[Target]]], instances: dict[str, list[Target]]
) -> dict[Target, int]:
    """Return the strongly connected component of each service that has or is a dependency, dependencies first.

    Tarjan's algorithm without recursion. "Every instance of a name" is a vertex of its own (with an empty node), so
    that the graph grows with the declarations and not with the pairs.
    """
    number: dict[Target, int] = {}
    low: dict[Target, int] = {}
    component: dict[Target, int] = {}
    stack: list[Target] = []

    def successors(vertex: Target) -> list[Target]:
        if not vertex[0]:
            return instances[vertex[1]]
        found = links.get(vertex, {}).items()
        return [other if is_local else ("", name) for (name, is_local), others in found for other in others[:1]]

    for root in links:
        path = [] if root in number else [(root, iter(successors(root)))]
        while path:
            vertex, remaining = path[-1]
            if vertex not in number:
                number[vertex] = low[vertex] = len(number)
                stack.append(vertex)
            following = next(remaining, None)
            if following is None:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[vertex])
                if low[vertex] == number[vertex]:
                    identity, member = len(component), None
                    while member != vertex:
                        member = stack.pop()
                        component[member] = identity
            elif following not in number:
                path.append((following, iter(successors(following))))
            elif following not in component:
                low[vertex] = min(low[vertex], number[following])
    return component


# ---- recommendations ----


def recommend(drift: list[dict[str, Any]], desired: Desired, rules: dict[str, Any]) -> list[dict[str, Any]]:
    """Return at most one recommendation for each target (SEMANTICS 5), sorted by its id."""
    causes = trace_root_causes(drift, desired)
    standing: dict[Target, list[dict[str, Any]]] = defaultdict(list)
    for row in drift:
        if row["held_by"] is None and (rules["report_unexpected"] or row["kind"] != "unexpected_service"):
            standing[row["node"], row["service"]].append(row)
    recommendations = []
    for target, rows in standing.items():
        event_type, action, severity = decide(target, rows, causes, rules)
        waits_for = sorted("/".join(cause) for cause in causes[target]) if action == "delayed_deployment" else []
        recommendations.append(
            {
                "recommendation_id": "-".join([action.replace("_", "-"), *target]),
                "event_type": event_type,
                "action": action,
                "severity": max([severity, *(row["severity"] for row in rows)], key=SEVERITIES.index),
                "node": target[0],
                "service": target[1],
                "root_causes": waits_for,
                "causing_kinds": sorted({row["kind"] for row in rows}),
            }
        )
    count_explained(recommendations, drift)
    return sorted(recommendations, key=lambda row: (row["recommendation_id"], row["node"]))


def decide(
    target: Target, rows: list[dict[str, Any]], causes: dict[Target, set[Target]], rules: dict[str, Any]
) -> tuple[str, str, str]:
    """Return event type, action and severity of the first line of the table that applies to a target's drift."""
    kinds = {row["kind"]: row for row in rows}
    if kinds.keys() & {"stale_world", "observer_suspect"}:
        return "reconcile_blocked", "observer_review", "critical" if target[0] == "fleet" else "error"
    if "offline_node" in kinds:
        return "reconcile_required", "failover_review", "critical"
    if kinds.get("failed_deployment", {}).get("failures", 0) >= rules["max_deployment_failures"]:
        return "reconcile_blocked", "diagnostics", "critical"
    if kinds.keys() & {"missing_service", "unhealthy_service", "failed_deployment"} and causes[target]:
        return "reconcile_blocked", "delayed_deployment", "error"
    triggers = {row["trigger"] for row in rows if row["kind"] == "unresolved_incident"}
    if "unhealthy_service" in kinds and triggers & rules["restart_triggers"]:
        return "reconcile_required", "container_restart", "error"
    if kinds.keys() & {"missing_service", "unhealthy_service"}:
        return "reconcile_required", "redeploy", "error"
    if "failed_deployment" in kinds:
        return "reconcile_recommended", "redeploy", "warning"
    if "unreadable_observation" in kinds:
        return "reconcile_recommended", "observer_review", "warning"
    if "unresolved_incident" in kinds:
        return "reconcile_recommended", "incident_review", "info"
    return "reconcile_recommended", "inventory_review", "info"


def count_explained(recommendations: list[dict[str, Any]], drift: list[dict[str, Any]]) -> None:
    """Add to each recommendation how many other targets wait for it or are held back under it."""
    explained: dict[str, set[Target]] = defaultdict(set)
    suspects = {(row["kind"], row["node"]) for row in drift}
    for row in drift:
        if row["held_by"] in {"stale_world", "observer_suspect", "offline_node"}:
            is_fleet = row["held_by"] == "stale_world" or ("observer_suspect", "fleet") in suspects
            parent = "fleet" if is_fleet and row["held_by"] != "offline_node" else row["node"]
            explained[f"{parent}/all"].add((row["node"], row["service"]))
    for row in recommendations:
        for cause in row["root_causes"]:
            explained[cause].add((row["node"], row["service"]))
    for row in recommendations:
        target = (row["node"], row["service"])
        row["blast_radius"] = len(explained["/".join(target)] - {target})


def summarize(drift: list[dict[str, Any]], recommendations: list[dict[str, Any]]) -> str:
    """Return the state of the fleet (SEMANTICS 6)."""
    if any(row["event_type"] == "reconcile_blocked" or row["severity"] == "critical" for row in recommendations):
        return "unstable"
    if any(row["severity"] != "info" for row in recommendations):
        return "degraded"
    return "reconciling" if any(row["held_by"] == "deployment_in_flight" for row in drift) else "nominal"


def main() -> None:
    """Print the outcome as JSON."""
    parser = argparse.ArgumentParser(description="Reconcile with plain Python.")
    parser.add_argument("inventory", type=Path)
    parser.add_argument("world", type=Path)
    parser.add_argument("--as-of", type=moment, default=datetime.now(UTC))
    parser.add_argument("--loader", choices=["safe", "c"], default="safe")
    parser.add_argument("--rules", type=json.loads, default={}, help="a JSON object, durations in seconds")
    options = parser.parse_args()
    outcome = judge(options.inventory, options.world, options.as_of, options.rules, options.loader)
    json.dump(outcome, sys.stdout, indent=2)


if __name__ == "__main__":
    main()

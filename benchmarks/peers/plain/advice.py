"""What is recommended (SEMANTICS 5), and the state that it leaves the fleet in (6)."""

import hashlib
from collections import Counter, defaultdict
from fnmatch import fnmatchcase
from typing import Any

from benchmarks.peers.plain.drift import FLEET, Case, Drift
from benchmarks.peers.plain.inventory import Target

SEVERITIES = ["info", "warning", "error", "critical"]
EVENTS = ["reconcile_required", "reconcile_blocked", "reconcile_recommended"]
EXPLAINED_BY_NODE = {"offline_node", "unreadable_observation", "node_suspect"}
EXPLAINED_BY_FLEET = {"stale_world", "observer_suspect"}
Decision = tuple[str, str, str]
"""Event type, action and severity."""


def recommend(case: Case, drift: list[Drift], causes: dict[Target, set[Target]]) -> list[dict[str, Any]]:
    """Return at most one recommendation for each target, in the order to act on."""
    standing: dict[Target, list[Drift]] = defaultdict(list)
    for row in drift:
        is_told = case.rules["report_unexpected"] or row.kind not in {"unexpected_service", "unexpected_node"}
        is_old_failure = row.kind == "failed_deployment" and row.severity == "info"
        if row.held_by is None and is_told and not is_old_failure:
            standing[row.target].append(row)
    shared = shared_names(case)
    found = []
    for target, rows in standing.items():
        event_type, action, severity = decide(target, rows, causes, case.rules)
        severities = [severity, *(row.severity for row in rows)]
        ends = sorted("/".join(end) for end in causes.get(target, ())) if action == "delayed_deployment" else []
        found.append(
            {
                "recommendation_id": identify(action, target, shared),
                "event_type": event_type,
                "action": action,
                "severity": max(severities, key=lambda word: SEVERITIES.index(str(word))),
                "node": target[0],
                "service": target[1],
                "root_causes": ends,
                "causing_kinds": sorted({row.kind for row in rows}),
            }
        )
    count_explained(found, drift)
    return sorted(found, key=rank)


def rank(row: dict[str, Any]) -> tuple[Any, ...]:
    """Return what orders recommendations."""
    is_fleet = (row["node"], row["service"]) == FLEET
    severity, event = SEVERITIES.index(row["severity"]), EVENTS.index(row["event_type"])
    return not is_fleet, event, -severity, -row["blast_radius"], row["recommendation_id"]


def shared_names(case: Case) -> set[Target]:
    """Return the targets of the inventory that are written alike in an id."""
    nodes = (*case.desired.nodes, *case.desired.unmonitored)
    targets = {*case.desired.named, *((node, "all") for node in nodes)}
    counts = Counter("-".join(target) for target in targets)
    return {target for target in targets if counts["-".join(target)] > 1}


def identify(action: str, target: Target, shared: set[Target]) -> str:
    """Return the id of a recommendation."""
    name = "-".join([action.replace("_", "-"), *target])
    return f"{name}~{hashlib.sha256('/'.join(target).encode()).hexdigest()[:8]}" if target in shared else name


def decide(target: Target, rows: list[Drift], causes: dict[Target, set[Target]], rules: dict[str, Any]) -> Decision:
    """Return the first line of the table that applies to a target's drift."""
    kinds = {row.kind for row in rows}
    if kinds & EXPLAINED_BY_FLEET:
        return "reconcile_blocked", "observer_review", "critical"
    if "offline_node" in kinds:
        return "reconcile_required", "failover_review", "info"
    if "node_suspect" in kinds:
        return "reconcile_blocked", "node_review", "info"
    if kinds & {"missing_service", "unhealthy_service", "failed_deployment"} and causes.get(target):
        return "reconcile_blocked", "delayed_deployment", "error"
    return decide_without_waiting(target, rows, rules)


def decide_without_waiting(target: Target, rows: list[Drift], rules: dict[str, Any]) -> Decision:
    """Return the first line below that of delayed deployments."""
    kinds = {row.kind: row for row in rows if row.kind != "failed_deployment" or row.severity != "info"}
    incidents = [row.facts for row in rows if row.kind == "unresolved_incident"]
    triggers = {incident["trigger"] for incident in incidents}
    if "failed_deployment" in kinds and kinds["failed_deployment"].severity == "critical":
        return "reconcile_blocked", "diagnostics", "critical"
    if needs_diagnostics(kinds, incidents, rules):
        return "reconcile_blocked", "diagnostics", "error"
    if "unhealthy_service" in kinds and triggers & rules["restart_triggers"]:
        return "reconcile_required", "container_restart", "error"
    if kinds.keys() & {"missing_service", "unhealthy_service"}:
        return "reconcile_required", "redeploy", "error"
    if "failed_deployment" in kinds:
        return "reconcile_recommended", "redeploy", "warning"
    if "misplaced_service" in kinds:
        return "reconcile_recommended", "placement_review", "error"
    return decide_of_the_rest(target, kinds, rules)


def needs_diagnostics(kinds: dict[str, Drift], incidents: list[dict[str, Any]], rules: dict[str, Any]) -> bool:
    """Return whether another start would not help."""
    unhealthy = kinds.get("unhealthy_service")
    if unhealthy is not None:
        if unhealthy.facts["rank"] == "looping":
            return True
        if any(incident["count"] >= rules["max_restarts"] for incident in incidents):
            return True
    is_broken = unhealthy is not None or "missing_service" in kinds
    return is_broken and any(incident["trigger"] in rules["no_redeploy_triggers"] for incident in incidents)


def decide_of_the_rest(target: Target, kinds: dict[str, Drift], rules: dict[str, Any]) -> Decision:
    """Return the first of the last lines, which all recommend something."""
    event = "reconcile_recommended"
    if "node_pressure" in kinds:
        is_kept = any(fnmatchcase(target[0], glob.lower()) for glob in rules["no_cleanup_nodes"])
        cleanup = "incident_review" if is_kept else "disk_cleanup"
        return event, cleanup if "disk" in kinds["node_pressure"].facts["pressed"] else "node_review", "warning"
    if kinds.keys() & {"unreadable_observation", "stale_observation"}:
        return event, "observer_review", "warning"
    if "unresolved_incident" in kinds:
        return event, "incident_review", "info"
    return event, "inventory_review", "warning" if "empty_inventory" in kinds else "info"


def count_explained(recommendations: list[dict[str, Any]], drift: list[Drift]) -> None:
    """Add to each recommendation how many other targets wait for it or are held back under it."""
    explained: dict[str, set[Target]] = defaultdict(set)
    for row in drift:
        if row.held_by in EXPLAINED_BY_FLEET:
            explained["fleet/all"].add(row.target)
        elif row.held_by in EXPLAINED_BY_NODE:
            explained[f"{row.target[0]}/all"].add(row.target)
    for advice in recommendations:
        for cause in advice["root_causes"]:
            explained[cause].add((advice["node"], advice["service"]))
    for advice in recommendations:
        target = (advice["node"], advice["service"])
        advice["blast_radius"] = len(explained["/".join(target)] - {target})


def cover(recommendations: list[dict[str, Any]], acknowledged: set[str]) -> list[dict[str, Any]]:
    """Return the recommendations that no acknowledgement covers."""

    def is_covered(target: str) -> bool:
        return target in acknowledged or f"{target.partition('/')[0]}/all" in acknowledged

    return [
        row
        for row in recommendations
        if not is_covered(f"{row['node']}/{row['service']}")
        and not (row["root_causes"] and all(is_covered(cause) for cause in row["root_causes"]))
    ]


def summarize(drift: list[Drift], recommendations: list[dict[str, Any]], *, is_partial: bool) -> str:
    """Return the state of the fleet, from what no acknowledgement covers."""
    if any(row["event_type"] == "reconcile_blocked" or row["severity"] == "critical" for row in recommendations):
        return "unstable"
    if is_partial or any(row["severity"] != "info" for row in recommendations):
        return "degraded"
    is_mended = any(row.held_by in {"deployment_in_flight", "settling"} for row in drift)
    return "reconciling" if is_mended else "nominal"

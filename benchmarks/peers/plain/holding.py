"""What holds back what (SEMANTICS 4), in the order in which it is checked; and root causes (5)."""

from collections import defaultdict
from datetime import datetime, timedelta

from benchmarks.peers.plain.advice import SEVERITIES, decide_without_waiting
from benchmarks.peers.plain.causes import BROKEN, build_graph, trace
from benchmarks.peers.plain.drift import FLEET, Case, Drift, count_failures, is_in_flight
from benchmarks.peers.plain.inventory import Target
from benchmarks.peers.plain.times import is_open

IN_FLIGHT = BROKEN | {"failed_deployment", "misplaced_service", "stale_observation"}
DOUBTED = {"missing_service", "misplaced_service", "stale_observation", "unreadable_observation"}
UNAVAILABLE = BROKEN | {"unreadable_observation", "stale_observation"}
WAITING = BROKEN | {"failed_deployment"}
UNEXPECTED = {"unexpected_service", "unexpected_node"}
PASSING = ["maintenance", "deployment_in_flight", "settling"]
"""What holds back its dependants as well, by precedence."""
Causes = dict[Target, set[Target]]


def hold_back(case: Case, drift: list[Drift]) -> Causes:
    """Say of each drift what holds it back, add suspect nodes, and return the root causes of each service."""
    for row in drift:
        row.held_by = outer_hold(case, drift, row)
    for row in drift:
        raise_severity(case, drift, row)
    graph = build_graph(case, drift)
    waiting = trace(graph, set())
    drift += suspect_nodes(case, drift, waiting)
    causes = trace(graph, would_wait_for_disk(case, drift))
    pass_on(drift, causes)
    return {target: {replaced(drift, end) for end in ends} for target, ends in causes.items()}


def outer_hold(case: Case, drift: list[Drift], row: Drift) -> str | None:
    """Return the first of 1 to 7 that holds a drift back."""
    kinds = {other.kind for other in drift}
    if case.is_planned(row.target) or is_open(case.rules["maintenance"], case.clock):
        return "maintenance"
    if row.kind != "stale_world" and "stale_world" in kinds:
        return "stale_world"
    if row.kind in UNEXPECTED | {"stale_world", "observer_suspect"}:
        return None
    if row.kind != "node_pressure" and is_doubted(case, row):
        return "observer_suspect"
    if row.kind != "offline_node" and row.target[0] in case.offline:
        return "offline_node"
    if row.target[1] != "all" and case.is_out_of_sight(row.target[0]):
        return "unreadable_observation"
    if row.kind in IN_FLIGHT and is_being_deployed(case, row.target):
        return "deployment_in_flight"
    return "settling" if row.kind == "unhealthy_service" and is_settling(case, row) else None


def raise_severity(case: Case, drift: list[Drift], row: Drift) -> None:
    """Give the finding that nobody can look at a node the highest severity of what it holds back."""
    node, service = row.target
    if row.kind == "unreadable_observation" and service == "all" and case.is_out_of_sight(node):
        held = [other for other in drift if other.target[0] == node and other.held_by == "unreadable_observation"]
        row.severity = max([row.severity, *(other.severity for other in held)], key=SEVERITIES.index)


def is_doubted(case: Case, row: Drift) -> bool:
    """Return whether a drift is of what the observer is doubted of."""
    node, service = row.target
    if node in case.doubted_nodes and node in case.offline:
        return True
    if service == "all":
        return node in case.doubted_nodes and row.kind == "unreadable_observation"
    is_word = row.kind == "unhealthy_service" and row.facts["word"] in case.doubted_words
    return is_word or (case.doubts_services and row.kind in DOUBTED)


def is_being_deployed(case: Case, target: Target) -> bool:
    """Return whether a deployment was begun just now, and it is not one more of many that failed."""
    deployments = case.actual.deployments.get(target, [])
    ended = [row for row in deployments if not is_in_flight(row, case.rules)]
    if count_failures(ended, case.rules) >= case.rules["max_deployment_failures"]:
        return False
    deadline = case.rules["progress_deadline"]
    return any(
        is_in_flight(row, case.rules) and row["begun_at"] is not None and case.clock.age(row["begun_at"]) < deadline
        for row in deployments
    )


def settling_start(case: Case, target: Target) -> datetime | None:
    """Return since when a service settles, or None where it does not."""
    first_at = first_settling(case, target)
    return first_at and (case.actual.observations[target].since_at or first_at)


def first_settling(case: Case, target: Target) -> datetime | None:
    """Return the first of the runs in a row that saw a service settling, or None where this one does not."""
    seen = case.actual.observations.get(target)
    if seen is None or seen.rank != "settling":
        return None
    return case.settling_since.get(target) or case.clock.as_of


def is_settling(case: Case, row: Drift) -> bool:
    """Return whether a service is starting, or its node came back since it was seen."""
    deadline = timedelta(seconds=case.rules["progress_deadline"])
    since_at = settling_start(case, row.target)
    if since_at is not None and case.clock.as_of < since_at + deadline:
        return True
    node = case.actual.nodes.get(row.target[0])
    back_at = case.clock.at(node.fields.get("online_since")) if node else None
    seen_at = case.actual.observations[row.target].seen_at
    return back_at is not None and seen_at is not None and seen_at < back_at and case.clock.as_of < back_at + deadline


def suspect_nodes(case: Case, drift: list[Drift], waiting: Causes) -> list[Drift]:
    """Return the nodes of which nothing is well, and hold back what is drawn from that."""
    rows: dict[Target, list[Drift]] = defaultdict(list)
    for row in drift:
        rows[row.target].append(row)
    found = []
    for node in case.desired.nodes:
        drawn_from = [
            target
            for target, service in case.asked_of[node]
            if service.is_monitored
            and not service.run
            and not case.is_planned(target)
            and not any(row.kind == "misplaced_service" or is_explained(row) for row in rows[target])
        ]
        is_gone = all(any(row.kind in UNAVAILABLE for row in rows[target]) for target in drawn_from)
        if is_gone and sum(not waiting[target] for target in drawn_from) >= case.rules["node_drift_min"]:
            held = [row for target in drawn_from for row in rows[target] if row.held_by is None]
            is_critical = any(row.severity == "critical" for row in held)
            suspect = Drift("node_suspect", (node, "all"), "critical" if is_critical else "error")
            suspect.held_by = outer_hold(case, drift, suspect)
            found.append(suspect)
            for row in held:
                row.held_by = "node_suspect"
    return found


def is_explained(row: Drift) -> bool:
    """Return whether what is the matter with a service itself is held back."""
    return row.kind in UNAVAILABLE and row.held_by is not None


def would_wait_for_disk(case: Case, drift: list[Drift]) -> set[Target]:
    """Return the services that would be redeployed onto a node whose disk is under pressure."""
    pressed = {
        row.target[0]
        for row in drift
        if row.kind == "node_pressure" and row.held_by is None and "disk" in row.facts["pressed"]
    }
    standing: dict[Target, list[Drift]] = defaultdict(list)
    for row in drift:
        if row.held_by is None:
            standing[row.target].append(row)
    return {
        target
        for target, rows in standing.items()
        if target[0] in pressed and decide_without_waiting(target, rows, case.rules)[1] == "redeploy"
    }


def pass_on(drift: list[Drift], causes: Causes) -> None:
    """Hold back what waits for nothing but what is planned, being deployed or settling (9)."""
    held = {target: hold_of(drift, target) for ends in causes.values() for target in ends}
    standing = [row for row in drift if row.held_by is None and row.kind in WAITING]
    waiting = {row.target for row in standing if row.kind != "failed_deployment" or row.severity != "info"}
    for row in standing:
        ends = causes.get(row.target, set()) if row.target in waiting else set()
        if ends and all(held[end] in PASSING for end in ends):
            row.held_by = min((str(held[end]) for end in ends), key=PASSING.index)


def hold_of(drift: list[Drift], end: Target) -> str | None:
    """Return what holds back the drift that makes the end of a chain unavailable."""
    kinds = {"offline_node"} if end[1] == "all" else {*BROKEN, "misplaced_service"}
    return next((row.held_by for row in drift if row.target == end and row.kind in kinds), None)


def replaced(drift: list[Drift], end: Target) -> Target:
    """Return the root cause in place of one that is itself explained."""
    held = hold_of(drift, end)
    if held in {"stale_world", "observer_suspect"}:
        return FLEET
    if held in {"offline_node", "unreadable_observation", "node_suspect"}:
        above = {"offline_node": "offline_node", "node_suspect": "node_suspect"}.get(held, "unreadable_observation")
        node = (end[0], "all")
        outer = next((row.held_by for row in drift if row.target == node and row.kind == above), None)
        return FLEET if outer in {"stale_world", "observer_suspect"} else node
    return end

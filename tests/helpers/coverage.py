"""Which lines of the second edition a fleet reached, asked of what the plain script found on the way."""

from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.peers.plain import Found
from tests.helpers.random_fleet import Fleet

Reached = Callable[[Fleet, Found], bool]


def kind(name: str, held_by: str | None = "any", severity: str | None = None) -> Reached:
    """Return whether there is drift of a kind, held back by something, of a severity."""
    return lambda _, found: any(
        row.kind == name and held_by in {"any", row.held_by} and severity in {None, row.severity} for row in found.drift
    )


def held(by: str, kinds: str = "") -> Reached:
    """Return whether something holds back drift, of one of the kinds where some are named."""
    return lambda _, found: any(row.held_by == by and (not kinds or row.kind in kinds.split()) for row in found.drift)


def advice(action: str, severity: str | None = None, root: str | None = None) -> Reached:
    """Return whether an action is recommended, with a root cause of that service."""
    return lambda _, found: any(
        row["action"] == action
        and severity in {None, row["severity"]}
        and (root is None or any(cause.endswith(f"/{root}") for cause in row["root_causes"]))
        for row in found.recommendations
    )


def tried(*sentences: str) -> Reached:
    """Return whether one of these was done to the fleet."""
    return lambda fleet, _: any(sentence in fleet.twists for sentence in sentences)


def blind(reason: str) -> Reached:
    """Return whether a node has an unreadable observation for that reason."""
    return lambda _, found: any(reason in reasons for reasons in found.case.blind.values())


def times(check: Callable[[object], bool]) -> Reached:
    """Return whether a `last_seen` of the world is of a kind."""
    return lambda _, found: any(
        check(record.fields.get("last_seen", 1))
        for records in (found.case.actual.nodes, found.case.actual.services)
        for record in records.values()
    )


def seen(check: Callable[[Any], bool]) -> Reached:
    """Return whether what is seen of a service is of a kind."""
    return lambda _, found: any(check(its) for its in found.case.actual.observations.values())


def is_number(unit: int) -> Reached:
    """Return whether a time is a number of a unit that many times smaller than a second."""
    return times(lambda value: isinstance(value, int) and 9e8 * unit < value < 5e9 * unit)


def is_text(part: str) -> Reached:
    """Return whether a time is a text with that in it."""
    return times(lambda value: isinstance(value, str) and part in value)


LINES: dict[str, Reached] = {
    "2 names: port, scheme, final dot, first label, alias": tried("A node's records are spelled as observers do"),
    "2 names: several records of one node": lambda fleet, found: len(fleet.nodes) > len(found.case.actual.nodes),
    "2 names: an address is no name": lambda _, found: any(node[0].isdigit() for node in found.case.actual.nodes),
    "2 names: slashes before a service": tried("A service's record is spelled otherwise"),
    "2 containers: named in the inventory": lambda _, found: any(
        found.case.actual.observations.get(target) and service.containers and target not in found.case.actual.services
        for target, service in found.case.desired.services.items()
    ),
    "2 containers: replicas": lambda _, found: any(
        not found.case.desired.services[target].containers and target not in found.case.actual.services
        for target in found.case.actual.observations
        if target not in found.case.actual.unreadable_services
    ),
    "2 containers: rolled up of several": seen(lambda its: its.parts > 1),
    "2 containers: rolled up, one of them bad": seen(lambda its: 0 < its.healthy_parts < its.parts),
    "2 health: settling": seen(lambda its: its.rank == "settling"),
    "2 health: looping": seen(lambda its: its.rank == "looping"),
    "2 health: unreadable": seen(lambda its: its.rank == "unreadable"),
    "2 health: exited (N)": seen(lambda its: its.status.startswith("exited (")),
    "2 health: a word that no list knows": seen(lambda its: its.status in {"alive", "weird word"}),
    "2 jobs: once": lambda _, found: any(s.run == "once" for s in found.case.desired.services.values()),
    "2 jobs: scheduled": lambda _, found: any(s.run == "scheduled" for s in found.case.desired.services.values()),
    "2 jobs: by restart and a condition": lambda _, found: any(
        s.run and s.is_never_restarted for s in found.case.desired.services.values()
    ),
    "2 records: set aside, twice or without a status": lambda _, found: bool(found.case.actual.unreadable_services),
    "2 times: milliseconds": is_number(1000),
    "2 times: microseconds": is_number(10**6),
    "2 times: nanoseconds": is_number(10**9),
    "2 times: RFC 1123 and 2822": is_text("Wed, "),
    "2 times: Go": is_text("CEST"),
    "2 times: a leap second": is_text(":60"),
    "2 times: 24:00:00": is_text("T24:"),
    "2 times: never": lambda _, found: any(
        record.seen.is_never and "last_seen" in record.fields for record in found.case.actual.nodes.values()
    ),
    "2 times: doubtful": lambda _, found: any(r.seen.is_doubtful for r in found.case.actual.services.values()),
    "2 files: a bad entry costs its service": lambda _, found: any(n.bad for n in found.case.desired.nodes.values()),
    "2 files: an open node": lambda _, found: any(n.is_open for n in found.case.desired.nodes.values()),
    "2 files: capabilities unreadable": lambda _, found: any(
        not node.is_grace_known for node in found.case.desired.nodes.values()
    ),
    "2 files: service.yaml unreadable": lambda _, found: any("service.yaml" in u for u in found.case.desired.unread),
    "2 folders: those that are no nodes": tried("There are folders beside the nodes'"),
    "2 compose: long form, links, modes": tried("A service needs another as Compose says it"),
    "2 compose: profiles and replicas 0": tried("A service is not asked for: a profile, or no replicas"),
    "2 compose: stacks, names apart": lambda _, found: any(
        service.stack and service.name != service.given for service in found.case.desired.services.values()
    ),
    "2 planned: monitor false": lambda _, found: bool(found.case.desired.unmonitored),
    "3 stale_world": kind("stale_world"),
    "3 observer_suspect by services (a to c)": lambda _, found: found.case.doubts_services,
    "3 observer_suspect by nodes (d, e)": lambda _, found: bool(found.case.doubted_nodes),
    "3 observer_suspect by a word (f)": lambda _, found: bool(found.case.doubted_words),
    "3 node_suspect": kind("node_suspect", severity="error"),
    "3 node_suspect, critical": kind("node_suspect", severity="critical"),
    "3 offline_node, critical": kind("offline_node", severity="critical"),
    "3 offline_node, warning": kind("offline_node", severity="warning"),
    **{
        f"3 unreadable_observation of a node: {reason}": blind(reason)
        for reason in (
            *("set aside", "no status", "unobservable", "doubtful", "no record", "silent", "never"),
            "silence not judged",
        )
    },
    "3 node_pressure": kind("node_pressure"),
    "3 misplaced_service": kind("misplaced_service"),
    "3 stale_observation": kind("stale_observation"),
    "3 failed_deployment, info": kind("failed_deployment", severity="info"),
    "3 failed_deployment, critical": kind("failed_deployment", severity="critical"),
    "3 unresolved_incident": kind("unresolved_incident"),
    "3 empty_inventory": kind("empty_inventory"),
    "3 unexpected_node": kind("unexpected_node"),
    "4.1 maintenance": held("maintenance"),
    "4.2 stale_world": held("stale_world"),
    "4.3 observer_suspect, services": held("observer_suspect", "missing_service misplaced_service stale_observation"),
    "4.3 observer_suspect, nodes": held("observer_suspect", "offline_node"),
    "4.3 observer_suspect, a word": held("observer_suspect", "unhealthy_service"),
    "4.4 offline_node": held("offline_node"),
    "4.5 a node where nobody can look": held("unreadable_observation"),
    "4.6 deployment_in_flight": held("deployment_in_flight"),
    "4.7 settling": held("settling"),
    "4.8 node_suspect": held("node_suspect"),
    "4.9 passed on": lambda _, found: any(
        row.held_by in {"maintenance", "deployment_in_flight", "settling"}
        and row.facts.get("rank") != "settling"
        and bool(found.causes.get(row.target))
        for row in found.drift
    ),
    **{
        f"5 {action}": advice(action)
        for action in (
            *("observer_review", "failover_review", "node_review", "diagnostics", "container_restart", "redeploy"),
            *("placement_review", "disk_cleanup", "incident_review", "inventory_review"),
        )
    },
    "5 delayed_deployment": advice("delayed_deployment"),
    "5 delayed_deployment, root a node": advice("delayed_deployment", root="all"),
    "5 delayed_deployment, root the fleet": lambda _, found: any(
        "fleet/all" in row["root_causes"] for row in found.recommendations
    ),
    "5 an id that two targets would share": lambda _, found: any(
        "~" in row["recommendation_id"] for row in found.recommendations
    ),
    "5 an acknowledgement": lambda fleet, _: bool(fleet.acknowledged),
    "6 a partial run": lambda _, found: bool(found.case.desired.unread),
}
"""What a line asks for, in the order of SEMANTICS, and how to tell that a fleet reached it."""

TOLD = {
    "2 an older world is no news": "skipped",
    "7 opened": "opened ",
    "7 changed": "changed ",
    "7 reminder": "reminder ",
    "7 resolved: drift_resolved": " drift_resolved",
    "7 resolved: removed_from_desired_state": " removed_from_desired_state",
    "7 resolved: superseded": " superseded",
    "7 resolved: expired": " expired",
    "7 suspended by what cannot be read": "suspended ",
}
"""What only runs in a row reach, and the part of a line that tells of it."""


def lines_told(told: Iterable[str]) -> list[str]:
    """Return the lines that what was told of one run reached."""
    said = [*told]
    return [line for line, part in TOLD.items() if any(part in its for its in said)]


def lines_reached(fleet: Fleet, found: Found) -> list[str]:
    """Return the lines that one fleet reached."""
    return [line for line, is_reached in LINES.items() if is_reached(fleet, found)]

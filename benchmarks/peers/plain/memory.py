"""What runs in a row tell (SEMANTICS 7): episodes that open, change, are reminded of and end."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from benchmarks.peers.plain import Found
from benchmarks.peers.plain.drift import Case, Drift
from benchmarks.peers.plain.inventory import Target

SILENT_KINDS = {"unexpected_service", "unexpected_node"}
FILE_FREE = {"offline_node", "node_pressure", "unresolved_incident", "unreadable_observation"}
"""What a node can have whatever its files of services say."""
WATCHED = ("event_type", "severity", "causing_kinds", "root_causes")


@dataclass
class Memory:
    """What one run leaves to the next."""

    episodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Each open recommendation as it was last told, with `told_at`."""
    settling_since: dict[Target, datetime] = field(default_factory=dict)
    world_at: datetime | None = None


def is_older(memory: Memory, found: Found) -> bool:
    """Return whether the world is older than that of the last run, so that the run is skipped."""
    last, clock = memory.world_at, found.case.clock
    if last is None or (last - clock.as_of).total_seconds() > clock.tolerance:
        return False
    return (last - found.case.actual.world_at).total_seconds() > clock.tolerance


def tell(memory: Memory, found: Found) -> list[str]:
    """Return the events of a run as `transition id resolution`, sorted, and remember what they say."""
    as_of = found.case.clock.as_of
    suspended = {name for name, row in memory.episodes.items() if is_suspended(found, row)}
    blocked = {target_of(memory.episodes[name]) for name in suspended}
    events = []
    current = {row["recommendation_id"]: row for row in found.recommendations}
    for name, row in list(memory.episodes.items()):
        resolution = None if name in current or name in suspended else resolution_of(found, row)
        if resolution:
            events.append(f"resolved {name} {resolution}")
            del memory.episodes[name]
    for name, row in current.items():
        if name in suspended or (name not in memory.episodes and not may_open(row, blocked)):
            continue
        transition = transition_of(found, memory.episodes.get(name), row)
        if transition:
            events.append(f"{transition} {name}")
            memory.episodes[name] = {**row, "told_at": as_of}
    memory.world_at = found.case.actual.world_at
    return sorted(events)


def target_of(row: dict[str, Any]) -> Target:
    """Return the target of a recommendation."""
    return row["node"], row["service"]


def may_open(row: dict[str, Any], blocked: set[Target]) -> bool:
    """Return whether a recommendation may open beside an episode of its target that nobody can judge."""
    if target_of(row) not in blocked:
        return True
    return row["service"] == "all" and bool(set(row["causing_kinds"]) & (FILE_FREE - {"unreadable_observation"}))


def transition_of(found: Found, old: dict[str, Any] | None, row: dict[str, Any]) -> str | None:
    """Return what is to be told of a recommendation, where anything is."""
    if old is None:
        return "opened"
    if any(old[name] != row[name] for name in WATCHED):
        return "changed"
    interval = found.case.rules["reminder_interval"]
    is_due = interval and found.case.clock.age(old["told_at"]) >= interval
    return "reminder" if is_due else None


def resolution_of(found: Found, row: dict[str, Any]) -> str | None:
    """Return why an episode that is not recommended any more is over; None where it is only held back."""
    target = target_of(row)
    if not is_asked_for(found.case, row):
        return "removed_from_desired_state"
    if any(drift.kind == "stale_world" and drift.held_by is None for drift in found.drift):
        return None
    drift = [its for its in found.drift if its.target == target]
    if any(its.held_by is not None and its.kind in row["causing_kinds"] for its in drift):
        return None
    if any(target_of(other) == target for other in found.recommendations):
        return "superseded"
    is_told = found.case.rules["report_unexpected"]
    rows = [its for its in drift if is_told or its.kind not in SILENT_KINDS]
    if any(not is_old_failure(its) or its.held_by is not None for its in rows):
        return None
    return "expired" if rows and "failed_deployment" in row["causing_kinds"] else "drift_resolved"


def is_old_failure(row: Drift) -> bool:
    """Return whether a drift is a failed deployment out of the window."""
    return row.kind == "failed_deployment" and row.severity == "info"


def is_asked_for(case: Case, row: dict[str, Any]) -> bool:
    """Return whether the inventory still asks for what an episode is about."""
    node, service = target_of(row)
    if set(row["causing_kinds"]) <= {*SILENT_KINDS, "empty_inventory"} or node == "fleet":
        return True
    if service == "all":
        return node in case.desired.nodes
    known = case.desired.services.get((node, service))
    if known is None and node in case.desired.nodes:
        was_never = set(row["causing_kinds"]) <= {*SILENT_KINDS, "unresolved_incident"}
        return was_never or case.desired.may_ask_for((node, service))
    return known is not None and known.is_monitored


def is_suspended(found: Found, row: dict[str, Any]) -> bool:
    """Return whether what cannot be read of the inventory would be needed to judge an episode."""
    return any(reasons(found, row))


def reasons(found: Found, row: dict[str, Any]) -> Iterator[bool]:
    """Yield for each thing that cannot be read whether it is needed."""
    desired, (name, service) = found.case.desired, target_of(row)
    node = desired.nodes.get(name)
    if node is None:
        yield name != "fleet" and name not in desired.unmonitored and not desired.is_topology_known
        return
    kinds = set(row["causing_kinds"])
    if service == "all":
        yield node.is_open and bool(kinds - FILE_FREE)
        yield (
            not node.is_grace_known
            and row["action"] == "failover_review"
            and "silence not judged" in found.case.blind.get(name, set())
        )
        return
    is_unknown = (name, service) not in desired.services and desired.may_ask_for((name, service))
    yield is_unknown and kinds != {"unresolved_incident"}
    is_unread = any(part == f"services/{service}/service.yaml" for part in desired.unread)
    has_drift = any(drift.target == (name, service) for drift in found.drift)
    yield is_unread and row["action"] == "delayed_deployment" and has_drift

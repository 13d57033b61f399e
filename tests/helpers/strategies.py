"""Small inventories and worlds for property tests: in agreement, but for some of everything that can be wrong.

Few names, so that rows meet; many copies of what is usual, so that one fault does not hide the others.
"""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from schemas.actual import Actual
from schemas.desired import Desired
from tests.helpers.frames import NOON, actual, desired

NODES = ["a", "b", "c"]
SERVICES = ["web", "db", "log", "app"]
TARGETS = [f"{node}/{service}" for node in NODES for service in SERVICES]
AGES = [0, 299, 300, 301, 599, 600, 900, 901, 3600, 3601, 86_400, 86_401, -60]
GONE = "gone"

Rows = st.SearchStrategy[list[dict[str, Any]]]

targets = st.sampled_from(TARGETS)
few_targets = st.sampled_from(["a/web", "a/db", "b/web", "c/stray"])
"""Targets of which one world has several deployments or incidents, at the same moment too."""
nodes = st.sampled_from(NODES)
instants = st.sampled_from([*(NOON - timedelta(seconds=age) for age in AGES), None])
ages = instants
"""Times of a world of any age, or without a time of its own."""
fresh = st.sampled_from([NOON, NOON - timedelta(seconds=200)])
"""Times of a world that is not stale."""
deployments = st.fixed_dictionaries(
    {
        "target": few_targets,
        "status": st.sampled_from(["failed", "completed", "failed", "started", "rolled back", None]),
        "begun_at": st.sampled_from([NOON - timedelta(minutes=5), NOON - timedelta(minutes=10), None]) | instants,
    }
)
incidents = st.fixed_dictionaries(
    {
        "target": few_targets | targets | nodes,
        "status": st.sampled_from(["active", "active", "resolved", None]),
        "severity": st.sampled_from(["error", "critical", None]),
        "trigger_type": st.sampled_from(["mqtt_unreachable", "disk_full", None]),
        "started_at": instants,
    }
)
rejected = st.fixed_dictionaries(
    {
        "target": few_targets,
        "file": st.sampled_from(["services.json", "services.json", "deployments.json"]),
        "reason": st.sampled_from(["a list", "a number"]),
    }
)
needs = st.fixed_dictionaries(
    {
        "node": st.none() | nodes,
        "service": st.sampled_from(SERVICES),
        "dependency": st.sampled_from([*SERVICES, "nowhere"]),
        "scope": st.sampled_from(["local", "external", "anywhere"]),
    }
)


def changes(names: list[str], *values: Any, max_size: int) -> st.SearchStrategy[dict[str, Any]]:
    """Return what is unusual about some of the names."""
    return st.dictionaries(st.sampled_from(names), st.sampled_from(values), max_size=max_size)


@st.composite
def inventories(draw: st.DrawFn) -> Desired:
    """Return an inventory with dependencies of every scope, cycles and names that lead nowhere among them."""
    odd_nodes = draw(changes(NODES, "intermittent", "unreadable", GONE, max_size=2))
    odd_services = draw(changes(TARGETS, "unmonitored", GONE, max_size=4))
    lost = {name for name, oddity in odd_nodes.items() if oddity != "intermittent"}
    wanted = [name for name in TARGETS if odd_services.get(name) != GONE and name[0] not in lost]
    return desired(
        *({"target": name, "is_monitored": name not in odd_services} for name in wanted),
        nodes=[
            {"node": name, "is_intermittent": name in odd_nodes, "is_readable": name not in lost}
            for name in NODES
            if odd_nodes.get(name) != GONE
        ],
        needs=draw(st.lists(needs, max_size=8)),
    )


@st.composite
def worlds(draw: st.DrawFn, last_update_at: st.SearchStrategy[Any] = fresh) -> Actual:
    """Return one snapshot in which anything can be wrong; it is fresh unless `last_update_at` says otherwise."""
    statuses = dict.fromkeys([*TARGETS, "ghost/web"], "healthy") | draw(
        changes(TARGETS, "exited", GONE, None, max_size=8)
    )
    seen = draw(st.dictionaries(nodes, instants, max_size=1))
    nodes_seen = dict.fromkeys([*NODES, "ghost"], "online") | draw(changes(NODES, "off", GONE, None, max_size=1))
    set_aside = draw(st.lists(rejected, max_size=4))
    unreadable = {row["target"] for row in set_aside if row["file"] == "services.json"}
    return actual(
        *(
            {"target": name, "status": status}
            for name, status in statuses.items()
            if status != GONE and name not in unreadable
        ),
        nodes=[
            {"node": name, "status": status, "last_seen_at": seen.get(name, NOON)}
            for name, status in nodes_seen.items()
            if status != GONE
        ],
        deployments=draw(st.lists(deployments, max_size=6)),
        incidents=draw(st.lists(incidents, max_size=4)),
        rejected=set_aside,
        last_update_at=draw(last_update_at),
    )

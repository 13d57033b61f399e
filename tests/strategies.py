"""Small worlds for property tests: few names, so that rows meet, and every word and age that a rule looks at."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from schemas.actual import Actual
from schemas.desired import Desired
from tests.frames import NOON, actual, desired

NODES = ["a", "b", "c"]
SERVICES = ["web", "db", "log", "app"]
TARGETS = [f"{node}/{service}" for node in NODES for service in SERVICES]
AGES = [0, 299, 300, 301, 599, 600, 900, 901, 3600, 3601, 86_400, 86_401, -60]

nodes = st.sampled_from(NODES)
targets = st.sampled_from(TARGETS)
instants = st.none() | st.sampled_from([NOON - timedelta(seconds=age) for age in AGES])
fresh = st.sampled_from([NOON, NOON - timedelta(seconds=200)])
"""Times of a world that is not stale."""
ages = instants
"""Times of a world of any age, or without a time of its own."""


def subset(values: list[str]) -> st.SearchStrategy[list[str]]:
    """Return some of the values, each once, in their order."""
    return st.sets(st.sampled_from(values)).map(sorted)


def rows(*, max_size: int, **columns: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Return rows of these columns."""
    return st.lists(st.fixed_dictionaries(columns), max_size=max_size)


def rows_for(
    keys: str, values: list[str], **columns: st.SearchStrategy[Any]
) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Return one row for each of some of the values, which stand in the column `keys`."""
    row = st.fixed_dictionaries(columns)
    chosen = st.dictionaries(st.sampled_from(values), row, max_size=len(values))
    return chosen.map(lambda chosen: [{keys: value, **rest} for value, rest in sorted(chosen.items())])


@st.composite
def inventories(draw: st.DrawFn) -> Desired:
    """Return an inventory with dependencies of every scope, cycles and names that lead nowhere among them."""
    named = draw(
        rows_for("node", NODES, is_intermittent=st.booleans(), is_readable=st.sampled_from([True, True, False]))
    )
    unreadable = {row["node"] for row in named if not row["is_readable"]}
    services = draw(rows_for("target", TARGETS, is_monitored=st.sampled_from([True, True, True, False])))
    needs = draw(
        rows(
            max_size=8,
            node=st.none() | nodes,
            service=st.sampled_from(SERVICES),
            dependency=st.sampled_from([*SERVICES, "nowhere"]),
            scope=st.sampled_from(["local", "external", "anywhere"]),
        )
    )
    return desired(*(row for row in services if row["target"][0] not in unreadable), nodes=named, needs=needs)


@st.composite
def worlds(draw: st.DrawFn, as_of: Any = NOON, last_update_at: st.SearchStrategy[Any] = fresh) -> Actual:
    """Return one snapshot in which anything can be wrong; it is fresh unless `last_update_at` says otherwise."""
    shift = as_of - NOON
    moments = instants.map(lambda instant: instant and instant + shift)
    statuses = st.sampled_from(["healthy", "ok", "healthy", "exited", None])
    return actual(
        *draw(rows_for("target", [*TARGETS, "ghost/web"], status=statuses, last_seen_at=moments)),
        nodes=draw(
            rows_for(
                "node", [*NODES, "ghost"], status=st.sampled_from(["online", "up", "off", None]), last_seen_at=moments
            )
        ),
        deployments=draw(
            rows(
                max_size=6,
                target=targets,
                status=st.sampled_from(["failed", "error", "started", "completed", "rolled back", None]),
                begun_at=moments,
            )
        ),
        incidents=draw(
            rows(
                max_size=4,
                target=targets | nodes,
                status=st.sampled_from(["active", "resolved", None]),
                severity=st.sampled_from(["critical", "error", None]),
                trigger_type=st.sampled_from(["mqtt_unreachable", "disk_full", None]),
                started_at=moments,
            )
        ),
        rejected=draw(rows(max_size=3, target=targets | nodes, file=st.sampled_from(["services.json", "nodes.json"]))),
        as_of=as_of,
        last_update_at=draw(last_update_at.map(lambda instant: instant and instant + shift)),
    )

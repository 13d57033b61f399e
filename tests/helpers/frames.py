"""Frames for tests: a test states only what it is about, and these fill in the rest, validated."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from flows.run.judge import judge, look_at_services, survey
from flows.text.values import read_as
from schemas.actual import Actual, ActualNode, ActualService, Deployment, Incident, Snapshot, TakenName
from schemas.desired import (
    ContainerName,
    Dependency,
    Desired,
    DesiredNode,
    DesiredService,
    ListedService,
    MaintenanceWindow,
)
from schemas.expressions import target
from schemas.frame import Frame, columns, dtypes
from schemas.rejected import Doubtful, Rejected, Unread
from schemas.rules import Rules
from schemas.run import Judgement
from stages.date import date_worlds
from stages.doubt import doubt_observer
from stages.misplace import find_places
from stages.plan import plan_absence

NOON = datetime(2026, 5, 27, 12, tzinfo=UTC)
Row = Mapping[str, Any]


def ago(**duration: float) -> datetime:
    """Return the moment that long before noon."""
    return NOON - timedelta(**duration)


def frame(schema: type[Frame], defaults: Row, rows: Sequence[Row]) -> Any:
    filled = [{**dict.fromkeys(columns(schema)), **defaults, **row} for row in rows]
    return schema.validate(pl.DataFrame(filled, schema=dtypes(schema)))


def _split(target: str) -> dict[str, str]:
    node, _, service = target.partition("/")
    return {"node": node, "service": service} if service else {"node": node}


def _rows(wanted: Sequence[str | Row]) -> list[Row]:
    """Accept `"piha/web"` for a row, or a mapping with `target` beside its own columns."""
    mapped = [{"target": row} if isinstance(row, str) else dict(row) for row in wanted]
    return [{**_split(row.pop("target")), **row} if "target" in row else row for row in mapped]


NODE_DEFAULTS = {
    "is_monitored": True,
    "is_intermittent": False,
    "is_best_effort": False,
    "has_readable_capabilities": True,
    "is_readable": True,
    "has_inventory": True,
    "roles": [],
    "desired_hash": "",
}
SERVICE_DEFAULTS = {
    "is_monitored": True,
    "run": "service",
    "has_readable_dependencies": True,
    "desired_hash": "",
    "line": 2,
}
NEED_DEFAULTS = {"scope": "local", "is_completion": False, "file": "hosts/x/services.yaml", "line": 3}
WINDOW_DEFAULTS = {
    "days": [0, 1, 2, 3, 4, 5, 6],
    "from_min": 0,
    "to_min": 24 * 60,
    "zone": "UTC",
    "file": "hosts/x/node.yaml",
    "line": 1,
}


def desired(
    *services: str | Row,
    nodes: Sequence[str | Row] = (),
    needs: Sequence[Row] = (),
    unread: Sequence[Row] = (),
    names: Sequence[Row] = (),
    maintenance: Sequence[Row] = (),
) -> Desired:
    """Return a desired state: services as `"node/service"`, their nodes, and `needs` as dependency rows."""
    rows = _rows(services)
    given = _rows(nodes)
    known = {row["node"] for row in given}
    implied = [{"node": node} for node in sorted({row["node"] for row in rows} - known)]
    node_rows = sorted([*given, *implied], key=lambda row: str(row["node"]))
    files = {row["node"]: row.get("file", f"hosts/{row['node']}/services.yaml") for row in node_rows}
    asked = [{"file": files[row["node"]], **row} for row in sorted(rows, key=lambda r: (r["node"], r["service"]))]
    return Desired(
        frame(DesiredNode, NODE_DEFAULTS, [{"file": files[row["node"]], **row} for row in node_rows]),
        frame(DesiredService, SERVICE_DEFAULTS, asked),
        frame(Dependency, NEED_DEFAULTS, _rows(needs)),
        frame(Unread, {"is_warning": False}, _rows(unread)),
        frame(ListedService, {"line": 4}, []),
        frame(ContainerName, {}, _rows(names)),
        frame(MaintenanceWindow, WINDOW_DEFAULTS, _rows(maintenance)),
    )


BARE_NODE = {"has_disk_pressure": False, "has_memory_pressure": False, "names_set_aside": []}


def _seen(rows: Sequence[Row], seen_at: datetime | None) -> list[Row]:
    """Say of each record whether it has a readable time."""
    return [
        {"last_seen_state": "absent" if row.get("last_seen_at", seen_at) is None else "readable", **row} for row in rows
    ]


def actual(
    *services: str | Row,
    nodes: Sequence[str | Row] = (),
    deployments: Sequence[Row] = (),
    incidents: Sequence[Row] = (),
    rejected: Sequence[Row] = (),
    doubtful: Sequence[Row] = (),
    taken: Sequence[Row] = (),
    as_of: datetime = NOON,
    **snapshot: Any,
) -> Actual:
    """Return one snapshot at noon: its services are healthy, and their nodes online, unless a row says otherwise.

    Its records are as old as it is, but for those of a world that was last updated long ago, which have no time.
    """
    base = {"as_of": as_of}
    updated_at = snapshot.get("last_update_at") or as_of
    seen_at = as_of if as_of - updated_at <= Rules().world_ttl else None
    world = {"last_update_at": as_of, "files_at": as_of, "unreadable_timestamp_count": 0}
    rows = [{"key": f"{r['node']}/{r['service']}", **r} for r in _rows(services)]
    given = _rows(nodes)
    implied = [{"node": node} for node in sorted({r["node"] for r in rows} - {r["node"] for r in given})]
    node_rows = [{"key": r["node"], **r} for r in [*given, *implied]]
    deployed = [{"file_order": i, "key": f"d-{i}", **r} for i, r in enumerate(_rows(deployments))]
    happened = [{"key": f"inc-{i}", "service": "all", **r} for i, r in enumerate(_rows(incidents))]
    return Actual(
        frame(Snapshot, base | world, [snapshot]),
        frame(ActualNode, base | {"status": "online", "last_seen_at": seen_at} | BARE_NODE, _seen(node_rows, seen_at)),
        frame(ActualService, base | {"status": "healthy", "last_seen_at": seen_at}, _seen(rows, seen_at)),
        frame(Deployment, base | {"status": "completed", "begun_at": as_of - timedelta(hours=1)}, deployed),
        frame(Incident, base | {"status": "active", "severity": "error"}, happened),
        frame(Rejected, base | {"file": "services.json", "key": "?", "reason": "not an object"}, _rows(rejected)),
        frame(Doubtful, base | {"file": "services.json", "key": "?", "field": "last_seen"}, doubtful),
        frame(TakenName, base, taken),
    )


def batch(*snapshots: Actual) -> Actual:
    """Return several snapshots as one batch."""
    return Actual(*(pl.concat(rows) for rows in zip(*snapshots, strict=True)))


def in_agreement(want: Desired) -> Actual:
    """Return the world at noon that an inventory asks for: every service is there, every node is online."""
    services = want.services.select(target()).to_series()
    return actual(*services, nodes=want.nodes["node"].to_list())


def detected(want: Desired, have: Actual, **rules: Any) -> pl.DataFrame:
    """Return the drift before it is asked where what is gone may be, with the default rules or some of them changed."""
    return look_at_services(want, have, read_as(Rules, rules)).drift


def doubted(want: Desired, have: Actual, **rules: Any) -> pl.DataFrame:
    """Return the drift before anything is held back, with the default rules or some of them changed."""
    by = read_as(Rules, rules)
    observed, drift = look_at_services(want, have, by)
    planned = plan_absence(want.maintenance, have.snapshots["as_of"].to_list())
    placed = find_places(drift, want, have, observed, by)
    return doubt_observer(placed, want, have, observed, planned, date_worlds(have), by).drift


def surveyed(want: Desired, have: Actual, **rules: Any) -> pl.DataFrame:
    """Return the drift and what holds it back, before it is asked what waits for what."""
    return survey(want, have, read_as(Rules, rules)).shown.drift


def judged(want: Desired, have: Actual, **rules: Any) -> Judgement:
    """Judge with the default rules, or some of them changed."""
    return judge(want, have, read_as(Rules, rules))


def kinds(drift: pl.DataFrame) -> list[tuple[str, str, str | None]]:
    """Return (kind, target, held by) of each drift."""
    return list(drift.select("kind", target(), "held_by").iter_rows())


def found(drift: pl.DataFrame) -> list[tuple[str, str, str]]:
    """Return (kind, target, severity) of each drift."""
    return list(drift.select("kind", target(), "severity").iter_rows())


def advice(judgement: Judgement) -> list[tuple[str, str, str]]:
    """Return (recommendation id, event type, severity) of each recommendation."""
    return list(judgement.recommendations.select("recommendation_id", "event_type", "severity").iter_rows())

"""Sights for tests: the frames of one run, filled in where a test says nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from schemas.actual import ActualNode, Deployment, ObservedService
from schemas.desired import (
    ContainerName,
    Dependency,
    Desired,
    DesiredNode,
    DesiredService,
    ListedService,
    MaintenanceWindow,
)
from schemas.drift import Drift
from schemas.frame import Frame, columns, dtypes
from schemas.rejected import Unread
from schemas.sight import Sight
from tests.helpers.acting import NOON

Row = Mapping[str, Any]
DEFAULTS: dict[type[Frame], Row] = {
    DesiredNode: {"is_monitored": True, "is_intermittent": False, "is_best_effort": False, "has_inventory": True,
                  "has_readable_capabilities": True, "is_readable": True, "roles": [], "desired_hash": "n" * 64, "file": "f"},
    DesiredService: {"is_monitored": True, "run": "service", "has_readable_dependencies": True, "desired_hash": "d" * 64,
                     "file": "f", "line": 1},
    Dependency: {"scope": "local", "is_completion": False, "file": "f", "line": 1},
    Unread: {"file": "f", "problem": "odd", "is_warning": False},
    Drift: {"as_of": NOON, "kind": "unhealthy_service", "severity": "error", "cause": "plain"},
    ObservedService: {"as_of": NOON, "health": "healthy", "last_seen_at": NOON, "healthy_count": 1, "container_count": 1,
                      "is_desired": True, "key": "k"},
    ActualNode: {"as_of": NOON, "status": "online", "last_seen_at": NOON, "last_seen_state": "readable",
                 "has_disk_pressure": False, "has_memory_pressure": False, "names_set_aside": [], "key": "k"},
    Deployment: {"as_of": NOON, "status": "completed", "file_order": 0, "key": "k"},
}  # fmt: skip


def frame(schema: type[Frame], rows: Sequence[Row]) -> Any:
    """Return a frame of the schema; a row's `target` is its node and service."""
    filled = []
    for row in rows:
        split = dict(zip(("node", "service"), row.get("target", "/").split("/"), strict=True))
        given = {name: value for name, value in row.items() if name != "target"}
        merged = {
            **dict.fromkeys(columns(schema)),
            **DEFAULTS.get(schema, {}),
            **(split if "target" in row else {}),
            **given,
        }
        filled.append({name: merged[name] for name in columns(schema)})
    for place, row in enumerate(filled):
        if schema is Drift:
            row["drift_id"] = row["drift_id"] or f"{row['kind']}-{row['node']}-{row['service']}-{place}"
    return schema.validate(pl.DataFrame(filled, schema=dtypes(schema)))


def sight(
    *services: str | Row,
    nodes: Sequence[Row] = (),
    needs: Sequence[Row] = (),
    unread: Sequence[Row] = (),
    drift: Sequence[Row] = (),
    seen: Sequence[Row] = (),
    seen_nodes: Sequence[Row] = (),
    deployments: Sequence[Row] = (),
) -> Sight:
    """Return a run's frames: services as `node/service`, and their nodes."""
    rows = [{"target": row} if isinstance(row, str) else row for row in services]
    implied = {row["target"].partition("/")[0] for row in rows} - {row["node"] for row in nodes}
    node_rows = sorted([*nodes, *({"node": node} for node in implied)], key=lambda row: str(row["node"]))
    return Sight(
        Desired(
            frame(DesiredNode, node_rows),
            frame(DesiredService, rows),
            frame(Dependency, needs),
            frame(Unread, unread),
            frame(ListedService, []),
            frame(ContainerName, []),
            frame(MaintenanceWindow, []),
        ),
        frame(Drift, drift),
        frame(ObservedService, seen),
        frame(ActualNode, seen_nodes),
        frame(Deployment, deployments),
    )

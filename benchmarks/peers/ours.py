"""The comparison alone, by the supervisor's own stage, on the tables that the peers are given.

python -m benchmarks.peers.ours FOLDER
"""

import json
import sys
from pathlib import Path
from typing import TypeVar

import polars as pl

from benchmarks.fleet import AS_OF
from flows.run.judge import look_at_services
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
from schemas.frame import DataFrame, Frame, complete, empty
from schemas.rejected import Doubtful, Rejected, Unread
from schemas.rules import Rules

Row = TypeVar("Row", bound=Frame)
KINDS = {"missing_service": "missing", "unexpected_service": "unexpected", "unhealthy_service": "unhealthy"}


NEUTRAL = {
    "is_monitored": True,
    "is_intermittent": False,
    "is_best_effort": False,
    "has_readable_capabilities": True,
    "is_readable": True,
    "has_inventory": True,
    "has_readable_dependencies": True,
    "has_disk_pressure": False,
    "has_memory_pressure": False,
    "run": "service",
    "last_seen_state": "readable",
    "roles": [],
    "names_set_aside": [],
    "desired_hash": "",
}
"""What a record says that says nothing unusual."""


def compare(folder: Path) -> dict[str, int]:
    """Return how many services are missing, unexpected and unhealthy."""
    wanted, shown = (pl.read_parquet(folder / f"{name}.parquet") for name in ("desired", "actual"))
    as_of = pl.lit(AS_OF).cast(pl.Datetime("us", "UTC"))
    names = wanted.select(pl.col("node").unique())
    nodes = names.with_columns(file=pl.lit(""))
    services = wanted.with_columns(file=pl.lit(""), line=pl.lit(1, dtype=pl.Int32))
    desired = Desired(
        fit(DesiredNode, nodes),
        fit(DesiredService, services),
        fit(Dependency, empty(Dependency)),
        fit(Unread, empty(Unread)),
        fit(ListedService, empty(ListedService)),
        fit(ContainerName, empty(ContainerName)),
        fit(MaintenanceWindow, empty(MaintenanceWindow)),
    )
    none = pl.lit(0, pl.UInt32)
    moments = pl.select(as_of=as_of, last_update_at=as_of, files_at=as_of, unreadable_timestamp_count=none)
    up = nodes.with_columns(as_of=as_of, status=pl.lit("online"), last_seen_at=as_of, key="node")
    seen = shown.with_columns(as_of=as_of, last_seen_at=as_of, key=pl.concat_str("node", pl.lit("/"), "service"))
    actual = Actual(
        fit(Snapshot, moments),
        fit(ActualNode, up),
        fit(ActualService, seen),
        fit(Deployment, empty(Deployment)),
        fit(Incident, empty(Incident)),
        fit(Rejected, empty(Rejected)),
        fit(Doubtful, empty(Doubtful)),
        fit(TakenName, empty(TakenName)),
    )
    drift = look_at_services(desired, actual, Rules()).drift
    return {word: drift.filter(pl.col("kind") == kind).height for kind, word in KINDS.items()}


def fit(schema: type[Row], rows: pl.DataFrame) -> DataFrame[Row]:
    """Return the rows as a validated frame."""
    return schema.validate(complete(rows, schema, **NEUTRAL))


if __name__ == "__main__":
    json.dump(compare(Path(sys.argv[1])), sys.stdout)

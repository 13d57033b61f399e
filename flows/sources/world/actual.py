"""The world: what the observer saw, in one snapshot or a batch of them (CONTRACT 2, SEMANTICS 2)."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from flows.errors import WorldUnreadableError
from flows.sources.world.files import WorldFiles, read_world_files
from flows.sources.world.memory import WorldMemory
from flows.sources.world.names import WorldNames, dangling_aliases
from flows.sources.world.rows import Row, WorldRows
from schemas.actual import Actual, ActualNode, ActualService, Deployment, Incident, Snapshot
from schemas.frame import Frame, complete, dtypes, empty
from schemas.limits import Limits
from schemas.rejected import Doubtful, Rejected
from schemas.words import SeenState

__all__ = ["Actual", "LoadedWorld", "WorldFiles", "dangling_aliases", "decode_worlds", "load_world", "read_world"]


SNAPSHOT_FIELDS = ("as_of", "last_update_at", "files_at", "unreadable_timestamp_count")
NODE_FIELDS = ("as_of", "node", "status", "last_seen_at", "key")
SERVICE_FIELDS = ("as_of", "node", "service", "status", "last_seen_at", "key")
DEPLOYMENT_FIELDS = ("as_of", "node", "service", "status", "begun_at", "file_order", "key")
INCIDENT_FIELDS = ("as_of", "node", "service", "status", "severity", "trigger_type", "started_at", "key")


class LoadedWorld(NamedTuple):
    """The world as frames, and the bytes that they were made from."""

    actual: Actual
    files: WorldFiles


class UnreadableWorld(NamedTuple):
    """A snapshot of a batch that could not be read, and why."""

    as_of: datetime
    problem: str


class DecodedWorlds(NamedTuple):
    """The readable snapshots of a batch as frames, and the others."""

    actual: Actual
    unreadable: tuple[UnreadableWorld, ...]


def read_world(
    folder: Path,
    as_of: datetime,
    aliases: Mapping[str, str],
    known_nodes: Collection[str],
    limits: Limits,
    runtime_summary: Path | None = None,
) -> Actual:
    """Return the world of a folder; see `load_world`."""
    return load_world(folder, as_of, aliases, known_nodes, limits, runtime_summary).actual


def load_world(
    folder: Path,
    as_of: datetime,
    aliases: Mapping[str, str],
    known_nodes: Collection[str],
    limits: Limits,
    runtime_summary: Path | None = None,
    memory: WorldMemory | None = None,
) -> LoadedWorld:
    """Return the world of a folder, with the bytes that it was read from.

    `runtime_summary` is the path of that file where it is not in the folder. Nodes are renamed by the aliases that
    lead to a known node. Raises `WorldUnreadableError` naming each file, the place in it and the problem, where a
    required file is absent or one that is there is unreadable, after the retries that the limits allow. With a memory,
    bytes that are those of its last world are not decoded again.
    """

    def decode(files: WorldFiles) -> Actual:
        known = memory.recall(files, aliases, known_nodes, limits) if memory else None
        actual = known or decode_worlds([files], aliases, known_nodes, limits)
        if memory and known is None:
            memory.keep(actual, files, aliases, known_nodes, limits)
        return actual

    return LoadedWorld(*read_world_files(folder, as_of, limits, decode, runtime_summary))


def decode_worlds(
    worlds: Iterable[WorldFiles], aliases: Mapping[str, str], known_nodes: Collection[str], limits: Limits
) -> Actual:
    """Return a batch of snapshots as frames, sorted by `as_of` and target; raises at the first unreadable one."""
    rows = WorldRows(WorldNames(aliases, known_nodes, limits), limits)
    for world in worlds:
        rows.add(world)
    return _to_frames(rows)


def decode_readable_worlds(
    worlds: Iterable[WorldFiles], aliases: Mapping[str, str], known_nodes: Collection[str], limits: Limits
) -> DecodedWorlds:
    """Return the readable snapshots of a batch as frames, and the unreadable ones with their problem."""
    rows = WorldRows(WorldNames(aliases, known_nodes, limits), limits)
    unreadable: list[UnreadableWorld] = []
    for world in worlds:
        try:
            rows.add(world)
        except WorldUnreadableError as error:
            unreadable.append(UnreadableWorld(world.as_of, str(error)))
    return DecodedWorlds(_to_frames(rows), tuple(unreadable))


def _to_frames(rows: WorldRows) -> Actual:
    target = ["as_of", "node", "service"]
    return Actual(
        Snapshot.validate(
            complete(_frame(Snapshot, rows.snapshots, ["as_of"], names=SNAPSHOT_FIELDS), Snapshot), lazy=True
        ),
        ActualNode.validate(
            complete(
                _seen(_frame(ActualNode, rows.nodes, ["as_of", "node"], names=NODE_FIELDS)),
                ActualNode,
                has_disk_pressure=False,
                has_memory_pressure=False,
                names_set_aside=[],
            ),
            lazy=True,
        ),
        ActualService.validate(
            complete(
                _seen(_frame(ActualService, rows.services, target, rows.service_columns, SERVICE_FIELDS)), ActualService
            ),
            lazy=True,
        ),
        Deployment.validate(
            complete(
                _frame(Deployment, rows.deployments, [*target, "file_order"], names=DEPLOYMENT_FIELDS), Deployment
            ),
            lazy=True,
        ),
        Incident.validate(
            complete(_frame(Incident, rows.incidents, [*target, "key"], names=INCIDENT_FIELDS), Incident), lazy=True
        ),
        Rejected.validate(_frame(Rejected, rows.rejected, ["as_of", "file", "key", "reason"]), lazy=True),
        Doubtful.validate(empty(Doubtful), lazy=True),
    )


def _seen(rows: pl.DataFrame) -> pl.DataFrame:
    """Say of each record whether it has a readable time."""
    state = pl.when(pl.col("last_seen_at").is_not_null()).then(pl.lit(SeenState.READABLE, pl.Enum(SeenState)))
    return rows.with_columns(last_seen_state=state.otherwise(pl.lit(SeenState.ABSENT, pl.Enum(SeenState))))


def _frame(
    schema: type[Frame],
    rows: list[Row],
    key: list[str],
    columns: Iterable[pl.DataFrame] = (),
    names: Iterable[str] = (),
) -> pl.DataFrame:
    """Return a frame of rows, handed over by column with instants as integers: polars takes them fastest so."""
    types = {name: dtypes(schema)[name] for name in names or dtypes(schema)}
    raw: dict[str, Any] = {name: pl.Int64 if isinstance(of, pl.Datetime) else of for name, of in types.items()}
    gathered = pl.DataFrame(dict(zip(types, zip(*rows, strict=True), strict=False)), schema=raw)
    whole = pl.concat([gathered, *(part.select(gathered.columns) for part in columns)])
    return whole.cast(types).sort(key)  # type: ignore[arg-type]

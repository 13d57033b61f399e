"""The world: what the observer saw, in one snapshot or a batch of them (CONTRACT 2, SEMANTICS 2)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from flows.errors import WorldUnreadableError
from flows.files.processes import uncollected
from flows.sources.fingerprint import world_fingerprint
from flows.sources.world.files import DEPLOYMENTS, INCIDENTS, NODES, SERVICES, WorldFiles, read_world_files
from flows.sources.world.memory import MemoryKey, WorldMemory
from flows.sources.world.names import WorldNames, dangling_aliases
from flows.sources.world.repeats import Repeats, Row
from flows.sources.world.rows import WorldRows
from schemas.actual import Actual, ActualNode, ActualService, Deployment, Incident, Snapshot, TakenName
from schemas.frame import Frame, dtypes, empty
from schemas.limits import Limits
from schemas.rejected import Doubtful, Rejected
from schemas.rules import Rules

__all__ = ["Actual", "LoadedWorld", "WorldFiles", "dangling_aliases", "decode_worlds", "load_world", "read_world"]


RULES = Rules()
"""The rules where nobody sets others; of them, the reader looks at those of times and names."""


class LoadedWorld(NamedTuple):
    """The world as frames, and the bytes that they were made from."""

    actual: Actual
    files: WorldFiles
    """Without contents, where these are more than are to be kept."""
    size_bytes: int
    fingerprint: str


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
    rules: Rules = RULES,
) -> Actual:
    """Return the world of a folder; see `load_world`."""
    return load_world(folder, as_of, aliases, known_nodes, limits, runtime_summary, rules=rules).actual


def load_world(
    folder: Path,
    as_of: datetime,
    aliases: Mapping[str, str],
    known_nodes: Collection[str],
    limits: Limits,
    runtime_summary: Path | None = None,
    memory: WorldMemory | None = None,
    rules: Rules = RULES,
    most_kept_bytes: int | None = None,
) -> LoadedWorld:
    """Return the world of a folder, with the bytes that it was read from, unless these are more than are to be kept.

    `runtime_summary` is the path of that file where it is not in the folder. Nodes are renamed by the aliases that
    lead to a known node. Raises `WorldUnreadableError` naming each file, the place in it and the problem, where a
    required file is absent or one that is there is unreadable, after the retries that the limits allow. With a memory,
    bytes that are those of its last world are not decoded again.
    """

    def decode(files: WorldFiles) -> LoadedWorld:
        digests = {name: sha256(data).digest() for name, data in files.contents.items()}
        size_bytes, fingerprint = sum(map(len, files.contents.values())), world_fingerprint(files.contents, digests)
        key = MemoryKey(digests, files.source, dict(aliases), frozenset(known_nodes), limits, rules)
        known = memory.recall(key, files) if memory else None
        rows = _begin(aliases, known_nodes, limits, rules)
        if known is None:
            rows.add(files)
        if most_kept_bytes is not None and size_bytes > most_kept_bytes:
            files = files._replace(contents={})  # a large world takes as much room as its frames, which are made now
        actual = known or _to_frames(rows)
        if memory and known is None:
            memory.keep(key, actual, files.as_of)
        return LoadedWorld(actual, files, size_bytes, fingerprint)

    with uncollected():
        return read_world_files(folder, as_of, limits, decode, runtime_summary)


def decode_worlds(
    worlds: Iterable[WorldFiles],
    aliases: Mapping[str, str],
    known_nodes: Collection[str],
    limits: Limits,
    rules: Rules = RULES,
) -> Actual:
    """Return a batch of snapshots as frames, sorted by `as_of` and target; raises at the first unreadable one."""
    rows = _begin(aliases, known_nodes, limits, rules)
    for world in worlds:
        rows.add(world)
    return _to_frames(rows)


def decode_readable_worlds(
    worlds: Iterable[WorldFiles],
    aliases: Mapping[str, str],
    known_nodes: Collection[str],
    limits: Limits,
    rules: Rules = RULES,
) -> DecodedWorlds:
    """Return the readable snapshots of a batch as frames, and the unreadable ones with their problem."""
    rows = _begin(aliases, known_nodes, limits, rules)
    unreadable: list[UnreadableWorld] = []
    for world in worlds:
        try:
            rows.add(world)
        except WorldUnreadableError as error:
            unreadable.append(UnreadableWorld(world.as_of, str(error)))
    return DecodedWorlds(_to_frames(rows), tuple(unreadable))


def _begin(aliases: Mapping[str, str], known_nodes: Collection[str], limits: Limits, rules: Rules) -> WorldRows:
    names = WorldNames(aliases, known_nodes, limits, match_short_names=rules.match_short_names)
    return WorldRows(names, limits, rules)


def _to_frames(rows: WorldRows) -> Actual:
    target, again = ["as_of", "node", "service"], rows.repeats
    return Actual(
        Snapshot.validate(_frame(Snapshot, rows.snapshots, ["as_of"]), lazy=True),
        ActualNode.validate(_frame(ActualNode, rows.nodes, ["as_of", "node"], repeats=again[NODES]), lazy=True),
        ActualService.validate(
            _frame(ActualService, rows.services, target, rows.service_columns, again[SERVICES]), lazy=True
        ),
        Deployment.validate(
            _frame(Deployment, rows.deployments, [*target, "file_order"], repeats=again[DEPLOYMENTS]), lazy=True
        ),
        Incident.validate(_frame(Incident, rows.incidents, [*target, "key"], repeats=again[INCIDENTS]), lazy=True),
        Rejected.validate(_frame(Rejected, rows.rejected, ["as_of", "file", "key", "reason"]), lazy=True),
        Doubtful.validate(
            _frame(Doubtful, rows.doubtful, ["as_of", "file", "key", "field"], rows.doubtful_columns), lazy=True
        ),
        TakenName.validate(_frame(TakenName, rows.taken, ["as_of", "written"]).unique(maintain_order=True), lazy=True),
    )


def _frame(
    schema: type[Frame],
    rows: list[Row],
    key: list[str],
    columns: list[pl.DataFrame] | None = None,
    repeats: Repeats | None = None,
) -> pl.DataFrame:
    """Return a frame of rows, handed over by column with instants as integers: polars takes them fastest so.

    More of them came as columns already; these are given away, as nobody has room for a large world twice.
    """
    if not (rows or columns or (repeats and repeats.places)):
        return empty(schema)
    types = dtypes(schema)
    raw: dict[str, Any] = {name: pl.Int64 if isinstance(of, pl.Datetime) else of for name, of in types.items()}
    given = {name: _column(values, raw[name]) for name, values in zip(types, zip(*rows, strict=True), strict=False)}
    gathered = pl.DataFrame(given, schema=raw)
    again = [repeats.select(gathered)] if repeats and repeats.places else []
    whole = pl.concat([gathered, *again, *(part.select(gathered.columns) for part in columns or ())])
    # Worlds are nearly in order, which a stable sort makes use of.
    if not columns:
        return whole.cast(types).sort(key, maintain_order=True)  # type: ignore[arg-type]
    columns.clear()
    # To take rows out of a column that is in pieces takes several times as long.
    order = _order(whole.select(key).rechunk())
    unsorted = whole.cast(types).get_columns()  # type: ignore[arg-type]
    del whole
    return pl.DataFrame([unsorted.pop(0).rechunk().gather(order) for _ in types])


def _order(keys: pl.DataFrame) -> pl.Series:
    """Return the places of the keys in their order; what rows that stand together share is compared once."""
    *shared, last = keys.columns
    is_first = keys.select(pl.any_horizontal((pl.col(shared) != pl.col(shared).shift()).fill_null(True))).to_series()
    ranks = keys.filter(is_first).select(pl.struct(shared).rank("dense")).to_series()
    runs = is_first.cast(pl.UInt32).cum_sum() - 1
    return (
        keys.select(last, rank=ranks.gather(runs)).select(pl.arg_sort_by("rank", last, maintain_order=True)).to_series()
    )


def _column(values: Sequence[Any], kind: Any) -> Sequence[Any] | pl.Series:
    """Return the values of a column; of lists, which polars takes one by one, those that are all empty as one."""
    if isinstance(kind, pl.List) and not any(values):
        return pl.Series([[]], dtype=kind).new_from_index(0, len(values))
    return values

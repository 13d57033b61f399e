"""Looks as frames: the rows that a look brought home, dated to the clock of their node."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import polars as pl

from flows.engines.looked import RawLook, SourceLook
from schemas.frame import DataFrame, Frame, dtypes
from schemas.look import SeenContainer, SeenProbe, SeenUnit
from schemas.observed import Starts

SECOND_US = 1_000_000
Row = dict[str, Any]
Starting = Mapping[str, Mapping[str, Starts]]
"""The starts seen lately, by `start_key` and name."""


def start_key(look: RawLook, source: SourceLook) -> str:
    """Return what the starts of a source's containers or units are remembered under."""
    return f"{look.node}|{source.source}"


def frame_containers(looks: Iterable[RawLook], starts: Starting) -> DataFrame[SeenContainer]:
    """Return every container of the looks."""
    rows = [
        _dated(look, source, msgspec.structs.asdict(row))
        | {"start_count": _count(starts, look, source, row.container_id), "awaited": list(row.awaited)}
        | {"restart_count": row.restart_count or 0}
        for look in looks
        for source in look.sources
        for row in source.containers
    ]
    for row in rows:
        del row["needs"]
    return SeenContainer.validate(_frame(SeenContainer, rows))


def frame_units(looks: Iterable[RawLook], starts: Starting) -> DataFrame[SeenUnit]:
    """Return every unit of the looks."""
    rows = [
        _dated(look, source, msgspec.structs.asdict(row)) | {"start_count": _count(starts, look, source, row.unit)}
        for look in looks
        for source in look.sources
        for row in source.units
    ]
    for row in rows:
        del row["restart_count"]
    return SeenUnit.validate(_frame(SeenUnit, rows))


def frame_probes(looks: Iterable[RawLook]) -> DataFrame[SeenProbe]:
    """Return every answer to a probe of the looks."""
    rows = [
        _dated(look, source, msgspec.structs.asdict(row))
        for look in looks
        for source in look.sources
        for row in source.probes
    ]
    return SeenProbe.validate(_frame(SeenProbe, rows))


def _dated(look: RawLook, source: SourceLook, row: Row) -> Row:
    """Return a row with the moment of the look by its node's clock, which an engine tells for what has no way to."""
    known = (one.skew_s for one in (source, *look.sources) if one.skew_s is not None)
    seen_at = look.ended_at + look.offset_s + next(known, 0.0)
    return row | {"node": look.node, "source": source.source, "seen_at": seen_at}


def _count(starts: Starting, look: RawLook, source: SourceLook, name: str) -> int:
    known = starts.get(start_key(look, source), {}).get(name)
    return len(known.seen_at) if known else 0


def _frame(schema: type[Frame], rows: list[Row]) -> pl.DataFrame:
    """Return a frame of rows, whose moments are Unix seconds."""
    types = dtypes(schema)
    instants = [name for name, of in types.items() if isinstance(of, pl.Datetime)]
    raw: dict[str, Any] = {name: pl.Int64 if name in instants else of for name, of in types.items()}
    for row in rows:
        for name in instants:
            row[name] = None if row[name] is None else round(row[name] * SECOND_US)
    return pl.DataFrame(rows, schema=raw, orient="row").cast(types)  # type: ignore[arg-type]  # polars' own types

"""The base of every frame's schema, and the column types that several of them share."""

from collections.abc import Collection
from functools import cache
from inspect import get_annotations
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, cast, get_args, get_origin

import pandera.polars as pa
import polars as pl
from pandera.typing.polars import DataFrame

from schemas.episode import Target

Instant = Annotated[pl.Datetime, "us", "UTC"]
"""A moment: UTC, microseconds."""

StringList = Annotated[pl.List, pl.String]
"""A sorted list of identifiers."""

LARGE = 100_000
"""Rows from which two frames are joined in parts."""
PART = 25_000
"""Rows of a part, of which what a join looks up stays at hand."""
NODE = frozenset({"as_of", "node"})
"""What all rows of a node share, which mostly stand together."""


class Frame(pa.DataFrameModel):
    """A polars frame with exactly these columns, in this order, of these types; nothing is coerced."""

    class Config:
        """Strict, so that a forgotten or a spare column is an error where the frame is made."""

        strict = True
        ordered = True
        coerce = False
        unique: ClassVar[list[str] | None] = None

    @classmethod
    def validate(cls, check_obj: pl.DataFrame, *arguments: Any, **options: Any) -> DataFrame[Self]:  # type: ignore[override]
        """Return the frame if it keeps to the schema; raise what pandera finds where it does not.

        Pandera asks polars a few questions for each column, and a run validates two dozen frames: some milliseconds each.
        A frame that plainly keeps to the schema is told apart first; every other is pandera's to judge.
        """
        if _promises(cls).are_kept(check_obj):
            return cast("DataFrame[Self]", check_obj)
        return super().validate(check_obj, *arguments, **options)


class Promises(NamedTuple):
    """What a schema says of its frames, where it says nothing that takes pandera to check."""

    dtypes: list[tuple[str, pl.DataType]]
    filled: list[str]
    """The columns without nulls, nor NaN."""
    keys: list[list[str]]
    """The columns that no two rows share."""
    is_plain: bool
    """Whether this is all that the schema says."""

    def are_kept(self, frame: pl.DataFrame) -> bool:
        """Return whether the frame plainly keeps to all of it."""
        return (
            self.is_plain
            and list(frame.schema.items()) == self.dtypes
            and not any(_has_gaps(frame[name]) for name in self.filled)
            and (frame.height < 2 or all(frame.n_unique(key) == frame.height for key in self.keys))
        )


def _has_gaps(column: pl.Series) -> bool:
    return column.null_count() > 0 or (column.dtype.is_float() and bool(column.is_nan().any()))


@cache
def _promises(schema: type[Frame]) -> Promises:
    """Return what the schema says of its frames; pandera, which says the same, takes a millisecond for each schema."""
    fields = _fields(schema)
    keys = [[name] for name, field in fields.items() if field.unique]
    config = schema.Config
    return Promises(
        dtypes=list(dtypes(schema).items()),
        filled=[name for name, field in fields.items() if not field.nullable],
        keys=[*keys, *([list(config.unique)] if config.unique else [])],
        is_plain=config.strict is True and config.ordered and _says_columns_alone(schema, fields),
    )


def _fields(schema: type[Frame]) -> dict[str, Any]:
    """Return what is said of each column beside its type, as `pa.Field` has it."""
    return {name: vars(base)[name] for base in _bases(schema) for name in get_annotations(base)}


def _says_columns_alone(schema: type[Frame], fields: dict[str, Any]) -> bool:
    """Return whether the schema has no check, neither of a column nor of its own."""
    more = {name for base in _bases(schema) for name in vars(base) if not name.startswith("__")}
    return more <= {*fields, "Config"} and not any(field.checks for field in fields.values())


def _bases(schema: type[Frame]) -> list[type[Frame]]:
    """Return the schemas whose columns it has, its own behind those of others."""
    return [base for base in reversed(schema.__mro__) if issubclass(base, Frame) and base is not Frame]


def columns(schema: type[Frame]) -> list[str]:
    """Return the schema's column names in order, for the `select` that ends a stage."""
    return list(dtypes(schema))


@cache
def empty(schema: type[Frame]) -> pl.DataFrame:
    """Return a frame of the schema without rows."""
    return pl.DataFrame(schema=dtypes(schema))


def only(rows: pl.DataFrame, others: pl.DataFrame, on: str | list[str]) -> pl.DataFrame:
    """Return the rows that have a key of the others, in their order.

    Most questions of a judgement are about nothing, and cost nothing so.
    """
    return _join(rows, others, on, "semi") if rows.height and others.height else rows.clear()


def without(rows: pl.DataFrame, others: pl.DataFrame, on: str | list[str]) -> pl.DataFrame:
    """Return the rows that have no key of the others, in their order."""
    return _join(rows, others, on, "anti") if rows.height and others.height else rows


def look_up(rows: pl.DataFrame, others: pl.DataFrame, on: str | list[str]) -> pl.DataFrame:
    """Return the rows in their order with what the others say of their keys, null where they say nothing.

    But for the keys, the two have no column in common.
    """
    if rows.height and others.height:
        return _join(rows, others, on, "left")
    keys = [on] if isinstance(on, str) else on
    return rows.with_columns(pl.lit(None, kind).alias(name) for name, kind in others.schema.items() if name not in keys)


def _join(
    rows: pl.DataFrame, others: pl.DataFrame, on: str | list[str], how: Literal["semi", "anti", "left"]
) -> pl.DataFrame:
    """Join in the order of the rows.

    Polars keeps a table of the others: of many, that takes several times what looking through them takes. Those that no
    few rows ask about are left out of it first, and of two large frames the nodes are joined a few at a time.
    """
    keys = [on] if isinstance(on, str) else on
    if rows.height >= LARGE and NODE.issuperset(keys):
        joined = _join_runs(rows, others, keys, how)
        if joined is not None:
            return joined
    if others.height >= LARGE and rows.height < others.height // 4:
        asked = others if how == "left" else others.select(keys)
        others = _join(asked, rows, keys, "semi")
    elif others.height >= LARGE and rows.height >= LARGE and "node" in keys:
        parts = _by_nodes(rows["node"], others["node"])
        if parts:
            pairs = [(rows.slice(*mine), others.slice(*theirs)) for mine, theirs in parts]
            return _join_parts(rows, pairs, keys, how)
    elif rows.height >= LARGE:
        return _join_parts(rows, [(part, others) for part in rows.iter_slices(PART * 4)], keys, how)
    return rows.join(others, on=keys, how=how, maintain_order="left")


def _join_runs(
    rows: pl.DataFrame, others: pl.DataFrame, keys: list[str], how: Literal["semi", "anti", "left"]
) -> pl.DataFrame | None:
    """Join as `_join` does, with one look for each run of rows of one node; None where it would be no gain, or cannot be."""
    asked = rows.select(keys)
    is_first = asked.select(pl.any_horizontal((pl.all() != pl.all().shift()).fill_null(True))).to_series()
    firsts = asked.filter(is_first).with_row_index("run")
    if firsts.height > rows.height // 4:
        return None
    run = is_first.cast(pl.UInt32).cum_sum() - 1
    found = firsts.join(others, on=keys, how=how, maintain_order="left")
    if how == "left":
        said = found.drop("run", *keys)
        return rows.hstack(said[run]) if found.height == firsts.height else None
    if found.height == firsts.height:
        return rows
    is_kept = pl.Series([False], dtype=pl.Boolean).new_from_index(0, firsts.height).scatter(found["run"], True)
    return rows.filter(is_kept.gather(run))


def _join_parts(
    rows: pl.DataFrame,
    pairs: list[tuple[pl.DataFrame, pl.DataFrame]],
    keys: list[str],
    how: Literal["semi", "anti", "left"],
) -> pl.DataFrame:
    """Return the parts of the rows joined, in one piece, of which what follows takes several times less than of many."""
    if how == "left":
        said = pl.concat(
            (
                mine.select(keys).join(theirs, on=keys, how=how, maintain_order="left").drop(keys)
                for mine, theirs in pairs
            ),
            rechunk=True,
        )
        if said.height == rows.height:
            return rows.hstack(said)
    return pl.concat(
        (mine.join(theirs, on=keys, how=how, maintain_order="left") for mine, theirs in pairs), rechunk=True
    )


def _by_nodes(*columns: pl.Series) -> list[tuple[tuple[int, int], ...]]:
    """Return the place and the length that the same nodes have in each column, part by part; none unless all are sorted."""
    if any(column.null_count() or not column.is_sorted() for column in columns):
        return []
    firsts = columns[0].gather_every(PART, PART).unique().sort()
    cuts = ([0, *column.search_sorted(firsts, side="left"), column.len()] for column in columns)
    return list(zip(*([(at, end - at) for at, end in pairwise(cut)] for cut in cuts), strict=True))


def frame_targets(targets: Collection[Target]) -> pl.DataFrame:
    """Return a row of `node` and `service` for each target, in no order of its own."""
    nodes, services = zip(*targets, strict=True) if targets else ((), ())
    return pl.DataFrame({"node": nodes, "service": services}, schema={"node": pl.String, "service": pl.String})


def complete(rows: pl.DataFrame, schema: type[Frame], **values: object) -> pl.DataFrame:
    """Return the rows with all columns of the schema: what they do not have is the value given, else null."""
    types = dtypes(schema)
    return rows.select(
        pl.col(name) if name in rows.columns else pl.lit(values.get(name), dtype=kind).alias(name)
        for name, kind in types.items()
    )


@cache
def dtypes(schema: type[Frame]) -> dict[str, pl.DataType]:
    """Return the schema's polars types by column, for building a frame without inference."""
    return {name: _dtype(said) for base in _bases(schema) for name, said in get_annotations(base).items()}


_DTYPES: dict[Any, pl.DataType] = {bool: pl.Boolean(), int: pl.Int64(), float: pl.Float64(), str: pl.String()}


@cache
def _dtype(said: Any) -> pl.DataType:
    """Return the type of a column of which this is said."""
    kind, *parts = get_args(said) if get_origin(said) is Annotated else (said,)
    found: pl.DataType = _DTYPES.get(kind) or kind(*parts)
    return found

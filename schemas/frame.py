"""The base of every frame's schema, and the column types that several of them share."""

from collections.abc import Collection
from functools import cache
from inspect import get_annotations
from typing import Annotated, Any, ClassVar, NamedTuple, Self, cast, get_args, get_origin

import pandera.polars as pa
import polars as pl
from pandera.typing.polars import DataFrame

from schemas.episode import Target

Instant = Annotated[pl.Datetime, "us", "UTC"]
"""A moment: UTC, microseconds."""

StringList = Annotated[pl.List, pl.String]
"""A sorted list of identifiers."""


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

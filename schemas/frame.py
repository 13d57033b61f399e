"""The base of every frame's schema, and the column types that several of them share."""

from abc import ABC
from collections.abc import Collection
from functools import cache
from inspect import get_annotations
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Generic,
    NamedTuple,
    Self,
    TypeVar,
    cast,
    get_args,
    get_origin,
)

import polars as pl

from schemas.episode import Target
from schemas.joins import hash_keys

if TYPE_CHECKING:
    import pandera.polars as pa

Instant = Annotated[pl.Datetime, "us", "UTC"]
"""A moment: UTC, microseconds."""

StringList = Annotated[pl.List, pl.String]
"""A sorted list of identifiers."""

RepeatedText = pl.Categorical
"""A text that many rows have in common: each holds four bytes where a text takes sixteen. Its like in another frame is a text."""


class Column(NamedTuple):
    """What a schema says of a column beside its type."""

    nullable: bool = False
    """A row may leave it out; otherwise it is neither null nor NaN."""
    unique: bool = False
    """No two rows share a value."""


def field(*, nullable: bool = False, unique: bool = False) -> Any:
    """Return what is said of a column beside its type, as the value of the schema's field."""
    return Column(nullable, unique)


class Frame(ABC):  # noqa: B024 - for mypy, which has other classes for no keys of a cache
    """A polars frame with exactly these columns, in this order, of these types; nothing is coerced."""

    class Config:
        """The frame's name in messages, and the columns that no two rows share together."""

        name: ClassVar[str | None] = None
        unique: ClassVar[list[str] | None] = None

    @classmethod
    def validate(cls, frame: pl.DataFrame, *, lazy: bool = False) -> "DataFrame[Self]":
        """Return the frame if it keeps to the schema; raise what pandera finds where it does not, all of it where lazy."""
        if not _promises(cls).are_kept(frame):
            cls.to_schema().validate(frame, lazy=lazy)
        return cast("DataFrame[Self]", frame)

    @classmethod
    def to_schema(cls) -> "pa.DataFrameSchema":
        """Return pandera's schema, which finds what is wrong with a frame.

        Pandera is imported for that alone: it takes a tenth of a small run, in which nothing is wrong.
        """
        import pandera.polars as pa

        said = _said(cls)
        asked = {name: pa.Column(kind, **said[name]._asdict()) for name, kind in dtypes(cls).items()}
        return pa.DataFrameSchema(asked, name=cls.Config.name, unique=cls.Config.unique, strict=True, ordered=True)


def refusals(*others: type[Exception]) -> tuple[type[Exception], ...]:
    """Return what `validate` raises, and others, for an `except`, which asks for them where something is raised."""
    from pandera.errors import SchemaError, SchemaErrors

    return (SchemaError, SchemaErrors, *others)


Rows = TypeVar("Rows", bound=Frame)


class DataFrame(pl.DataFrame, Generic[Rows]):
    """A frame that keeps to a schema: only the schema's `validate` makes one, for the type checker to see."""


class Promises(NamedTuple):
    """What a schema says of its frames, in the order in which it is quick to ask."""

    dtypes: list[tuple[str, pl.DataType]]
    filled: list[str]
    """The columns without nulls."""
    numbers: list[str]
    """Those of them without NaN."""
    keys: list[list[str]]
    """The columns that no two rows share."""

    def are_kept(self, frame: pl.DataFrame) -> bool:
        """Return whether the frame plainly keeps to all of it; where keys share a number, they may yet differ."""
        return (
            list(frame.schema.items()) == self.dtypes
            and not any(frame.get_column(name).null_count() for name in self.filled)
            and not any(frame.get_column(name).is_nan().any() for name in self.numbers)
            and (frame.height < 2 or all(hash_keys(frame, key).n_unique() == frame.height for key in self.keys))
        )


@cache
def _promises(schema: type[Frame]) -> Promises:
    said = _said(schema)
    together, types = schema.Config.unique, dtypes(schema)
    filled = [name for name, column in said.items() if not column.nullable]
    return Promises(
        dtypes=list(types.items()),
        filled=filled,
        numbers=[name for name in filled if types[name].is_float()],
        keys=[*([name] for name, column in said.items() if column.unique), *([list(together)] if together else [])],
    )


def _said(schema: type[Frame]) -> dict[str, Column]:
    """Return what is said of each column beside its type."""
    return {name: vars(base).get(name, Column()) for base in _bases(schema) for name in get_annotations(base)}


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

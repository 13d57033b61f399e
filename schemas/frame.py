"""The base of every frame's schema, and the column types that several of them share."""

from functools import cache
from typing import Annotated

import pandera.polars as pa
import polars as pl

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


def columns(schema: type[Frame]) -> list[str]:
    """Return the schema's column names in order, for the `select` that ends a stage."""
    return list(dtypes(schema))


def empty(schema: type[Frame]) -> pl.DataFrame:
    """Return a frame of the schema without rows."""
    return pl.DataFrame(schema=dtypes(schema))


@cache
def dtypes(schema: type[Frame]) -> dict[str, pl.DataType]:
    """Return the schema's polars types by column, for building a frame without inference."""
    return {name: column.dtype.type for name, column in schema.to_schema().columns.items()}

"""A frame as plain values, for whatever writes them out."""

from typing import Any

import polars as pl


def rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as plain values, instants as text."""
    return spell_instants(frame).to_dicts()


def encode_rows(frame: pl.DataFrame) -> list[str]:
    """Return each row as a JSON text, as that of `rows` would be encoded; only 1e16 and more is spelt `1e+16`."""
    return spell_instants(frame).select(pl.struct(pl.all()).struct.json_encode()).to_series().to_list()


def members(*columns: str | pl.Expr) -> pl.Expr:
    """Return what stands between the braces of each row's JSON."""
    return pl.struct(*columns).struct.json_encode().str.head(-1).str.slice(1)


def spell_instants(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with instants as text."""
    return frame.with_columns(pl.selectors.datetime().dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ"))

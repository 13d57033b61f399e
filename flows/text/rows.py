"""A frame as plain values, for whatever writes them out."""

from typing import Any

import polars as pl


def rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as plain values, instants as text."""
    return spell_instants(frame).to_dicts()


def spell_instants(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with instants as text."""
    return frame.with_columns(pl.selectors.datetime().dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ"))

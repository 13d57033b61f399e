"""A frame as plain values, for whatever writes them out."""

from typing import Any

import polars as pl


def rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as plain values, instants as text."""
    instants = pl.selectors.datetime()
    return frame.with_columns(instants.dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ")).to_dicts()

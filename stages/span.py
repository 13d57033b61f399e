"""Runs as stretches of time."""

from datetime import timedelta

import polars as pl

from schemas.drift_episode import Span
from schemas.frame import DataFrame, columns
from schemas.history import HistoryRun


def measure_spans(runs: DataFrame[HistoryRun] | pl.DataFrame, longest: timedelta) -> DataFrame[Span]:
    """Return the runs that came to conclusions, and for how long each speaks: until the next, at most `longest`.

    Of runs at the same moment the live one with the highest generation counts, else one of the backfilled ones. The
    newest run speaks for no time yet.
    """
    gap_s = (pl.col("next_at") - pl.col("as_of")).dt.total_microseconds() / 1e6
    spans = (
        runs.filter(pl.col("state").is_not_null())
        .sort("as_of", "generation", "run_id", nulls_last=False)
        .unique("as_of", keep="last", maintain_order=True)
        .with_columns(next_at=pl.col("as_of").shift(-1))
        .with_columns(observed_s=gap_s.clip(upper_bound=longest.total_seconds()).fill_null(0.0))
        .with_row_index("run")
        .with_columns(pl.col("run").cast(pl.Int64))
    )
    return Span.validate(spans.select(columns(Span)))

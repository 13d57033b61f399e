"""Settling: since when each service has been about to become healthy."""

import polars as pl

from schemas.actual import ObservedService, Snapshot
from schemas.frame import DataFrame, columns, empty
from schemas.settling import Settling
from schemas.words import Health

TARGET = ["node", "service"]


def settle(
    observed: DataFrame[ObservedService], snapshots: DataFrame[Snapshot], remembered: DataFrame[Settling]
) -> DataFrame[Settling]:
    """Return each desired service that is settling in each snapshot, and the first of the runs in a row that saw it so.

    `remembered` is what the run before the first of these snapshots came to: what it knows is followed where no inventory
    that can be read asks for it, too. A first sight after `as_of` (the clock was set back) counts as now. No row of runs
    goes on over midnight, UTC: a day of the past comes out the same whichever days are judged with it.
    """
    settling = (
        observed.filter(pl.col("health") == Health.SETTLING)
        .join(remembered.select(*TARGET, "first_seen_at"), on=TARGET, how="left")
        .filter(pl.col("is_desired") | pl.col("first_seen_at").is_not_null())
    )
    if settling.is_empty():
        return Settling.validate(empty(Settling))
    number = pl.int_range(pl.len()) + pl.col("as_of").dt.date().rle_id()
    runs = snapshots.select("as_of").sort("as_of").select("as_of", run=number.cast(pl.Int64))
    seen = (
        settling.join(runs, on="as_of")
        .sort(*TARGET, "run")
        .with_columns(is_first=(pl.col("run") != pl.col("run").shift(1).over(TARGET) + 1).fill_null(True))
        .with_columns(stretch=pl.col("is_first").cum_sum().over(TARGET))
        .with_columns(began_at=pl.col("as_of").first().over(*TARGET, "stretch"))
        .with_columns(began_in=pl.col("run").first().over(*TARGET, "stretch"))
    )
    is_known = (pl.col("began_in") == 0) & pl.col("first_seen_at").is_not_null()
    first = pl.when(is_known).then(pl.min_horizontal("first_seen_at", "began_at")).otherwise("began_at")
    settled = seen.with_columns(first_seen_at=first).select(columns(Settling))
    return Settling.validate(settled.sort(columns(Settling)[:3]))

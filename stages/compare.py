"""What is recommended one way and not the other."""

import polars as pl

from schemas.comparison import Advice, Change, ChangedAdvice, StatePair
from schemas.expressions import word
from schemas.frame import DataFrame, columns

TARGET = ["node", "service"]
SIDES = ["action", "event_type", "severity"]


def compare_advice(
    before: DataFrame[Advice], after: DataFrame[Advice], states: DataFrame[StatePair]
) -> DataFrame[ChangedAdvice]:
    """Return what differs, one row for each unbroken succession of runs in which it differs alike, by time and target.

    A target's recommendation is another one when its action, event type or severity is; the reason does not count.
    """
    runs = states.select("as_of").sort("as_of").with_row_index("run").with_columns(pl.col("run").cast(pl.Int64))
    both = [f"{side}_{way}" for way in ("before", "after") for side in SIDES]
    alike = ["change", *TARGET, *both]
    differs = pl.any_horizontal(pl.col(f"{side}_before").ne_missing(pl.col(f"{side}_after")) for side in SIDES)
    previous = pl.col("run").shift(1).over(alike)
    changed = (
        _side(before, "before")
        .join(_side(after, "after"), on=["as_of", *TARGET], how="full", coalesce=True)
        .filter(differs)
        .join(runs, on="as_of")
        .sort("run", *TARGET)
        .with_columns(change=_change())
        .with_columns(stretch=(pl.col("run") != previous + 1).fill_null(True).cum_sum().over(alike))
        .group_by(*alike, "stretch")
        .agg(
            first_at=pl.col("as_of").first(),
            last_at=pl.col("as_of").last(),
            run_count=pl.len().cast(pl.UInt32),
        )
        .sort("first_at", *TARGET, "change")
    )
    return ChangedAdvice.validate(changed.select(columns(ChangedAdvice)))


def _side(advice: pl.DataFrame, way: str) -> pl.DataFrame:
    return advice.select("as_of", *TARGET, *(pl.col(side).alias(f"{side}_{way}") for side in SIDES))


def _change() -> pl.Expr:
    return (
        pl.when(pl.col("action_before").is_null())
        .then(_word(Change.GAINED))
        .when(pl.col("action_after").is_null())
        .then(_word(Change.LOST))
        .otherwise(_word(Change.CHANGED))
    )


def _word(change: Change) -> pl.Expr:
    return word(change)

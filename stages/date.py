"""The world's own time."""

import polars as pl

from schemas.actual import Actual
from schemas.expressions import age_s
from schemas.frame import DataFrame, columns
from schemas.run import WorldTime


def date_worlds(actual: Actual) -> DataFrame[WorldTime]:
    """Return the world's time of each snapshot, and its age at `as_of`.

    The time is the newest of `runtime-summary.json`'s `last_update` and of the `last_seen` of any node or service;
    without any, the newest file time (SEMANTICS 3). A doubtful time is none; a world from the future has age 0.
    """
    seen = pl.concat([actual.nodes.select("as_of", "last_seen_at"), actual.services.select("as_of", "last_seen_at")])
    newest = seen.group_by("as_of").agg(pl.col("last_seen_at").max())
    is_updated = (pl.col("last_update_at") >= pl.col("last_seen_at")).fill_null(pl.col("last_update_at").is_not_null())
    source = (
        pl.when(is_updated)
        .then(pl.lit("runtime-summary.json#last_update"))
        .when(pl.col("last_seen_at").is_not_null())
        .then(pl.lit("the newest last_seen"))
        .otherwise(pl.lit("the newest file time"))
    )
    dated = (
        actual.snapshots.join(newest, on="as_of", how="left")
        .with_columns(
            world_at=pl.coalesce(pl.max_horizontal("last_update_at", "last_seen_at"), "files_at"), world_ref=source
        )
        .with_columns(world_age_s=age_s("world_at"))
    )
    return WorldTime.validate(dated.select(columns(WorldTime)).sort("as_of"))

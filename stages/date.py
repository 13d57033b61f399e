"""The world's own time."""

import polars as pl
from pandera.typing.polars import DataFrame

from schemas.actual import Actual
from schemas.expressions import age_s
from schemas.frame import columns
from schemas.run import WorldTime


def date_worlds(actual: Actual) -> DataFrame[WorldTime]:
    """Return the world's time of each snapshot, and its age at `as_of`.

    The time is `runtime-summary.json`'s `last_update`; without it the newest `last_seen` of any node or service;
    without that the newest file time (SEMANTICS 3). A world from the future has age 0.
    """
    seen = pl.concat([actual.nodes.select("as_of", "last_seen_at"), actual.services.select("as_of", "last_seen_at")])
    newest = seen.group_by("as_of").agg(pl.col("last_seen_at").max())
    source = (
        pl.when(pl.col("last_update_at").is_not_null())
        .then(pl.lit("runtime-summary.json#last_update"))
        .when(pl.col("last_seen_at").is_not_null())
        .then(pl.lit("the newest last_seen"))
        .otherwise(pl.lit("the newest file time"))
    )
    dated = (
        actual.snapshots.join(newest, on="as_of", how="left")
        .with_columns(world_at=pl.coalesce("last_update_at", "last_seen_at", "files_at"), world_ref=source)
        .with_columns(world_age_s=age_s("world_at"))
    )
    return WorldTime.validate(dated.select(columns(WorldTime)).sort("as_of"))

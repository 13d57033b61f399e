"""Whether what was recommended was followed by recovery."""

import polars as pl

from schemas.drift_episode import ActionOutcome, DriftEpisode
from schemas.frame import DataFrame, columns


def measure_actions(episodes: DataFrame[DriftEpisode]) -> DataFrame[ActionOutcome]:
    """Return one row for each action that was recommended. Followed by, not caused by: nobody saw what was done."""
    took_s = pl.col("duration_s").filter(pl.col("is_recovered"))
    outcomes = (
        episodes.filter(pl.col("action").is_not_null())
        .group_by("action")
        .agg(
            episode_count=pl.len().cast(pl.UInt32),
            recovered_count=pl.col("is_recovered").sum().cast(pl.UInt32),
            median_recovery_s=took_s.median(),
        )
        .with_columns(recovered_ratio=pl.col("recovered_count") / pl.col("episode_count"))
    )
    return ActionOutcome.validate(outcomes.select(columns(ActionOutcome)).sort("action"))

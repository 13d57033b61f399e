"""Drift over time as episodes."""

import polars as pl

from schemas.drift_episode import DriftEpisode, Sighting, Span
from schemas.frame import DataFrame, columns
from schemas.history import HistoryRecommendation
from schemas.rules import PastRules

DRIFT = ["kind", "node", "service", "incident_id"]
CAUSE = ["kind", "node", "service"]


def find_drift_episodes(
    sightings: DataFrame[Sighting],
    recommendations: DataFrame[HistoryRecommendation] | pl.DataFrame,
    spans: DataFrame[Span],
    rules: PastRules,
) -> DataFrame[DriftEpisode]:
    """Return one row for each unbroken succession of runs that show the same drift, in the order of their openings.

    A time in which no run came to conclusions does not end an episode: nobody saw it end. It does not count as drift
    either, and is told apart as `unobserved_s`. An episode that was open when the period began seems to open with it.
    """
    previous = pl.col("run").shift(1).over(DRIFT)
    episode = (pl.col("run") != previous + 1).fill_null(True).cum_sum().over(DRIFT)
    found = (
        sightings.lazy()
        .with_columns(episode=episode)
        .group_by(*DRIFT, "episode")
        .agg(
            severity=pl.col("severity").max(),
            opened_at=pl.col("as_of").first(),
            last_at=pl.col("as_of").last(),
            resolved_at=pl.col("next_at").last(),
            duration_s=pl.col("observed_s").sum(),
            is_held_back=pl.col("held_by").is_not_null().all(),
            run=pl.col("run").first(),
            last_run=pl.col("run").last(),
        )
        .sort("run", *DRIFT)
        .with_columns(_unobserved_s(), _is_flapping(rules), reopened_count=(pl.col("episode") - 1).cast(pl.UInt32))
        .collect()
    )
    advised = _advise(found, recommendations, spans)
    return DriftEpisode.validate(advised.select(columns(DriftEpisode)))


def _unobserved_s() -> pl.Expr:
    ended_at = pl.coalesce("resolved_at", "last_at")
    lasted_s = (ended_at - pl.col("opened_at")).dt.total_microseconds() / 1e6
    return (lasted_s - pl.col("duration_s")).clip(lower_bound=0.0).alias("unobserved_s")


def _is_flapping(rules: PastRules) -> pl.Expr:
    first_of_them = pl.col("opened_at").shift(rules.flapping_openings - 1).over(DRIFT)
    return (pl.col("opened_at") - first_of_them <= rules.flapping_window).fill_null(False).alias("is_flapping")


def _advise(episodes: pl.DataFrame, recommendations: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """Add the action that was recommended first because of the drift while it lasted, and whether recovery followed."""
    advice = (
        recommendations.select("run_id", "node", "service", "action", kind="causing_kinds")
        .join(spans.select("run_id", "run"), on="run_id", how="left")
        .filter(pl.col("run").is_not_null())
        .explode("kind", empty_as_null=True, keep_nulls=True)
        .with_columns(pl.col("kind").cast(episodes.schema["kind"]), advised_run="run")
        .sort("run")
    )
    advised = episodes.join_asof(advice.drop("run_id"), on="run", by=CAUSE, strategy="forward", check_sortedness=False)
    in_time = pl.col("advised_run") <= pl.col("last_run")
    return advised.with_columns(pl.when(in_time).then("action").alias("action")).with_columns(
        is_recovered=pl.when(pl.col("action").is_not_null()).then(pl.col("resolved_at").is_not_null())
    )

"""The summary state of the fleet: a pure function of the rows (SEMANTICS 6)."""

import polars as pl
from pandera.typing.polars import DataFrame

from schemas.actual import Actual
from schemas.drift import Drift
from schemas.frame import columns, dtypes
from schemas.recommendation import Recommendation
from schemas.run import Summary, WorldTime
from schemas.words import EventType, HeldBy, Severity, State


def summarize(
    drift: DataFrame[Drift],
    recommendations: DataFrame[Recommendation],
    world_times: DataFrame[WorldTime],
    actual: Actual,
) -> DataFrame[Summary]:
    """Return the state and the counts of each snapshot."""
    of_type = {event: pl.col("event_type") == event for event in EventType}
    recommended = recommendations.group_by("as_of").agg(
        blocked_count=of_type[EventType.RECONCILE_BLOCKED].sum(),
        required_count=of_type[EventType.RECONCILE_REQUIRED].sum(),
        recommended_count=of_type[EventType.RECONCILE_RECOMMENDED].sum(),
        is_unstable=(of_type[EventType.RECONCILE_BLOCKED] | (pl.col("severity") == Severity.CRITICAL)).any(),
        is_degraded=(pl.col("severity") != Severity.INFO).any(),
    )
    drifted = drift.group_by("as_of").agg(
        drift_count=pl.len(),
        held_count=pl.col("held_by").is_not_null().sum(),
        in_flight_count=(pl.col("held_by") == HeldBy.DEPLOYMENT_IN_FLIGHT).sum(),
    )
    rejected = actual.rejected.group_by("as_of").agg(rejected_count=pl.len())
    counted = actual.snapshots.select("as_of", "unreadable_timestamp_count").join(world_times, on="as_of")
    for counts in (recommended, drifted, rejected):
        counted = counted.join(counts, on="as_of", how="left")
    state = (
        pl.when(pl.col("is_unstable").fill_null(False))
        .then(_state(State.UNSTABLE))
        .when(pl.col("is_degraded").fill_null(False))
        .then(_state(State.DEGRADED))
        .when(pl.col("in_flight_count").fill_null(0) > 0)
        .then(_state(State.RECONCILING))
        .otherwise(_state(State.NOMINAL))
    )
    names = [name for name in columns(Summary) if name.endswith("_count")]
    summarized = counted.with_columns(state=state).with_columns(
        pl.col(name).fill_null(0).cast(dtypes(Summary)[name]) for name in names
    )
    return Summary.validate(summarized.select(columns(Summary)).sort("as_of"))


def _state(state: State) -> pl.Expr:
    return pl.lit(state, dtype=pl.Enum(State))

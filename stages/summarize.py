"""The summary state of the fleet: a pure function of the rows (SEMANTICS 6)."""

import polars as pl

from schemas.actual import Actual
from schemas.desired import Desired
from schemas.drift import Drift
from schemas.expressions import is_fresh, word
from schemas.frame import DataFrame, columns, dtypes
from schemas.joins import look_up, only
from schemas.planned import Planned
from schemas.recommendation import Recommendation
from schemas.rules import Rules
from schemas.run import Summary, WorldTime
from schemas.words import ALL, DriftKind, EventType, HeldBy, Severity, State

TARGET = ["as_of", "node", "service"]
NOT_AS_ASKED = [
    DriftKind.MISSING_SERVICE,
    DriftKind.MISPLACED_SERVICE,
    DriftKind.UNHEALTHY_SERVICE,
    DriftKind.UNREADABLE_OBSERVATION,
    DriftKind.STALE_OBSERVATION,
]
FEWEST_TIMES = 2


def summarize(
    drift: DataFrame[Drift],
    recommendations: DataFrame[Recommendation],
    desired: Desired,
    actual: Actual,
    world_times: DataFrame[WorldTime],
    planned: DataFrame[Planned],
    rules: Rules,
) -> DataFrame[Summary]:
    """Return the state and the counts of each snapshot, and of how much it is said.

    Where a part of the inventory could not be read, the state is no better than degraded.
    """
    drifted = drift.group_by("as_of").agg(
        drift_count=pl.len(),
        held_count=pl.col("held_by").is_not_null().sum(),
        in_flight_count=(pl.col("held_by") == HeldBy.DEPLOYMENT_IN_FLIGHT).sum(),
        settling_count=(pl.col("held_by") == HeldBy.SETTLING).sum(),
    )
    rejected = actual.rejected.group_by("as_of").agg(rejected_count=pl.len())
    counted = actual.snapshots.select("as_of", "unreadable_timestamp_count").join(world_times, on="as_of")
    absent = planned.group_by("as_of").agg(planned_count=pl.len(), planned_until=_latest("until"))
    recommended, services = _recommendations(recommendations), _services(drift, desired, actual)
    for counts in (recommended, drifted, rejected, absent, services, _newest(actual, rules)):
        counted = look_up(counted, counts, "as_of")
    state = _find_state(is_partial=not desired.unread["is_warning"].all())
    names = [name for name in columns(Summary) if name.endswith("_count")]
    summarized = counted.with_columns(state=state).with_columns(
        pl.col(name).fill_null(0).cast(dtypes(Summary)[name]) for name in names
    )
    return Summary.validate(summarized.select(columns(Summary)).sort("as_of"))


def _recommendations(recommendations: pl.DataFrame) -> pl.DataFrame:
    """Return how many recommendations of each event type there are, and the worst state that one of them raises to."""
    of_type = {event: pl.col("event_type") == event for event in EventType}
    return recommendations.group_by("as_of").agg(
        blocked_count=of_type[EventType.RECONCILE_BLOCKED].sum(),
        required_count=of_type[EventType.RECONCILE_REQUIRED].sum(),
        recommended_count=of_type[EventType.RECONCILE_RECOMMENDED].sum(),
        is_unstable=(of_type[EventType.RECONCILE_BLOCKED] | (pl.col("severity") == Severity.CRITICAL)).any(),
        is_degraded=(pl.col("severity") != Severity.INFO).any(),
    )


def _find_state(*, is_partial: bool) -> pl.Expr:
    """Return the first state that applies; what was not counted is none."""
    return (
        pl.when(pl.col("is_unstable").fill_null(False))
        .then(word(State.UNSTABLE))
        .when(pl.col("is_degraded").fill_null(False) | pl.lit(is_partial))
        .then(word(State.DEGRADED))
        .when(pl.col("in_flight_count").fill_null(0) + pl.col("settling_count").fill_null(0) > 0)
        .then(word(State.RECONCILING))
        .otherwise(word(State.NOMINAL))
    )


def _latest(ends: str) -> pl.Expr:
    """Return the last of the ends; none where one never comes."""
    return pl.when(pl.col(ends).null_count() == 0).then(pl.col(ends).max())


def _services(drift: pl.DataFrame, desired: Desired, actual: Actual) -> pl.DataFrame:
    """Return how many services and nodes are asked for in each snapshot, and how many services are as asked."""
    nodes = desired.nodes.filter("is_monitored").select("node")
    services = desired.services.select("node", "service", "is_monitored").filter("is_monitored")
    asked = services.pipe(only, nodes, "node")
    offline = drift.filter(pl.col("kind") == DriftKind.OFFLINE_NODE).select("as_of", "node")
    on_offline = offline.join(asked, on="node").select(TARGET)
    differing = drift.filter(pl.col("kind").is_in(NOT_AS_ASKED) & (pl.col("service") != ALL)).select(TARGET)
    amiss = pl.concat([on_offline, differing]).unique().group_by("as_of").agg(amiss_count=pl.len())
    counted = look_up(actual.snapshots.select("as_of"), amiss, "as_of")
    return counted.select(
        "as_of",
        asked_service_count=pl.lit(asked.height),
        asked_node_count=pl.lit(nodes.height),
        well_service_count=pl.lit(asked.height) - pl.col("amiss_count").fill_null(0),
    )


def _newest(actual: Actual, rules: Rules) -> pl.DataFrame:
    """Return the newest time of services in the snapshots where several have one, and none is fresh."""
    times = actual.services.group_by("as_of").agg(
        newest_service_at=pl.col("last_seen_at").max(),
        dated_count=pl.col("last_seen_at").is_not_null().sum(),
    )
    is_old = ~is_fresh("newest_service_at", rules.service_ttl)
    return times.filter(is_old & (pl.col("dated_count") >= FEWEST_TIMES)).select("as_of", "newest_service_at")

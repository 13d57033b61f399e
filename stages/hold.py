"""What holds back what: a drift that another one explains gives no recommendation (SEMANTICS 4)."""

import polars as pl
from pandera.typing.polars import DataFrame

from schemas.actual import Deployment
from schemas.drift import DRIFT_ORDER, Drift
from schemas.expressions import age_s, has_any, is_one_of, seconds
from schemas.frame import columns
from schemas.rules import Rules
from schemas.words import FLEET, DriftKind, HeldBy

STOPPED_BY_DEPLOYMENT = [DriftKind.MISSING_SERVICE, DriftKind.UNHEALTHY_SERVICE, DriftKind.FAILED_DEPLOYMENT]


def hold_back(drift: DataFrame[Drift], deployments: DataFrame[Deployment], rules: Rules) -> DataFrame[Drift]:
    """Return the drift with `held_by` set to the first explanation that applies, in SEMANTICS 4's order.

    An unexpected service is held back by a stale world alone. A deployment in flight without a readable time has
    no age, and holds nothing back.
    """
    kind = pl.col("kind")
    is_suspect = kind == DriftKind.OBSERVER_SUSPECT
    is_stale = has_any(kind == DriftKind.STALE_WORLD, "as_of") & (kind != DriftKind.STALE_WORLD)
    is_unobserved = (kind == DriftKind.MISSING_SERVICE) & (
        has_any(is_suspect & (pl.col("node") == FLEET), "as_of") | has_any(is_suspect, "as_of", "node")
    )
    is_offline = has_any(kind == DriftKind.OFFLINE_NODE, "as_of", "node") & (kind != DriftKind.OFFLINE_NODE)
    is_deploying = pl.col("is_in_flight").is_not_null() & kind.is_in(STOPPED_BY_DEPLOYMENT)
    held_by = (
        pl.when(is_stale)
        .then(_held(HeldBy.STALE_WORLD))
        .when(kind == DriftKind.UNEXPECTED_SERVICE)
        .then(None)
        .when(is_unobserved)
        .then(_held(HeldBy.OBSERVER_SUSPECT))
        .when(is_offline)
        .then(_held(HeldBy.OFFLINE_NODE))
        .when(is_deploying)
        .then(_held(HeldBy.DEPLOYMENT_IN_FLIGHT))
    )
    held = drift.join(_in_flight(deployments, rules), on=["as_of", "node", "service"], how="left").with_columns(
        held_by=held_by
    )
    return Drift.validate(held.select(columns(Drift)).sort(DRIFT_ORDER))


def _held(held_by: HeldBy) -> pl.Expr:
    return pl.lit(held_by, dtype=pl.Enum(HeldBy))


def _in_flight(deployments: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return the services with a deployment in flight that still has time."""
    return (
        deployments.filter(
            is_one_of("status", rules.in_flight_words) & (age_s("begun_at") < seconds(rules.progress_deadline))
        )
        .select("as_of", "node", "service", is_in_flight=pl.lit(True))
        .unique()
    )

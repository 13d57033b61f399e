"""What holds back what: a drift that another one explains gives no recommendation (SEMANTICS 4, 1 to 7)."""

import polars as pl

from schemas.actual import Actual, Observed
from schemas.doubt import Doubt, Doubted, DoubtRule
from schemas.drift import DRIFT_ORDER, Drift, held
from schemas.expressions import age_s, has_any, is_one_of, seconds, word
from schemas.frame import DataFrame, columns
from schemas.joins import look_up, only, without
from schemas.planned import Planned
from schemas.rules import Rules
from schemas.settling import Settling
from schemas.words import ALL, DriftCause, DriftKind, HeldBy

NODE = ["as_of", "node"]
TARGET = [*NODE, "service"]
STOPPED_BY_DEPLOYMENT = [
    DriftKind.MISSING_SERVICE,
    DriftKind.MISPLACED_SERVICE,
    DriftKind.UNHEALTHY_SERVICE,
    DriftKind.STALE_OBSERVATION,
    DriftKind.FAILED_DEPLOYMENT,
]
UNSEEN_SERVICE = [DriftKind.MISSING_SERVICE, DriftKind.MISPLACED_SERVICE, DriftKind.STALE_OBSERVATION]
OF_SERVICES = [DoubtRule.MASS_UNSEEN, DoubtRule.ALL_UNSEEN, DoubtRule.NO_SERVICES]
NOBODY_CAN_LOOK = [DriftCause.UNOBSERVABLE, DriftCause.UNJUDGED]
UNEXPECTED = [DriftKind.UNEXPECTED_SERVICE, DriftKind.UNEXPECTED_NODE]


def hold_back(
    doubted: Doubted,
    planned: DataFrame[Planned],
    settling: DataFrame[Settling],
    actual: Actual,
    observed: Observed,
    rules: Rules,
) -> DataFrame[Drift]:
    """Return the drift with `held_by` set to the first explanation that applies, of SEMANTICS 4's 1 to 7.

    What is unexpected is held back by 1 and 2 alone, pressure of a node by 1, 2 and 4. A deployment in flight without a
    readable time has no age, and holds nothing back. A node that nobody can look at is as severe as what it holds back.
    """
    marked = _mark_doubts(doubted.drift, doubted.doubts)
    for mark in (
        _mark_planned(marked, planned),
        _in_flight(observed, rules),
        _settling(doubted.drift, settling, actual, observed, rules),
    ):
        marked = look_up(marked, mark, mark.columns[:-1])
    whole = marked.with_columns(pl.col("is_planned", "is_settling").fill_null(False)).with_columns(
        held_by=_find_holder()
    )
    return Drift.validate(_raise_dark(whole.select(columns(Drift))).sort(DRIFT_ORDER))


def _find_holder() -> pl.Expr:
    """Return the first explanation that applies to a drift, in SEMANTICS 4's order; none where it stands for itself."""
    kind = pl.col("kind")
    is_stale = has_any(kind == DriftKind.STALE_WORLD, "as_of") & (kind != DriftKind.STALE_WORLD)
    is_strange, is_pressure = kind.is_in(UNEXPECTED), kind == DriftKind.NODE_PRESSURE
    is_offline = has_any(kind == DriftKind.OFFLINE_NODE, *NODE) & (kind != DriftKind.OFFLINE_NODE)
    is_dark = has_any((pl.col("service") == ALL) & pl.col("cause").is_in(NOBODY_CAN_LOOK), *NODE)
    is_deploying = pl.col("is_in_flight").is_not_null() & kind.is_in(STOPPED_BY_DEPLOYMENT)
    return (
        pl.when("is_planned")
        .then(held(HeldBy.MAINTENANCE))
        .when(is_stale)
        .then(held(HeldBy.STALE_WORLD))
        .when(is_strange)
        .then(None)
        .when(_is_doubted() & ~is_pressure)
        .then(held(HeldBy.OBSERVER_SUSPECT))
        .when(is_offline)
        .then(held(HeldBy.OFFLINE_NODE))
        .when(is_pressure)
        .then(None)
        .when(is_dark & (pl.col("service") != ALL))
        .then(held(HeldBy.UNREADABLE_OBSERVATION))
        .when(is_deploying)
        .then(held(HeldBy.DEPLOYMENT_IN_FLIGHT))
        .when("is_settling")
        .then(held(HeldBy.SETTLING))
    )


def _mark_planned(drift: pl.DataFrame, planned: pl.DataFrame) -> pl.DataFrame:
    """Return the targets with drift for which, for whose node, or for the fleet, a window is open."""
    targets = drift.select(TARGET).unique()
    if planned.is_empty():
        return targets.clear().with_columns(is_planned=pl.lit(True))
    fleet, nodes = planned.filter(pl.col("node").is_null()), planned.filter(pl.col("service").is_null())
    found = [
        targets.join(fleet, on="as_of", how="semi"),
        targets.join(nodes, on=NODE, how="semi"),
        targets.join(planned, on=TARGET, how="semi"),
    ]
    return pl.concat(found).unique().with_columns(is_planned=pl.lit(True))


def _mark_doubts(drift: pl.DataFrame, doubts: DataFrame[Doubt]) -> pl.DataFrame:
    """Say of each drift what is doubted: what services are seen, its node, or its word."""
    if doubts.is_empty():
        return drift.with_columns(doubts_unseen=False, doubts_node=False, doubts_word=False)
    unseen = doubts.filter(pl.col("rule").is_in(OF_SERVICES)).select("as_of", doubts_unseen=pl.lit(True)).unique()
    nodes = doubts.drop_nulls("node").select(*NODE, doubts_node=pl.lit(True)).unique()
    words = doubts.drop_nulls("word").select("as_of", observed="word", doubts_word=pl.lit(True)).unique()
    marked = (
        drift.join(unseen, on="as_of", how="left")
        .join(nodes, on=NODE, how="left")
        .join(words, on=["as_of", "observed"], how="left")
    )
    return marked.with_columns(pl.col("doubts_unseen", "doubts_node", "doubts_word").fill_null(False))


def _is_doubted() -> pl.Expr:
    kind = pl.col("kind")
    is_own = pl.col("service") == ALL
    is_unreadable = kind == DriftKind.UNREADABLE_OBSERVATION
    is_unseen = kind.is_in(UNSEEN_SERVICE) | (is_unreadable & ~is_own)
    is_off = (kind == DriftKind.OFFLINE_NODE) & (pl.col("cause") != DriftCause.BY_WORD)
    is_gone = is_off | (is_unreadable & is_own & (pl.col("cause") != DriftCause.NEVER_SEEN))
    is_on_offline = has_any(is_off, *NODE)
    has_word = (kind == DriftKind.UNHEALTHY_SERVICE) & pl.col("doubts_word")
    return (
        (pl.col("doubts_unseen") & is_unseen) | (pl.col("doubts_node") & (is_gone | is_on_offline)) | has_word
    ) & ~kind.is_in([DriftKind.OBSERVER_SUSPECT, DriftKind.STALE_WORLD])


def _in_flight(observed: Observed, rules: Rules) -> pl.DataFrame:
    """Return the services with a deployment in flight that still has time, unless deploying failed too often."""
    in_flight = is_one_of("status", rules.in_flight_words)
    has_time = age_s("begun_at") < seconds(rules.progress_deadline)
    moving = observed.deployments.filter(in_flight & has_time)
    if moving.is_empty():
        return moving.select(*TARGET, is_in_flight=pl.lit(True))
    is_failed = is_one_of("status", rules.failed_words)
    successes_after = is_one_of("status", rules.succeeded_words).cum_sum(reverse=True).over(TARGET)
    failing = (
        only(observed.deployments.filter(~in_flight), moving, TARGET)
        .sort(*TARGET, "begun_at", "file_order", nulls_last=False)
        .with_columns(failures=(is_failed & (successes_after == 0)).sum().over(TARGET))
        .filter(pl.col("failures") >= rules.max_deployment_failures)
    )
    return without(moving, failing, TARGET).select(TARGET).unique().with_columns(is_in_flight=pl.lit(True))


def _settling(
    drift: pl.DataFrame, settling: pl.DataFrame, actual: Actual, observed: Observed, rules: Rules
) -> pl.DataFrame:
    """Return the unhealthy services whose status may still become healthy, or is from before their node came back."""
    unhealthy = drift.filter(pl.col("kind") == DriftKind.UNHEALTHY_SERVICE)
    if unhealthy.is_empty():
        return unhealthy.select(*TARGET, "kind", is_settling=pl.lit(True))
    times = only(observed.services.select(*TARGET, "since_at", "last_seen_at"), unhealthy, TARGET)
    back = actual.nodes.drop_nulls("online_since_at").select(*NODE, "online_since_at")
    dated = (
        unhealthy.join(times, on=TARGET, how="left")
        .pipe(look_up, settling, TARGET)
        .pipe(look_up, back, NODE)
        .with_columns(from_at=pl.coalesce("since_at", "first_seen_at"))
    )
    limit = seconds(rules.progress_deadline)
    is_young = (pl.col("cause") == DriftCause.SETTLING) & (age_s("from_at") < limit)
    is_from_before = (pl.col("last_seen_at") < pl.col("online_since_at")) & (age_s("online_since_at") < limit)
    found = dated.filter(is_young.fill_null(False) | is_from_before.fill_null(False))
    kind = word(DriftKind.UNHEALTHY_SERVICE)
    return found.select(*TARGET, kind=kind, is_settling=pl.lit(True)).unique()


def _raise_dark(drift: pl.DataFrame) -> pl.DataFrame:
    """Give a node that nobody can look at the highest severity of what it holds back, if that is more."""
    is_dark = (pl.col("service") == ALL) & pl.col("cause").is_in(NOBODY_CAN_LOOK)
    under = pl.col("severity").filter(pl.col("held_by") == HeldBy.UNREADABLE_OBSERVATION).max().over(NODE)
    higher = pl.max_horizontal(pl.col("severity").to_physical(), under.to_physical())
    raised = pl.when(is_dark).then(higher).otherwise(pl.col("severity").to_physical())
    return drift.with_columns(severity=raised.cat.to(drift.schema["severity"])) if drift.height else drift

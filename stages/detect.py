"""Drift of services: the differences between desired and actual, before anything is held back (SEMANTICS 3)."""

import polars as pl

from schemas.actual import Actual, Observed
from schemas.desired import Desired
from schemas.drift import DRIFT_ORDER, Drift, because, gather_drift, of_kind
from schemas.expressions import age_s, is_aged, is_fresh, is_known_word, is_one_of, seconds, word
from schemas.frame import DataFrame
from schemas.joins import only, without
from schemas.link import of_judged_nodes
from schemas.rejected import is_fault
from schemas.rules import Rules
from schemas.words import DriftCause, DriftKind, Health, RunMode, Severity

KEY = ["as_of", "node", "service"]
FEWEST_FRESH = 2
"""Other fresh records of a node from which one that is not fresh is odd."""


def detect_drift(
    desired: Desired, actual: Actual, observed: Observed, node_drift: DataFrame[Drift], rules: Rules
) -> DataFrame[Drift]:
    """Return the drift of the nodes, and one row for each difference of a service, sorted by snapshot, target, kind.

    Each row follows from its own node alone, so that the nodes of a fleet can be judged apart. Nothing is held back
    yet: `held_by` is null. Nothing of a node that is not monitored is desired, and nothing of it unexpected. A
    service whose record was set aside is not missing: what is unknown is neither drift nor health.
    """
    asked = _asked(desired, observed)
    monitored = of_judged_nodes(asked.filter("is_monitored"), desired.nodes).select("node", "service", "run")
    is_amiss = (pl.col("health") != Health.HEALTHY) | is_aged("last_seen_at", rules.service_ttl)
    amiss = observed.services.filter(pl.col("is_desired") & is_amiss)
    seen = amiss.join(monitored, on=["node", "service"])
    offline = node_drift.filter(pl.col("kind") == DriftKind.OFFLINE_NODE)
    found = [
        node_drift.drop("drift_id"),
        _missing(monitored, actual, observed),
        _unhealthy(seen, rules),
        _unreadable(seen),
        _stale(without(seen, offline, ["as_of", "node"]), actual, observed, rules),
        _failed_deployments(monitored, observed, rules),
        _unresolved_incidents(desired, observed, rules),
        _unexpected(desired, observed),
    ]
    return Drift.validate(_refer(gather_drift(found), asked, desired).sort(DRIFT_ORDER))


def _asked(desired: Desired, observed: Observed) -> pl.DataFrame:
    """Return what the inventory says of the services of which there is something to be said: of a fleet, a few."""
    told = (observed.services, observed.unseen, observed.deployments, observed.incidents)
    services = desired.services.select("node", "service", "run", "is_monitored", "file", "line")
    return only(services, pl.concat(rows.select("node", "service") for rows in told).unique(), ["node", "service"])


def _missing(monitored: pl.DataFrame, actual: Actual, observed: Observed) -> pl.DataFrame:
    """Return what has no record, and say where a record of its node could not be read."""
    missing = without(observed.unseen, observed.services, KEY).join(
        monitored.filter(pl.col("run") != RunMode.SCHEDULED), on=["node", "service"]
    )
    if missing.is_empty():
        return missing
    lost = (
        actual.rejected.filter((pl.col("file") == "services.json") & pl.col("service").is_null())
        .drop_nulls("node")
        .sort("key", "reason")
        .group_by("as_of", "node", maintain_order=True)
        .agg(detail=pl.format("a record of {} could not be read ({})", pl.col("node").first(), pl.col("key").first()))
    )
    return of_kind(missing.join(lost, on=["as_of", "node"], how="left"), DriftKind.MISSING_SERVICE, Severity.ERROR)


def _seen(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with what the world says of them as evidence."""
    return rows.with_columns(
        actual_ref=pl.format("services.json#{}", "key"),
        observed="status",
        observed_at="last_seen_at",
        age_s=age_s("last_seen_at"),
        detail="containers",
    )


def _unhealthy(seen: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    is_unknown = pl.col("status").is_not_null() & ~is_known_word("status", rules)
    cause = (
        pl.when(pl.col("health") == Health.LOOPING)
        .then(because(DriftCause.LOOPING))
        .when(pl.col("health") == Health.SETTLING)
        .then(because(DriftCause.SETTLING))
        .when(is_unknown)
        .then(because(DriftCause.UNKNOWN_WORD))
        .otherwise(because(DriftCause.PLAIN))
    )
    unhealthy = seen.filter(~pl.col("health").is_in([Health.HEALTHY, Health.UNREADABLE]))
    if unhealthy.is_empty():
        return unhealthy
    return of_kind(_seen(unhealthy).with_columns(cause=cause), DriftKind.UNHEALTHY_SERVICE, Severity.ERROR)


def _unreadable(seen: pl.DataFrame) -> pl.DataFrame:
    unreadable = seen.filter(pl.col("health") == Health.UNREADABLE)
    if unreadable.is_empty():
        return unreadable
    return of_kind(
        _seen(unreadable).with_columns(observed="problem"), DriftKind.UNREADABLE_OBSERVATION, Severity.WARNING
    )


def _stale(seen: pl.DataFrame, actual: Actual, observed: Observed, rules: Rules) -> pl.DataFrame:
    """Return healthy records that are old, while enough others of their node are fresh or each is written anew."""
    stale = seen.filter(
        (pl.col("run") == RunMode.SERVICE)
        & (pl.col("health") == Health.HEALTHY)
        & is_aged("last_seen_at", rules.service_ttl)
    )
    if stale.is_empty():
        return stale
    beside = observed.services.select(
        *KEY[:2],
        dated_count=pl.col("last_seen_at").is_not_null().cast(pl.UInt32),
        fresh_count=is_fresh("last_seen_at", rules.service_ttl).cast(pl.UInt32),
    )
    well = observed.well.select(*KEY[:2], pl.col("fresh_count").alias("dated_count"), "fresh_count")
    others = only(pl.concat([beside, well]), stale, KEY[:2]).group_by("as_of", "node").sum()
    is_fresh_beside = (pl.col("fresh_count") >= FEWEST_FRESH) & (2 * pl.col("fresh_count") >= pl.col("dated_count") - 1)
    is_rewritten = pl.col("refreshes").fill_null(False) | pl.lit(rules.refreshes is True)
    alone = (
        stale.join(others, on=["as_of", "node"])
        .join(actual.snapshots.select("as_of", "refreshes"), on="as_of")
        .filter(is_rewritten | is_fresh_beside)
        .with_columns(limit_s=seconds(rules.service_ttl))
    )
    return of_kind(_seen(alone), DriftKind.STALE_OBSERVATION, Severity.WARNING)


def _failed_deployments(monitored: pl.DataFrame, observed: Observed, rules: Rules) -> pl.DataFrame:
    """Judge the newest deployment of each service that is not in flight; those without a time come first."""
    ended = observed.deployments.filter(~is_one_of("status", rules.in_flight_words)).join(
        monitored, on=["node", "service"]
    )
    if ended.is_empty():
        return ended
    is_failed = is_one_of("status", rules.failed_words)
    successes_after = is_one_of("status", rules.succeeded_words).cum_sum(reverse=True).over(KEY)
    newest = (
        ended.sort(*KEY, "begun_at", "file_order", nulls_last=False)
        .with_columns(done_at=pl.coalesce("ended_at", "begun_at"))
        .with_columns(consecutive_failures=(is_failed & (successes_after == 0)).sum().over(KEY), age_s=age_s("done_at"))
        .group_by(KEY, maintain_order=True)
        .last()
        .filter(is_failed)
        .with_columns(actual_ref=pl.format("deployments.json#{}", "key"), observed="status", observed_at="done_at")
    )
    is_old = (pl.col("age_s") > seconds(rules.deployment_window)).fill_null(False)
    is_undated = pl.col("age_s").is_null()
    is_exhausted = (pl.col("consecutive_failures") >= rules.max_deployment_failures) & ~is_undated
    cause = (
        pl.when(is_old)
        .then(because(DriftCause.OLD))
        .when(is_undated)
        .then(because(DriftCause.UNDATED))
        .otherwise(because(DriftCause.PLAIN))
    )
    severity = (
        pl.when(is_old)
        .then(word(Severity.INFO))
        .when(is_exhausted)
        .then(word(Severity.CRITICAL))
        .otherwise(word(Severity.WARNING))
    )
    return of_kind(newest.with_columns(cause=cause), DriftKind.FAILED_DEPLOYMENT, severity)


def _unresolved_incidents(desired: Desired, observed: Observed, rules: Rules) -> pl.DataFrame:
    unmonitored = desired.services.filter(~pl.col("is_monitored"))
    is_over = is_one_of("status", rules.closed_words) | (
        pl.col("resolved_at").is_not_null()
        & (pl.col("last_activity_at").is_null() | (pl.col("resolved_at") >= pl.col("last_activity_at")))
    )
    severity = (
        pl.when((pl.col("severity") == Severity.CRITICAL.value).fill_null(False))
        .then(word(Severity.CRITICAL))
        .otherwise(word(Severity.WARNING))
    )
    unresolved = (
        observed.incidents.filter(~is_over)
        .pipe(only, desired.nodes.filter("is_monitored"), "node")
        .pipe(without, unmonitored, ["node", "service"])
    )
    if unresolved.is_empty():
        return unresolved
    told = unresolved.with_columns(
        actual_ref=pl.format("incidents.json#{}", "key"),
        observed="status",
        observed_at="started_at",
        age_s=age_s("started_at"),
        incident_id="key",
    )
    return of_kind(told, DriftKind.UNRESOLVED_INCIDENT, severity)


def _unexpected(desired: Desired, observed: Observed) -> pl.DataFrame:
    """Return what no inventory asks for, where that is known."""
    strange = observed.services.filter(~pl.col("is_desired"))
    if strange.is_empty():
        return strange
    unclear = desired.nodes.filter(~pl.col("is_readable") | ~pl.col("is_monitored"))
    bad_entries = desired.unread.filter(is_fault())
    unexpected = without(without(strange, unclear, "node"), bad_entries, ["node", "service"])
    return of_kind(_seen(unexpected), DriftKind.UNEXPECTED_SERVICE, Severity.INFO)


def _refer(drift: pl.DataFrame, asked: pl.DataFrame, desired: Desired) -> pl.DataFrame:
    """Say where the inventory asks for each service that drifted."""
    if drift.is_empty():
        return drift
    lines = asked.select("node", "service", place=pl.format("{}:{}", "file", "line"))
    files = desired.nodes.join(drift, on="node", how="semi").select("node", "file")
    referred = drift.join(lines, on=["node", "service"], how="left").join(files, on="node", how="left")
    about_nodes = pl.when(pl.col("service") == "all").then("file")
    return referred.with_columns(desired_ref=pl.coalesce("desired_ref", "place", about_nodes)).select(drift.columns)

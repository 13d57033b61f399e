"""Drift: the differences between desired and actual, before anything is held back (SEMANTICS 3)."""

import polars as pl
from pandera.typing.polars import DataFrame

from schemas.actual import Actual
from schemas.desired import Desired
from schemas.drift import DRIFT_ORDER, Drift, gather_drift, of_kind
from schemas.expressions import age_s, is_one_of, seconds
from schemas.frame import columns
from schemas.rules import Rules
from schemas.words import ALL, DriftKind, Severity

KEY = ["as_of", "node", "service"]


def detect_drift(desired: Desired, actual: Actual, rules: Rules) -> DataFrame[Drift]:
    """Return one row for each difference of a node or a service in each snapshot, sorted by snapshot, target and kind.

    Each row follows from its own node alone, so that the nodes of a fleet can be judged apart. Nothing is held back
    yet: `held_by` is null. A node whose inventory is unreadable has no finding about absence. A node whose world record
    was set aside is not called offline, a service whose record was set aside not missing: what is unknown is neither
    drift nor health. A failed deployment without a readable time has no age, so it
    cannot be known to be recent, and is none.
    """
    offline = _offline_nodes(desired, actual, rules)
    monitored = desired.services.filter("is_monitored").select("node", "service", "line")
    absent = monitored.join(actual.snapshots.select("as_of"), how="cross").join(
        actual.services, on=KEY, how="anti", nulls_equal=False
    )
    set_aside = (
        actual.rejected.filter((pl.col("file") == "services.json") & pl.col("service").is_not_null())
        .sort("key", "reason")
        .unique(KEY, keep="first", maintain_order=True)
    )
    missing = absent.join(set_aside, on=KEY, how="anti")
    found = [
        offline,
        of_kind(missing, DriftKind.MISSING_SERVICE, Severity.ERROR),
        _unhealthy_services(monitored, actual, rules),
        _unreadable_observations(absent, set_aside),
        _failed_deployments(monitored, actual, rules),
        _unresolved_incidents(desired, actual, rules),
        _unexpected_services(desired, actual),
    ]
    return Drift.validate(_refer(gather_drift(found), desired).sort(DRIFT_ORDER))


def _offline_nodes(desired: Desired, actual: Actual, rules: Rules) -> pl.DataFrame:
    set_aside = actual.rejected.filter(pl.col("service").is_null() & (pl.col("file") == "nodes.json"))
    limit = pl.when("is_intermittent").then(seconds(rules.node_ttl_intermittent)).otherwise(seconds(rules.node_ttl))
    is_recorded = pl.col("key").is_not_null()
    is_silent = (pl.col("age_s") > pl.col("limit_s")).fill_null(False)
    nodes = (
        desired.nodes.join(actual.snapshots.select("as_of"), how="cross")
        .join(actual.nodes, on=["as_of", "node"], how="left")
        .with_columns(age_s=age_s("last_seen_at"), limit_s=limit)
        .filter(~is_one_of("status", rules.online_words) | is_silent)
    )
    unknown = nodes.filter(~is_recorded).join(set_aside, on=["as_of", "node"], how="semi")
    offline = nodes.join(unknown, on=["as_of", "node"], how="anti").select(
        "as_of",
        "node",
        service=pl.lit(ALL),
        desired_ref="file",
        actual_ref=pl.when(is_recorded).then(pl.format("nodes.json#{}", "key")),
        observed="status",
        observed_at="last_seen_at",
        age_s="age_s",
        limit_s=pl.when(is_silent).then("limit_s"),
    )
    return of_kind(offline, DriftKind.OFFLINE_NODE, Severity.CRITICAL)


def _unhealthy_services(monitored: pl.DataFrame, actual: Actual, rules: Rules) -> pl.DataFrame:
    unhealthy = (
        actual.services.filter(~is_one_of("status", rules.healthy_words))
        .join(monitored, on=["node", "service"])
        .with_columns(
            actual_ref=pl.format("services.json#{}", "key"),
            observed="status",
            observed_at="last_seen_at",
            age_s=age_s("last_seen_at"),
        )
    )
    return of_kind(unhealthy, DriftKind.UNHEALTHY_SERVICE, Severity.ERROR)


def _unreadable_observations(absent: pl.DataFrame, set_aside: pl.DataFrame) -> pl.DataFrame:
    unreadable = absent.join(set_aside, on=KEY).with_columns(
        actual_ref=pl.concat_str("file", pl.lit("#"), "key"), observed="reason"
    )
    return of_kind(unreadable, DriftKind.UNREADABLE_OBSERVATION, Severity.WARNING)


def _failed_deployments(monitored: pl.DataFrame, actual: Actual, rules: Rules) -> pl.DataFrame:
    """Judge the newest deployment of each service; those without a time come first, in file order."""
    is_failed = is_one_of("status", rules.failed_words)
    successes_after = is_one_of("status", rules.succeeded_words).cum_sum(reverse=True).over(KEY)
    newest = (
        actual.deployments.join(monitored, on=["node", "service"])
        .sort(*KEY, "begun_at", "file_order", nulls_last=False)
        .with_columns(
            consecutive_failures=(is_failed & (successes_after == 0)).sum().over(KEY), age_s=age_s("begun_at")
        )
        .group_by(KEY, maintain_order=True)
        .last()
        .filter(is_failed & (pl.col("age_s") <= seconds(rules.deployment_window)))
        .with_columns(actual_ref=pl.format("deployments.json#{}", "key"), observed="status", observed_at="begun_at")
    )
    severity = (
        pl.when(pl.col("consecutive_failures") >= rules.max_deployment_failures)
        .then(pl.lit(Severity.CRITICAL, dtype=pl.Enum(Severity)))
        .otherwise(pl.lit(Severity.WARNING, dtype=pl.Enum(Severity)))
    )
    return of_kind(newest, DriftKind.FAILED_DEPLOYMENT, severity)


def _unresolved_incidents(desired: Desired, actual: Actual, rules: Rules) -> pl.DataFrame:
    unmonitored = desired.services.filter(~pl.col("is_monitored"))
    severity = (
        pl.when((pl.col("severity") == Severity.CRITICAL.value).fill_null(False))
        .then(pl.lit(Severity.CRITICAL, dtype=pl.Enum(Severity)))
        .otherwise(pl.lit(Severity.WARNING, dtype=pl.Enum(Severity)))
    )
    unresolved = (
        actual.incidents.filter(~is_one_of("status", rules.closed_words))
        .join(desired.nodes, on="node", how="semi")
        .join(unmonitored, on=["node", "service"], how="anti")
        .with_columns(
            actual_ref=pl.format("incidents.json#{}", "key"),
            observed="status",
            observed_at="started_at",
            age_s=age_s("started_at"),
            incident_id="key",
        )
    )
    return of_kind(unresolved, DriftKind.UNRESOLVED_INCIDENT, severity)


def _unexpected_services(desired: Desired, actual: Actual) -> pl.DataFrame:
    unknown_nodes = desired.nodes.filter(~pl.col("is_readable"))
    unexpected = (
        actual.services.join(desired.services, on=["node", "service"], how="anti")
        .join(unknown_nodes, on="node", how="anti")
        .join(desired.unread, on=["node", "service"], how="anti")
        .with_columns(
            actual_ref=pl.format("services.json#{}", "key"),
            observed="status",
            observed_at="last_seen_at",
            age_s=age_s("last_seen_at"),
        )
    )
    return of_kind(unexpected, DriftKind.UNEXPECTED_SERVICE, Severity.INFO)


def _refer(drift: pl.DataFrame, desired: Desired) -> pl.DataFrame:
    """Say where the inventory asks for each service that drifted."""
    files = drift.select("node").unique().join(desired.nodes.select("node", "file"), on="node")
    lines = desired.services.join(drift, on=["node", "service"], how="semi").select(
        "node", "service", desired_line="line"
    )
    asked = pl.format("{}:{}", "file", "desired_line")
    return (
        drift.join(files, on="node", how="left")
        .join(lines, on=["node", "service"], how="left")
        .with_columns(desired_ref=pl.coalesce("desired_ref", asked))
        .select(columns(Drift))
    )

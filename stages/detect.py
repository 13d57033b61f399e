"""Drift: the differences between desired and actual, before anything is held back (SEMANTICS 3)."""

import polars as pl
from pandera.typing.polars import DataFrame

from schemas.actual import Actual
from schemas.desired import Desired
from schemas.drift import DRIFT_ORDER, Drift, as_drift
from schemas.expressions import age_s, is_one_of, seconds
<<<<<<< HEAD
from schemas.frame import columns, empty
=======
from schemas.frame import columns
>>>>>>> 3ccfe6a (Judge nodes apart, and doubt the observer over the whole fleet)
from schemas.rules import Rules
from schemas.words import ALL, DriftKind, Severity

KEY = ["as_of", "node", "service"]


<<<<<<< HEAD
def detect_drift(desired: Desired, actual: Actual, world_times: DataFrame[WorldTime], rules: Rules) -> DataFrame[Drift]:
    """Return one row for each difference of each snapshot, sorted by snapshot, target and kind.
=======
def detect_drift(desired: Desired, actual: Actual, rules: Rules) -> DataFrame[Drift]:
    """Return one row for each difference of a node or a service in each snapshot, sorted by snapshot, target and kind.
>>>>>>> 3ccfe6a (Judge nodes apart, and doubt the observer over the whole fleet)

    Each row follows from its own node alone, so that the nodes of a fleet can be judged apart. Nothing is held back yet: `held_by` is null. A node whose inventory is unreadable has no finding about absence.
    A node whose world record was set aside is not called offline, a service whose record was set aside not missing:
    what is unknown is neither drift nor health. A failed deployment without a readable time has no age, so it
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
        as_drift(missing, DriftKind.MISSING_SERVICE, Severity.ERROR),
        _unhealthy_services(monitored, actual, rules),
        _unreadable_observations(absent, set_aside),
        _failed_deployments(monitored, actual, rules),
        _unresolved_incidents(desired, actual, rules),
        _unexpected_services(desired, actual),
    ]
<<<<<<< HEAD
    drift = pl.concat([empty(Drift), *found], how="diagonal").select(columns(Drift))
    return Drift.validate(_identify(_refer(drift, desired)).sort("as_of", "node", "service", "kind", "incident_id"))


def _row(rows: pl.DataFrame, kind: DriftKind, severity: Severity | pl.Expr) -> pl.DataFrame:
    literal = pl.lit(severity, dtype=pl.Enum(Severity)) if isinstance(severity, Severity) else severity
    return rows.with_columns(kind=pl.lit(kind, dtype=pl.Enum(DriftKind)), severity=literal)


def _stale_worlds(world_times: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    stale = world_times.filter(pl.col("world_age_s") > seconds(rules.world_ttl)).select(
        "as_of",
        node=pl.lit(FLEET),
        service=pl.lit(ALL),
        actual_ref="world_ref",
        observed_at="world_at",
        age_s="world_age_s",
        limit_s=seconds(rules.world_ttl),
    )
    return _row(stale, DriftKind.STALE_WORLD, Severity.CRITICAL)
=======
    return Drift.validate(_refer(pl.concat(found), desired).sort(DRIFT_ORDER))
>>>>>>> 3ccfe6a (Judge nodes apart, and doubt the observer over the whole fleet)


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
<<<<<<< HEAD
    return _row(offline, DriftKind.OFFLINE_NODE, Severity.CRITICAL)


def _suspect_observers(
    monitored: pl.DataFrame, missing: pl.DataFrame, offline: pl.DataFrame, actual: Actual, rules: Rules
) -> list[pl.DataFrame]:
    """Return the findings about the observer: of the fleet, and of nodes where there is none of the fleet."""
    per_node = (
        monitored.group_by("node")
        .agg(monitored_count=pl.len())
        .join(actual.snapshots.select("as_of"), how="cross")
        .join(offline, on=["as_of", "node"], how="anti")
        .join(missing.group_by("as_of", "node").agg(missing_count=pl.len()), on=["as_of", "node"], how="left")
        .with_columns(pl.col("missing_count").fill_null(0))
    )
    share = pl.col("missing_count") / pl.col("monitored_count")
    is_mass = (pl.col("missing_count") >= rules.mass_drift_min) & (share >= rules.mass_drift_share)
    observed = actual.services.select("as_of").unique().with_columns(has_records=pl.lit(True))
    fleet = (
        actual.snapshots.select("as_of")
        .filter(pl.lit(monitored.height > 0))
        .join(per_node.group_by("as_of").agg(pl.sum("missing_count", "monitored_count")), on="as_of", how="left")
        .join(observed, on="as_of", how="left")
        .filter(is_mass.fill_null(False) | pl.col("has_records").is_null())
        .with_columns(pl.col("missing_count", "monitored_count").fill_null(0))
        .with_columns(node=pl.lit(FLEET), service=pl.lit(ALL), actual_ref=pl.lit("services.json"))
    )
    is_deaf = (pl.col("monitored_count") >= rules.node_drift_min) & (
        pl.col("missing_count") == pl.col("monitored_count")
    )
    nodes = (
        per_node.join(fleet, on="as_of", how="anti")
        .filter(is_deaf)
        .with_columns(service=pl.lit(ALL), actual_ref=pl.lit("services.json"))
    )
    return [
        _row(fleet, DriftKind.OBSERVER_SUSPECT, Severity.CRITICAL),
        _row(nodes, DriftKind.OBSERVER_SUSPECT, Severity.ERROR),
    ]
=======
    return as_drift(offline, DriftKind.OFFLINE_NODE, Severity.CRITICAL)
>>>>>>> 3ccfe6a (Judge nodes apart, and doubt the observer over the whole fleet)


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
    return as_drift(unhealthy, DriftKind.UNHEALTHY_SERVICE, Severity.ERROR)


def _unreadable_observations(absent: pl.DataFrame, set_aside: pl.DataFrame) -> pl.DataFrame:
    unreadable = absent.join(set_aside, on=KEY).with_columns(
        actual_ref=pl.concat_str("file", pl.lit("#"), "key"), observed="reason"
    )
    return as_drift(unreadable, DriftKind.UNREADABLE_OBSERVATION, Severity.WARNING)


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
    return as_drift(newest, DriftKind.FAILED_DEPLOYMENT, severity)


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
    return as_drift(unresolved, DriftKind.UNRESOLVED_INCIDENT, severity)


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
    return as_drift(unexpected, DriftKind.UNEXPECTED_SERVICE, Severity.INFO)


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
<<<<<<< HEAD


def _identify(drift: pl.DataFrame) -> pl.DataFrame:
    name = pl.col("kind").cast(pl.String).str.replace_all("_", "-")
    incident = pl.when(pl.col("incident_id").is_not_null()).then(pl.format("-{}", "incident_id")).otherwise(pl.lit(""))
    return drift.with_columns(
        drift_id=pl.concat_str(name, pl.lit("-"), "node", pl.lit("-"), "service", incident)
    ).select(columns(Drift))
=======
>>>>>>> 3ccfe6a (Judge nodes apart, and doubt the observer over the whole fleet)

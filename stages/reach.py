"""Reaching: what the world says of the desired nodes themselves (SEMANTICS 3)."""

from datetime import timedelta

import polars as pl

from schemas.actual import Actual
from schemas.desired import Desired
from schemas.drift import DRIFT_ORDER, Drift, because, gather_drift, of_kind
from schemas.expressions import age_s, is_one_of, seconds, word
from schemas.frame import DataFrame
from schemas.joins import look_up, only, without
from schemas.rejected import is_fault_of_node
from schemas.rules import Rules
from schemas.words import ALL, DriftCause, DriftKind, Severity

NODE = ["as_of", "node"]
UNOBSERVABLE = "unobservable"
FEWEST_RECORDS = 3
"""Healthy records of a node from which an inventory that asks it for nothing is odd."""


def detect_node_drift(desired: Desired, actual: Actual, rules: Rules) -> DataFrame[Drift]:
    """Return the nodes that are offline, cannot be judged, are under pressure, or asked for nothing although they run.

    Nothing of a node that is not monitored is desired. A node whose record was set aside is not called offline. With
    unreadable capabilities a node is taken for intermittent, and its silence between the two TTLs is not judged.
    That a node was never seen says something only where another one was, which is for the whole fleet to tell.
    """
    nodes = _look(desired, actual, rules)
    found = [
        _offline(nodes, desired),
        _unreadable(nodes.filter(~pl.col("is_offline"))),
        _pressed(nodes),
        _empty(nodes, desired),
    ]
    return Drift.validate(gather_drift(found).sort(DRIFT_ORDER))


def _look(desired: Desired, actual: Actual, rules: Rules) -> pl.DataFrame:
    """Return every desired node in every snapshot with its record, and what follows from it."""
    is_silent = (pl.col("age_s") > pl.col("limit_s")).fill_null(False)
    is_online = is_one_of("status", rules.online_words)
    says_offline = pl.col("status").is_not_null() & ~is_online & (pl.col("status") != UNOBSERVABLE)
    is_looked_at = (pl.col("status") != UNOBSERVABLE).fill_null(True)  # silence of one nobody can look at says nothing
    is_unrecorded = ~pl.col("is_recorded") & ~pl.col("is_set_aside")
    is_between = pl.col("age_s").is_between(rules.node_ttl.total_seconds(), rules.node_ttl_intermittent.total_seconds())
    is_unjudged = ~pl.col("has_readable_capabilities") & is_between & (pl.col("age_s") > seconds(rules.node_ttl))
    return _find_records(desired, actual, rules).with_columns(
        is_silent=is_silent,
        is_unrecorded=is_unrecorded,
        says_offline=says_offline,
        is_off_by_word=says_offline & is_one_of("status", rules.offline_words),
        is_unjudged=is_unjudged.fill_null(False),
        is_offline=says_offline | (is_looked_at & ~pl.col("is_seen") & (is_unrecorded | is_silent)),
        actual_ref=pl.coalesce(pl.format("nodes.json#{}", "key"), "rejected_ref"),
    )


def _find_records(desired: Desired, actual: Actual, rules: Rules) -> pl.DataFrame:
    """Return every desired node in every snapshot with its record or the one set aside, its age, and what is seen there."""
    set_aside = (
        actual.rejected.filter(pl.col("service").is_null() & (pl.col("file") == "nodes.json"))
        .drop_nulls("node")
        .sort("key", "reason")
        .unique(NODE, keep="first", maintain_order=True)
        .select(*NODE, rejected_ref=pl.format("nodes.json#{}", "key"), problem="reason")
    )
    return (
        desired.nodes.filter("is_monitored")
        .join(actual.snapshots.select("as_of"), how="cross")
        .join(actual.nodes, on=NODE, how="left")
        .pipe(look_up, set_aside, NODE)
        .pipe(look_up, _healthy_records(actual, desired, rules), NODE)
        .with_columns(
            pl.col("is_seen").fill_null(False),
            pl.col("record_count").fill_null(0),
            age_s=age_s("last_seen_at"),
            limit_s=pl.when(_is_patient())
            .then(seconds(rules.node_ttl_intermittent))
            .otherwise(seconds(rules.node_ttl)),
            is_recorded=pl.col("key").is_not_null(),
            is_set_aside=pl.col("key").is_null() & pl.col("problem").is_not_null(),
        )
    )


def _is_patient() -> pl.Expr:
    """Return whether a node may be silent for long: one is taken to be intermittent where its capabilities cannot be read."""
    return pl.col("is_intermittent") | ~pl.col("has_readable_capabilities")


def _healthy_records(actual: Actual, desired: Desired, rules: Rules) -> pl.DataFrame:
    """Return how many service records of each node have a healthy word, and whether one is fresh by its node's TTL."""
    patient = desired.nodes.filter(_is_patient()).select("node", is_patient=pl.lit(True))
    is_healthy = is_one_of("status", rules.healthy_words)
    records = actual.services.select(
        *NODE, is_healthy=is_healthy, last_seen_at=pl.when(is_healthy).then("last_seen_at")
    )
    counted = (
        records.group_by(NODE)
        .agg(record_count=pl.col("is_healthy").sum(), last_seen_at=pl.col("last_seen_at").max())
        .filter(pl.col("record_count") > 0)
    )
    is_fresh_by_its = pl.when(pl.col("is_patient").is_not_null()).then(_is_fresh(rules.node_ttl_intermittent))
    return look_up(counted, patient, "node").select(
        *NODE, "record_count", is_seen=is_fresh_by_its.otherwise(_is_fresh(rules.node_ttl))
    )


def _is_fresh(ttl: timedelta) -> pl.Expr:
    return (age_s("last_seen_at") <= seconds(ttl)).fill_null(False)


def _finding(nodes: pl.DataFrame, cause: pl.Expr, *more: str) -> pl.DataFrame:
    return nodes.select(
        *more,
        "as_of",
        "node",
        service=pl.lit(ALL),
        desired_ref="file",
        actual_ref="actual_ref",
        observed="status",
        observed_at="last_seen_at",
        age_s="age_s",
        limit_s=pl.when("is_silent").then("limit_s"),
        cause=cause,
        detail="detail",
    )


def _offline(nodes: pl.DataFrame, desired: Desired) -> pl.DataFrame:
    """Return the offline nodes: a warning where nothing that counts is, or may be, asked of one."""
    offline = nodes.filter("is_offline")
    if offline.is_empty():
        return offline
    bad_entries = desired.unread.filter(is_fault_of_node())
    services = desired.services.select("node", "is_monitored").pipe(only, offline, "node").filter("is_monitored")
    asked = pl.concat([services.select("node"), bad_entries.select("node")]).unique()
    is_minor = pl.col("is_best_effort") | (pl.col("is_asked").is_null() & pl.col("is_readable"))
    cause = (
        pl.when("is_off_by_word")
        .then(because(DriftCause.BY_WORD))
        .when("says_offline")
        .then(because(DriftCause.BY_OTHER_WORD))
        .when("is_unrecorded")
        .then(because(DriftCause.NO_RECORD))
        .otherwise(because(DriftCause.SILENT))
    )
    others = pl.col("names_set_aside").list.join(", ")
    named = offline.join(asked.with_columns(is_asked=pl.lit(True)), on="node", how="left").with_columns(
        detail=pl.when(pl.col("names_set_aside").list.len() > 0).then(pl.format("records set aside: {}", others))
    )
    severity = pl.when(is_minor).then(word(Severity.WARNING)).otherwise(word(Severity.CRITICAL))
    found = _finding(named.with_columns(level=severity), cause, "level")
    return of_kind(found, DriftKind.OFFLINE_NODE, pl.col("level")).drop("level")


def _unreadable(nodes: pl.DataFrame) -> pl.DataFrame:
    """Return the nodes that are not offline, and of which the world does not say clearly that they are well."""
    is_never = (pl.col("last_seen_state") == "never").fill_null(False) & ~pl.col("is_seen")
    causes = [
        ((pl.col("status") == UNOBSERVABLE).fill_null(False), DriftCause.UNOBSERVABLE),
        (pl.col("is_unjudged"), DriftCause.UNJUDGED),
        (pl.col("is_set_aside"), DriftCause.SET_ASIDE),
        (pl.col("is_recorded") & pl.col("status").is_null(), DriftCause.NO_STATUS),
        ((pl.col("last_seen_state") == "doubtful").fill_null(False), DriftCause.DOUBTFUL_TIME),
        (pl.col("is_unrecorded"), DriftCause.SEEN_UNRECORDED),
        (pl.col("is_silent"), DriftCause.SEEN_SILENT),
        (is_never, DriftCause.NEVER_SEEN),
    ]
    cause = pl.coalesce(pl.when(applies).then(because(cause)) for applies, cause in causes)
    found = nodes.with_columns(cause=cause).filter(pl.col("cause").is_not_null())
    if found.is_empty():
        return found
    said = pl.coalesce("problem", "reason_class")
    told = _finding(found.with_columns(detail=said), pl.col("cause"))
    return of_kind(told, DriftKind.UNREADABLE_OBSERVATION, Severity.WARNING)


def _pressed(nodes: pl.DataFrame) -> pl.DataFrame:
    disk, memory = (pl.col(f"has_{what}_pressure").fill_null(False) for what in ("disk", "memory"))
    pressed = nodes.filter(disk | memory)
    if pressed.is_empty():
        return pressed
    cause = (
        pl.when(disk & memory)
        .then(because(DriftCause.DISK_AND_MEMORY))
        .when(disk)
        .then(because(DriftCause.DISK))
        .otherwise(because(DriftCause.MEMORY))
    )
    return of_kind(
        _finding(pressed.with_columns(detail=pl.lit(None, pl.String)), cause), DriftKind.NODE_PRESSURE, Severity.WARNING
    )


def _empty(nodes: pl.DataFrame, desired: Desired) -> pl.DataFrame:
    """Return the nodes that are asked for nothing, although several services run there."""
    bad_entries = desired.unread.filter(is_fault_of_node())
    empty = (
        nodes.filter(pl.col("has_inventory") & pl.col("is_readable") & (pl.col("record_count") >= FEWEST_RECORDS))
        .pipe(without, desired.services, "node")
        .pipe(without, bad_entries, "node")
    )
    if empty.is_empty():
        return empty
    told = empty.with_columns(detail=pl.format("{} services run there", "record_count"))
    found = _finding(told, because(DriftCause.PLAIN)).with_columns(actual_ref=pl.lit("services.json"))
    return of_kind(found, DriftKind.EMPTY_INVENTORY, Severity.WARNING)

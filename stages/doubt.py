"""Doubt: what the world as a whole says against its observer, whatever it says of one node (SEMANTICS 3)."""

import polars as pl
from pandera.typing.polars import DataFrame

from schemas.actual import Actual
from schemas.desired import DesiredService
from schemas.drift import DRIFT_ORDER, Drift, gather_drift, of_kind
from schemas.expressions import seconds
from schemas.rules import Rules
from schemas.run import WorldTime
from schemas.words import ALL, FLEET, DriftKind, Severity


def doubt_observer(
    drift: DataFrame[Drift],
    services: DataFrame[DesiredService],
    actual: Actual,
    world_times: DataFrame[WorldTime],
    rules: Rules,
) -> DataFrame[Drift]:
    """Return the drift of all nodes, and beside it the stale worlds and the suspect observers.

    Only this needs the whole fleet at once: how old the world is, and how many of all services are missing.
    """
    monitored = services.filter("is_monitored")
    suspects = _suspect_observers(drift, monitored, actual, rules)
    found: list[pl.DataFrame] = [drift, _stale_worlds(world_times, rules), *suspects]
    return Drift.validate(gather_drift(found).sort(DRIFT_ORDER))


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
    return of_kind(stale, DriftKind.STALE_WORLD, Severity.CRITICAL)


def _suspect_observers(
    drift: pl.DataFrame, monitored: pl.DataFrame, actual: Actual, rules: Rules
) -> list[pl.DataFrame]:
    """Return the findings about the observer: of the fleet, and of nodes where there is none of the fleet."""
    offline = drift.filter(pl.col("kind") == DriftKind.OFFLINE_NODE)
    missing = drift.filter(pl.col("kind") == DriftKind.MISSING_SERVICE)
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
        of_kind(fleet, DriftKind.OBSERVER_SUSPECT, Severity.CRITICAL),
        of_kind(nodes, DriftKind.OBSERVER_SUSPECT, Severity.ERROR),
    ]

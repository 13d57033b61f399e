"""Time to recovery, hours of drift and availability, by service and node."""

import polars as pl

from schemas.drift_episode import DriftEpisode, Monitored, Reliability, Sighting, Span
from schemas.frame import DataFrame, columns
from schemas.words import ALL, FLEET, DriftKind, HeldBy

TARGET = ["node", "service"]
_UNKNOWN = [HeldBy.STALE_WORLD, HeldBy.OBSERVER_SUSPECT]
_SERVICE_DOWN = [DriftKind.MISSING_SERVICE, DriftKind.UNHEALTHY_SERVICE]


def measure_reliability(
    episodes: DataFrame[DriftEpisode],
    sightings: DataFrame[Sighting],
    spans: DataFrame[Span],
    monitored: DataFrame[Monitored],
) -> DataFrame[Reliability]:
    """Return one row for each service and node that was monitored or drifted, the worst first.

    A service is unavailable while it is missing or unhealthy, or its node is offline; a node while it is offline. What
    a stale world or a suspect observer says counts neither for nor against, and no more does the time before
    a service was asked for. What no inventory asks for has no availability.
    """
    stale = sightings.filter(pl.col("kind") == DriftKind.STALE_WORLD).select("run").unique()
    known = spans.join(stale, on="run", how="anti")
    asked = _asked(known, monitored)
    offline = sightings.filter((pl.col("kind") == DriftKind.OFFLINE_NODE) & _is_certain())
    down = pl.concat([_service_downtime(sightings, offline, asked), _time_of(offline)])
    unknown = _time_of(sightings.filter(pl.col("held_by") == HeldBy.OBSERVER_SUSPECT))
    measured = (
        _episodes(episodes)
        .join(asked, on=TARGET, how="full", coalesce=True)
        .join(_sum(_time_of(sightings), "drift_s"), on=TARGET, how="left")
        .join(_sum(down, "unavailable_s"), on=TARGET, how="left")
        .join(_sum(unknown, "unknown_s"), on=TARGET, how="left")
        .with_columns(pl.selectors.numeric().exclude("mean_recovery_s").fill_null(0))
        .with_columns(pl.col("is_flapping").fill_null(False))
        .with_columns(observed_s=(pl.col("observed_s") - pl.col("unknown_s")).clip(lower_bound=0.0))
        .with_columns(availability_ratio=_availability())
    )
    ranked = measured.sort(
        "unavailable_s", "drift_s", "episode_count", *TARGET, descending=[True, True, True, False, False]
    )
    return Reliability.validate(ranked.select(columns(Reliability)))


def _is_certain() -> pl.Expr:
    return ~pl.col("held_by").is_in(_UNKNOWN).fill_null(False)


def _availability() -> pl.Expr:
    share = 1.0 - pl.col("unavailable_s") / pl.col("observed_s")
    return pl.when(pl.col("observed_s") > 0).then(share.clip(lower_bound=0.0))


def _asked(known: pl.DataFrame, monitored: pl.DataFrame) -> pl.DataFrame:
    """Return for how long each service, and each node with a service, was asked for and could be told of."""
    times = known.group_by("inventory_fingerprint").agg(pl.col("observed_s").sum())
    nodes = monitored.select("inventory_fingerprint", "node").unique().with_columns(service=pl.lit(ALL))
    both = pl.concat([monitored, nodes]).join(times, on="inventory_fingerprint")
    return both.group_by(TARGET).agg(pl.col("observed_s").sum())


def _service_downtime(sightings: pl.DataFrame, offline: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    alone = _time_of(sightings.filter(pl.col("kind").is_in(_SERVICE_DOWN) & _is_certain()))
    services = asked.filter(pl.col("service") != ALL).select(TARGET)
    under = _time_of(offline).drop("service").join(services, on="node").select(alone.columns)
    return pl.concat([alone, under]).unique([*TARGET, "run"])


def _time_of(sightings: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each target and run, whatever number of drifts the target has in it."""
    return sightings.filter(pl.col("node") != FLEET).select(*TARGET, "run", "observed_s").unique([*TARGET, "run"])


def _sum(times: pl.DataFrame, name: str) -> pl.DataFrame:
    return times.group_by(TARGET).agg(pl.col("observed_s").sum().alias(name))


def _episodes(episodes: pl.DataFrame) -> pl.DataFrame:
    is_open = pl.col("resolved_at").is_null()
    return (
        episodes.filter(pl.col("node") != FLEET)
        .group_by(TARGET)
        .agg(
            episode_count=pl.len().cast(pl.UInt32),
            open_count=is_open.sum().cast(pl.UInt32),
            mean_recovery_s=pl.col("duration_s").filter(~is_open).mean(),
            is_flapping=pl.col("is_flapping").any(),
        )
    )

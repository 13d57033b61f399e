"""Suspecting a node: where everything on it is broken at once, the node is looked at first (SEMANTICS 3 and 4.8)."""

import polars as pl

from schemas.desired import Desired
from schemas.drift import DRIFT_ORDER, Drift, gather_drift, held, of_kind
from schemas.expressions import word
from schemas.frame import DataFrame, columns
from schemas.joins import without
from schemas.link import Block
from schemas.planned import Planned
from schemas.rules import Rules
from schemas.words import ALL, DriftKind, HeldBy, RunMode, Severity

NODE = ["as_of", "node"]
TARGET = [*NODE, "service"]
BROKEN = [
    DriftKind.MISSING_SERVICE,
    DriftKind.UNHEALTHY_SERVICE,
    DriftKind.UNREADABLE_OBSERVATION,
    DriftKind.STALE_OBSERVATION,
]
MOST_NAMED = 12


def suspect_nodes(
    drift: DataFrame[Drift], desired: Desired, planned: DataFrame[Planned], blocks: DataFrame[Block], rules: Rules
) -> DataFrame[Drift]:
    """Return the drift with the nodes of which everything is broken, which hold back all drift of what they are drawn from.

    What counts of a node are its monitored services that are no jobs, not misplaced, not planned and not held back;
    all of them must be broken, and some wait for no other. A suspect node is as severe as what it holds back.
    """
    found = drift.filter(pl.col("kind").is_in(BROKEN) & (pl.col("service") != ALL))
    standing = found.filter(pl.col("held_by").is_null())
    if standing.is_empty():
        return drift
    drawn = _judge(standing, _counted(standing, drift, desired, planned), blocks, rules)
    if drawn.is_empty():
        return drift
    marked = drift.join(drawn.select(TARGET).unique().with_columns(is_drawn=pl.lit(True)), on=TARGET, how="left")
    is_held = pl.col("is_drawn").is_not_null() & pl.col("held_by").is_null()
    whole = marked.with_columns(held_by=pl.when(is_held).then(held(HeldBy.NODE_SUSPECT)).otherwise("held_by"))
    under = whole.filter(pl.col("held_by") == HeldBy.NODE_SUSPECT)
    suspects = _find(drawn, under, desired)
    return Drift.validate(gather_drift([whole.select(columns(Drift)), suspects]).sort(DRIFT_ORDER))


def _counted(standing: pl.DataFrame, drift: pl.DataFrame, desired: Desired, planned: pl.DataFrame) -> pl.DataFrame:
    """Return the services that count, of the nodes where something is broken."""
    is_misplaced = pl.col("kind") == DriftKind.MISPLACED_SERVICE
    is_held = pl.col("kind").is_in(BROKEN) & pl.col("held_by").is_not_null()
    apart = drift.filter(is_misplaced | is_held).select(TARGET)
    whole_fleet, nodes = planned.filter(pl.col("node").is_null()), planned.filter(pl.col("service").is_null())
    asked = desired.services.select("node", "service", "is_monitored", "run").filter(
        pl.col("is_monitored") & (pl.col("run") == RunMode.SERVICE)
    )
    return (
        _all_amiss(standing, apart, planned, asked)
        .join(asked.select("node", "service"), on="node")
        .pipe(without, apart, TARGET)
        .pipe(without, whole_fleet, "as_of")
        .pipe(without, nodes, NODE)
        .pipe(without, planned, TARGET)
    )


def _all_amiss(standing: pl.DataFrame, apart: pl.DataFrame, planned: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """Return the nodes where something is broken, without those where more is asked for than is broken or set apart."""
    nodes = standing.select(NODE).unique()
    if not planned.is_empty():
        return nodes
    amiss = pl.concat([standing.select(TARGET), apart]).unique().group_by(NODE).agg(amiss_count=pl.len())
    # Services of one node stand together: to count those first takes a sixth of what counting each by its node does.
    runs = asked.select(pl.col("node").rle()).unnest("node")
    counts = nodes.join(amiss, on=NODE).join(
        runs.group_by(node="value").agg(asked_count=pl.col("len").sum()), on="node"
    )
    return counts.filter(pl.col("amiss_count") >= pl.col("asked_count")).select(NODE)


def _judge(standing: pl.DataFrame, counted: pl.DataFrame, blocks: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return the broken services of the nodes that are suspect."""
    broken = standing.select(*TARGET, "kind", "observed").unique(TARGET, keep="first", maintain_order=True)
    waits = blocks.select(TARGET).unique().with_columns(is_waiting=pl.lit(True))
    judged = counted.join(broken, on=TARGET, how="left").join(waits, on=TARGET, how="left")
    is_free = pl.col("kind").is_not_null() & pl.col("is_waiting").is_null()
    return judged.filter(
        pl.col("kind").is_not_null().all().over(NODE) & (is_free.sum().over(NODE) >= rules.node_drift_min)
    )


def _find(drawn: pl.DataFrame, under: pl.DataFrame, desired: Desired) -> pl.DataFrame:
    said = (
        pl.when(pl.col("kind") == DriftKind.MISSING_SERVICE)
        .then(pl.lit("missing"))
        .otherwise(
            pl.when(pl.col("kind") == DriftKind.STALE_OBSERVATION)
            .then(pl.lit("not seen lately"))
            .otherwise(
                pl.when(pl.col("kind") == DriftKind.UNHEALTHY_SERVICE)
                .then(pl.col("observed").fill_null("in part"))
                .otherwise(pl.lit("unreadable"))
            )
        )
    )
    named = pl.format("{}: {}", "service", said).sort_by("service")
    worst = under.group_by(NODE).agg(worst=pl.col("severity").max())
    critical = word(Severity.CRITICAL)
    suspects = (
        drawn.group_by(NODE)
        .agg(
            names=named,
            missing_count=pl.len().cast(pl.UInt32),
            monitored_count=pl.len().cast(pl.UInt32),
        )
        .join(worst, on=NODE, how="left")
        .join(desired.nodes.select("node", desired_ref="file"), on="node", how="left")
        .with_columns(
            service=pl.lit(ALL),
            actual_ref=pl.lit("services.json"),
            detail=_listed("names"),
            level=pl.when(pl.col("worst") == Severity.CRITICAL).then(critical).otherwise(word(Severity.ERROR)),
        )
    )
    return of_kind(suspects, DriftKind.NODE_SUSPECT, pl.col("level"))


def _listed(names: str) -> pl.Expr:
    more = pl.col(names).list.len().cast(pl.Int64) - MOST_NAMED
    first = pl.col(names).list.head(MOST_NAMED).list.join(", ")
    return pl.when(more > 0).then(pl.format("{} and {} more", first, more)).otherwise(first)

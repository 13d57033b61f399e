"""What a node's services, or a fleet's nodes, are like: a row for each, the troubled first."""

from typing import Any

import polars as pl

from flows.run.gather import Inputs
from schemas.episode import Target
from schemas.expressions import target
from schemas.run import Judgement
from schemas.words import ALL, FLEET, Health

Row = dict[str, Any]


def list_members(aim: Target, inputs: Inputs, observed: pl.DataFrame, judgement: Judgement) -> list[Row]:
    """Return `target`, `is_monitored`, `status` and `drift` (kind, held_by) of what belongs to a node or to the fleet."""
    if aim == (FLEET, ALL):
        return _list_nodes(inputs, judgement)
    return _list_services(aim.node, inputs, observed, judgement) if aim.service == ALL else []


def _list_services(node: str, inputs: Inputs, observed: pl.DataFrame, judgement: Judgement) -> list[Row]:
    asked = inputs.desired.services.filter(pl.col("node") == node).select("node", "service", "is_monitored")
    seen = observed.filter(pl.col("node") == node).select(
        "node",
        "service",
        status=pl.coalesce("status", pl.when(pl.col("key").is_not_null()).then(pl.lit(Health.UNREADABLE.value))),
    )
    drift = judgement.drift.filter((pl.col("node") == node) & (pl.col("service") != ALL))
    known = asked.join(seen, on=["node", "service"], how="full", coalesce=True)
    return _rows(known, drift, ["node", "service"])


def _list_nodes(inputs: Inputs, judgement: Judgement) -> list[Row]:
    asked = inputs.desired.nodes.select("node", "is_monitored")
    known = asked.join(inputs.actual.nodes.select("node", "status"), on="node", how="left")
    return _rows(known.with_columns(service=pl.lit(ALL)), judgement.drift, ["node"])


def _rows(known: pl.DataFrame, drift: pl.DataFrame, key: list[str]) -> list[Row]:
    """Return a row for each known member with its drift, of a node its services' as well; those with drift come first."""
    found = drift.group_by(key).agg(drift=pl.struct("kind", "held_by", "severity").unique(maintain_order=True))
    joined = known.join(found, on=key, how="left").sort(pl.col("drift").is_null(), "node", "service")
    return joined.select(target().alias("target"), "is_monitored", "status", pl.col("drift").fill_null([])).to_dicts()

"""What explains what: the targets that wait for another, and those whose drift is held back under it (SEMANTICS 5)."""

import polars as pl

from schemas.drift import REPAIRABLE, Drift
from schemas.expressions import word
from schemas.frame import DataFrame, columns
from schemas.joins import only, without
from schemas.recommendation import Explained, RootCause
from schemas.words import ALL, FLEET, ExplainedBy, HeldBy

TARGET = ["as_of", "node", "service"]
UNDER_FLEET = [HeldBy.STALE_WORLD, HeldBy.OBSERVER_SUSPECT]
UNDER_NODE = [HeldBy.OFFLINE_NODE, HeldBy.UNREADABLE_OBSERVATION, HeldBy.NODE_SUSPECT]


def explain_targets(drift: DataFrame[Drift], root_causes: DataFrame[RootCause]) -> DataFrame[Explained]:
    """Return which target explains which other one, sorted.

    What is planned, being deployed or settling explains itself. A target that waits and is held back is explained once.
    """
    is_under_fleet, is_under_node = pl.col("held_by").is_in(UNDER_FLEET), pl.col("held_by").is_in(UNDER_NODE)
    held = drift.filter((is_under_fleet | is_under_node).fill_null(False)).select(
        "as_of",
        node=pl.when(is_under_fleet).then(pl.lit(FLEET)).otherwise("node"),
        service=pl.lit(ALL),
        explained_node="node",
        explained_service="service",
        how=word(ExplainedBy.HELD_BACK),
    )
    standing = drift.filter(pl.col("held_by").is_null() & pl.col("kind").is_in(REPAIRABLE))
    waiting = only(root_causes, standing, TARGET).select(
        "as_of",
        node="cause_node",
        service="cause_service",
        explained_node="node",
        explained_service="service",
        how=word(ExplainedBy.WAITS),
    )
    key = columns(Explained)[:-1]
    held = held.unique(key).pipe(without, waiting, key)
    is_other = (pl.col("node") != pl.col("explained_node")) | (pl.col("service") != pl.col("explained_service"))
    found = pl.concat([waiting, held]).filter(is_other)
    return Explained.validate(_sort(found, TARGET, ["as_of", "explained_node", "explained_service"]))


def _sort(rows: pl.DataFrame, *keys: list[str]) -> pl.DataFrame:
    """Return the rows sorted by the keys, by the rank of each: of a million rows, few differ in one key alone."""
    if rows.is_empty():
        return rows
    ranks = []
    for number, key in enumerate(keys):
        ranked = rows.select(key).unique().sort(key).with_row_index(f"rank_{number}")
        rows = rows.join(ranked, on=key, how="left", maintain_order="left")
        ranks.append(f"rank_{number}")
    return rows.sort(ranks).drop(ranks)

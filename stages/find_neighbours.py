"""Neighbours: the services that stand beside a target on its node, and do not depend on it (ACTIONS 16.1)."""

from collections.abc import Collection

import polars as pl

from schemas.desired import DesiredService
from schemas.episode import Target
from schemas.frame import DataFrame

_TARGET = ["node", "service"]


def find_neighbours(
    services: DataFrame[DesiredService], below: pl.DataFrame, watched: Collection[Target]
) -> dict[Target, frozenset[Target]]:
    """Return the neighbours of each watched target; `below` are the chains of what depends on it."""
    found = {}
    for target in watched:
        beside = services.filter(pl.col("is_monitored") & (pl.col("node") == target.node))
        under = below.filter((pl.col("root_node") == target.node) & (pl.col("root_service") == target.service))
        rows = beside.select(_TARGET).join(under.select(_TARGET), on=_TARGET, how="anti")
        found[target] = frozenset(Target(*row) for row in rows.iter_rows()) - {target}
    return found

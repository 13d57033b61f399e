"""Widening: what other sites showed beside what is here, and back to what is of here."""

from datetime import datetime
from typing import Any, TypeVar

import polars as pl

from schemas.desired import Dependency
from schemas.frame import DataFrame, Frame
from schemas.link import TARGET, declared
from schemas.recommendation import Explained
from schemas.shown import Shown, join_shown, pick
from schemas.words import FLEET

Rows = TypeVar("Rows", bound=Frame)


def widen(own: Shown, elsewhere: Shown, as_of: datetime) -> Shown:
    """Return what is here and what other sites showed, as of the same moment; of a node that is known here, only that."""
    known = pl.concat([own.desired.nodes.select("node"), own.drift.select("node")]).unique()
    far = elsewhere.desired.nodes.select("node").join(known, on="node", how="anti")
    at = pl.lit(as_of, dtype=pl.Datetime("us", "UTC")).alias("as_of")
    beside = pick(elsewhere, lambda rows: rows.join(far, on="node", how="semi"))
    dated: list[Any] = [rows.with_columns(at) for rows in (beside.services, beside.drift, beside.planned)]
    # What is declared for every node that runs a service is so for those of here.
    needs = declared(own.desired.services.select(TARGET), own.desired.dependencies)
    desired = own.desired._replace(dependencies=Dependency.validate(needs))
    return join_shown([own._replace(desired=desired), Shown(beside.desired, *dated)])


def keep_own(rows: DataFrame[Rows], own: Shown, around: Shown) -> DataFrame[Rows]:
    """Return the rows of what is here."""
    return rows if around is own else rows.join(_find_far(own, around), on="node", how="anti")  # type: ignore[return-value]


def keep_own_explained(explained: DataFrame[Explained], own: Shown, around: Shown) -> DataFrame[Explained]:
    """Return what a target of here explains, and what explains one; what is doubted elsewhere is not told of here."""
    if around is own:
        return explained
    far = _find_far(own, around)["node"].implode()
    is_own, is_of_own = ~pl.col("node").is_in(far), ~pl.col("explained_node").is_in(far)
    return Explained.validate(explained.filter(is_of_own | (is_own & (pl.col("node") != FLEET))))


def _find_far(own: Shown, around: Shown) -> pl.DataFrame:
    return around.desired.nodes.select("node").join(own.desired.nodes, on="node", how="anti")

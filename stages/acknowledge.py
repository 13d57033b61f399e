"""Acknowledging: which recommendations somebody answers for at the moment; the judgement itself stays as it is."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import polars as pl

from schemas.acknowledgement import Acknowledgement
from schemas.episode import Target
from schemas.frame import DataFrame
from schemas.recommendation import Recommendation
from schemas.words import ALL

TARGET = ["node", "service"]


class Acknowledged(NamedTuple):
    """One run's recommendations, apart, and the acknowledgements that have no use any more."""

    standing: DataFrame[Recommendation]
    """Those that nobody acknowledged."""
    acknowledged: DataFrame[Recommendation]
    by: dict[Target, Acknowledgement]
    """Who answers for each acknowledged target."""
    unmatched: tuple[Acknowledgement, ...]
    """Those that hold, and whose target has no recommendation."""
    lapsed: tuple[Acknowledgement, ...]
    """Those that ran out, and whose target still has a recommendation."""


def acknowledge(
    recommendations: DataFrame[Recommendation], acknowledgements: Iterable[Acknowledgement], as_of: datetime
) -> Acknowledged:
    """Return the recommendations of one snapshot apart; an acknowledgement holds before `until`, and no longer at it.

    It covers its target whatever the action and the severity are or become, that of `<node>/all` every target of the
    node, and each what waits for acknowledged targets alone. Both frames keep the order to act on.
    """
    given = sorted(acknowledgements, key=lambda row: row.until)
    holding = {row.target: row for row in given if as_of < row.until}
    ended = {row.target: row for row in given if row.until <= as_of}
    if not given:
        return Acknowledged(recommendations, Recommendation.validate(recommendations.clear()), {}, (), ())
    covered = _cover(recommendations, holding)
    is_covered = pl.Series(
        [Target(*row) in covered for row in recommendations.select(TARGET).iter_rows()], dtype=pl.Boolean
    )
    standing = recommendations.filter(~is_covered)
    back = {Target(*row) for row in standing.select(TARGET).iter_rows()}
    used = {row.target for row in covered.values()}
    return Acknowledged(
        Recommendation.validate(standing),
        Recommendation.validate(recommendations.filter(is_covered)),
        covered,
        tuple(row for target, row in holding.items() if target not in used),
        tuple(row for target, row in ended.items() if target in back),
    )


def _cover(recommendations: pl.DataFrame, holding: Mapping[Target, Acknowledgement]) -> dict[Target, Acknowledgement]:
    """Return who answers for each recommendation's target: for itself, for its node, or for all that it waits for."""
    covered: dict[Target, Acknowledgement] = {}
    if not holding:
        return covered
    for node, service, causes in recommendations.select(*TARGET, "root_causes").iter_rows():
        owners = [_answer(Target(node, service), holding)]
        if owners == [None] and causes:
            owners = [_answer(Target(*cause.split("/", 1)), holding) for cause in causes]
        if None not in owners:
            covered[Target(node, service)] = next(owner for owner in owners if owner is not None)
    return covered


def _answer(target: Target, holding: Mapping[Target, Acknowledgement]) -> Acknowledgement | None:
    return holding.get(target) or holding.get(Target(target.node, ALL))

"""Acknowledging: which recommendations somebody answers for at the moment; the judgement itself stays as it is."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import polars as pl
from pandera.typing.polars import DataFrame

from schemas.acknowledgement import Acknowledgement
from schemas.episode import Target
from schemas.recommendation import Recommendation


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

    It covers its target whatever the action and the severity are or become. Both frames keep the order to act on.
    """
    given = sorted(acknowledgements, key=lambda row: row.until)
    holding = {row.target: row for row in given if as_of < row.until}
    ended = {row.target: row for row in given if row.until <= as_of}
    targets = pl.DataFrame([*holding], schema={"node": pl.String, "service": pl.String}, orient="row")
    by_target = {"on": ["node", "service"], "maintain_order": "left"}
    covered = recommendations.join(targets, how="semi", **by_target)  # type: ignore[arg-type]
    standing = recommendations.join(targets, how="anti", **by_target)  # type: ignore[arg-type]
    found = {Target(*row) for row in covered.select("node", "service").iter_rows()}
    back = {Target(*row) for row in standing.select("node", "service").iter_rows()}
    return Acknowledged(
        Recommendation.validate(standing),
        Recommendation.validate(covered),
        {target: row for target, row in holding.items() if target in found},
        tuple(row for target, row in holding.items() if target not in found),
        tuple(row for target, row in ended.items() if target in back),
    )

"""Remediation: what is being repaired does not lower the fleet's state (ACTIONS 16.5)."""

from collections.abc import Collection

import polars as pl

from schemas.episode import Target
from schemas.expressions import word
from schemas.frame import DataFrame
from schemas.recommendation import Recommendation
from schemas.run import Summary
from schemas.words import Severity, State


def remediate_state(
    summary: DataFrame[Summary],
    standing: DataFrame[Recommendation],
    repairing: Collection[Target],
    *,
    is_partial: bool,
) -> DataFrame[Summary]:
    """Return the summary of one snapshot with the state that it has while these targets are being repaired.

    What is critical or blocked is never hidden.
    """
    if not repairing or summary["state"][0] == State.UNSTABLE:
        return summary
    targets = pl.DataFrame(sorted(repairing), schema={"node": pl.String, "service": pl.String}, orient="row")
    others = standing.join(targets, on=["node", "service"], how="anti").filter(pl.col("severity") != Severity.INFO)
    state = State.DEGRADED if is_partial or not others.is_empty() else State.RECONCILING
    return Summary.validate(summary.with_columns(state=word(state)))

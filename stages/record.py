"""The history's rows of a batch of runs."""

import polars as pl

from schemas.desired import Desired
from schemas.expressions import target
from schemas.frame import DataFrame, Frame, columns, dtypes, empty
from schemas.history import History, HistoryDrift, HistoryRecommendation, HistoryRun, RunFacts
from schemas.run import Judgement

MOST_TARGETS = 10_000
"""Of a fleet with more services, a run does not name them: its history would outgrow what it tells."""


def record_runs(
    facts: DataFrame[RunFacts], desired: Desired | None = None, judgement: Judgement | None = None
) -> History:
    """Return the rows of each run of `facts`; without a judgement (skipped, failed) a run has its own row alone.

    Enums become text, so that a word added later leaves old files as they are. A table is sorted by `as_of`; within
    a run, its rows keep the judgement's order.
    """
    if judgement is None:
        return History(
            HistoryDrift.validate(empty(HistoryDrift)),
            HistoryRecommendation.validate(empty(HistoryRecommendation)),
            _runs(facts, None, None),
        )
    return History(
        HistoryDrift.validate(_of_run(judgement.drift, facts, HistoryDrift)),
        HistoryRecommendation.validate(_of_run(judgement.recommendations, facts, HistoryRecommendation)),
        _runs(facts, desired, judgement),
    )


def _runs(facts: pl.DataFrame, desired: Desired | None, judgement: Judgement | None) -> DataFrame[HistoryRun]:
    found = judgement.summary if judgement else facts.select("as_of")
    absent = [
        pl.lit(None, dtype=kind).alias(name)
        for name, kind in dtypes(HistoryRun).items()
        if name not in {*found.columns, *facts.columns, "monitored_targets"}
    ]
    monitored = _monitored(desired) if desired else []
    rows = facts.join(found, on="as_of", how="left").with_columns(
        *absent, pl.lit(pl.Series([monitored], dtype=pl.List(pl.String))).first().alias("monitored_targets")
    )
    return HistoryRun.validate(_as_text(rows).select(columns(HistoryRun)).sort("as_of"))


def _monitored(desired: Desired) -> list[str]:
    if desired.services["is_monitored"].sum() > MOST_TARGETS:
        return []
    return desired.services.filter("is_monitored").select(target().sort()).to_series().to_list()


def _of_run(found: pl.DataFrame, facts: pl.DataFrame, schema: type[Frame]) -> pl.DataFrame:
    ids = facts.select("as_of", "run_id")
    rows = found.join(ids, on="as_of", how="inner", maintain_order="left")
    return _as_text(rows).select(columns(schema)).sort("as_of", maintain_order=True)


def _as_text(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.selectors.enum().cast(pl.String))

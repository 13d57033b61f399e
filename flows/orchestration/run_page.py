"""What Prefect shows of a run: its name, its tags, and artifacts under stable keys, so that they can be seen over time."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
from prefect import get_client, runtime
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort

from flows.render.markdown import to_markdown
from flows.run.result import RunReport
from flows.text.escape import show
from schemas.expressions import target
from schemas.run import Judgement
from schemas.words import State

SUMMARY_KEY = "reconcile-summary"
DRIFT_KEY = "reconcile-drift"
RECOMMENDATIONS_KEY = "reconcile-recommendations"
HISTORY_KEY = "reconcile-history"
PAGE_KEY = "reconcile-page"
MOST_ROWS = 500
"""An artifact is one value in Prefect's database; the whole tables are in the history."""

_COUNTED = {
    State.UNSTABLE: ("blocked", "required", "recommended"),
    State.DEGRADED: ("required", "recommended"),
    State.RECONCILING: ("in_flight",),
    State.NOMINAL: (),
}


def name_run(report: RunReport) -> str:
    """Return the state and the count that explains it: `unstable · 3 blocked`."""
    if report.summary is None:
        return report.outcome.value
    summary = report.summary.row(0, named=True)
    state = State(summary["state"])
    counts = (
        f"{summary[f'{word}_count']} {word.replace('_', ' ')}" for word in _COUNTED[state] if summary[f"{word}_count"]
    )
    parts = [state.value, next(counts, None), "partial" if report.is_partial else None]
    return " · ".join(part for part in parts if part)


def tag_run(report: RunReport, *, dry_run: bool) -> set[str]:
    """Return the words to find the run by."""
    words = {report.outcome.value if report.state is None else report.state.value}
    return words | ({"partial"} if report.is_partial else set()) | ({"dry run"} if dry_run else set())


def label_run(report: RunReport, *, dry_run: bool) -> None:
    """Give this flow run its name and its tags."""
    with get_client(sync_client=True) as client:
        tags = sorted({*runtime.flow_run.tags, *tag_run(report, dry_run=dry_run)})
        client.update_flow_run(runtime.flow_run.id, name=name_run(report), tags=tags)


def find_next_run() -> datetime | None:
    """Return when this deployment's next run is scheduled; None outside a deployment, or where none is."""
    own = runtime.deployment.id
    if own is None:
        return None
    scheduled = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[UUID(own)])),
            flow_run_filter=FlowRunFilter(state=scheduled),
            sort=FlowRunSort.EXPECTED_START_TIME_ASC,
            limit=1,
        )
    return found[0].expected_start_time if found else None


def publish_artifacts(report: RunReport, history: str, page: str | None, *, dry_run: bool) -> None:
    """Put the summary, the tables and the ways to our page and to the history on the run page.

    A dry run's artifacts have no key, so that they do not come between those of the real runs.
    """
    keys = {name: None if dry_run else name for name in (SUMMARY_KEY, DRIFT_KEY, RECOMMENDATIONS_KEY)}
    create_markdown_artifact(to_markdown(report), key=keys[SUMMARY_KEY], description=f"The fleet: {name_run(report)}")
    if page is not None:
        create_link_artifact(
            page,
            link_text="the fleet as it is now",
            key=None if dry_run else PAGE_KEY,
            description="Our own page: what to do first, and each node and service",
        )
    if report.judgement is None:
        return
    for key, rows, count, what in _tables(report.judgement):
        shown = what if len(rows) == count else f"{what}; here the first {len(rows)}, in the history all"
        create_table_artifact(rows, key=keys[key], description=shown)
    if not dry_run:
        create_link_artifact(
            history,
            link_text="the history of every run",
            key=HISTORY_KEY,
            description="What drifted when, for how long",
        )


def locate_history(root: Path | str, url: str | None) -> str:
    """Return the address of the history: where it is published, or where it is kept."""
    if url is not None:
        return url
    return root.absolute().as_uri() if isinstance(root, Path) else root


def _tables(judgement: Judgement) -> Iterator[tuple[str, list[dict[str, Any]], int, str]]:
    """Yield each table's key, its rows, how many there are of them, and what it says."""
    advice, drift = judgement.recommendations, judgement.drift
    yield RECOMMENDATIONS_KEY, recommendation_rows(advice), advice.height, f"{advice.height} recommendations"
    held = f"{drift.height} drifts, {drift['held_by'].count()} of them held back"
    yield DRIFT_KEY, drift_rows(drift), drift.height, held


def recommendation_rows(recommendations: pl.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows in the order to act on, every text of the input escaped."""
    return _escaped(
        recommendations.head(MOST_ROWS).select(
            pl.col("reason").alias("why, and what to do"),
            target().alias("target"),
            _worded("action"),
            pl.col("event_type").cast(pl.String).str.strip_prefix("reconcile_").alias("what"),
            "severity",
            pl.col("blast_radius").replace({0: None}).alias("explains"),
            pl.col("unblocked_by").alias("unblocked by"),
            pl.col("recommendation_id").alias("id"),
        )
    )


def drift_rows(drift: pl.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows, those that stand for themselves first, every text of the input escaped."""
    in_order = drift.sort(
        pl.col("held_by").is_not_null(), "severity", "node", "service", descending=[False, True, False, False]
    )
    return _escaped(
        in_order.head(MOST_ROWS).select(
            _worded("kind"),
            target().alias("target"),
            "severity",
            _worded("held_by").alias("held back by"),
            "observed",
            pl.col("age_s").round(0).cast(pl.Int64).alias("age, s"),
            pl.col("desired_ref").alias("asked for in"),
            pl.col("actual_ref").alias("seen in"),
        )
    )


def _worded(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String).str.replace_all("_", " ")


def _escaped(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Return plain values; a cell without a value is empty."""
    return [
        {
            name: show(value) if isinstance(value, str) else value if value is not None else ""
            for name, value in row.items()
        }
        for row in rows.iter_rows(named=True)
    ]

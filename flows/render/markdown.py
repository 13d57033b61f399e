"""A run in Markdown: for a pull request, a chat, a run page."""

from collections.abc import Sequence

import polars as pl

from flows.render.escape import markdown
from flows.render.spoken import spoken
from flows.report import RunReport
from schemas.episode import Target
from schemas.words import State

MOST_ROWS = 200
SIGN = {State.NOMINAL: "🟢", State.RECONCILING: "🔵", State.DEGRADED: "🟡", State.UNSTABLE: "🔴"}


def to_markdown(report: RunReport) -> str:
    """Return the summary, the recommendations in the order to act on, and what is held back."""
    if report.judgement is None or report.summary is None or report.standing is None:
        return f"## {report.outcome.value}\n\n{markdown(report.error)}\n{_last(report)}"
    summary = report.summary.row(0, named=True)
    state = State(summary["state"])
    counts = ", ".join(f"{summary[f'{word}_count']} {word}" for word in ("required", "blocked", "recommended"))
    when = f"world {spoken(summary['world_age_s'])} old at {report.as_of:%Y-%m-%d %H:%M:%S} UTC"
    parts = [f"## {SIGN[state]} {state.value}", f"{counts}, {summary['held_count']} held back; {when}."]
    if report.is_partial:
        parts.append(f"**Partial:** a part of the inventory could not be read.\n\n{_faults(report)}")
    parts += [_recommendations(report.standing), _acknowledged(report), _held(report.judgement.drift)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _last(report: RunReport) -> str:
    if report.last_state is None or report.last_age_s is None:
        return ""
    return f"\nThe last known state stands: {report.last_state.value}, judged {spoken(report.last_age_s)} ago.\n"


def _faults(report: RunReport) -> str:
    if report.desired is None:
        return ""
    unread = report.desired.unread.filter(~pl.col("is_warning"))
    shown = unread.select("file", "line", "column", "problem").head(MOST_ROWS)
    rows = [(":".join(str(part) for part in place if part is not None), problem) for *place, problem in shown.rows()]
    return _table(("file", "problem"), rows, unread.height)


def _recommendations(recommendations: pl.DataFrame) -> str:
    rows = [
        (
            row["event_type"].removeprefix("reconcile_"),
            row["severity"],
            row["action"].replace("_", " "),
            f"{row['node']}/{row['service']}",
            row["blast_radius"] or "",
            row["reason"],
        )
        for row in recommendations.head(MOST_ROWS).iter_rows(named=True)
    ]
    return _table(("", "severity", "action", "target", "explains", "why, and what to do"), rows, recommendations.height)


def _acknowledged(report: RunReport) -> str:
    if report.attention is None:
        return ""
    found = report.attention.acknowledged
    rows = [
        (row["action"].replace("_", " "), "/".join(target), by.owner, f"{by.until:%Y-%m-%d %H:%M} UTC", by.reason)
        for row in found.acknowledged.head(MOST_ROWS).iter_rows(named=True)
        for target in [Target(row["node"], row["service"])]
        for by in [found.by[target]]
    ]
    return _table(("acknowledged", "target", "by", "until", "why"), rows, found.acknowledged.height)


def _held(drift: pl.DataFrame) -> str:
    held = drift.filter(pl.col("held_by").is_not_null())
    rows = [
        (row["kind"].replace("_", " "), f"{row['node']}/{row['service']}", row["held_by"].replace("_", " "))
        for row in held.head(MOST_ROWS).iter_rows(named=True)
    ]
    table = _table(("held back", "target", "under"), rows, held.height)
    return f"<details><summary>{held.height} held back</summary>\n\n{table}\n\n</details>" if table else ""


def _table(headings: tuple[str, ...], rows: Sequence[tuple[object, ...]], count: int) -> str:
    if not rows:
        return ""
    lines = [headings, ("---",) * len(headings), *[tuple(markdown(cell) for cell in row) for row in rows]]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return table if count <= MOST_ROWS else f"{table}\n\nand {count - MOST_ROWS} more"

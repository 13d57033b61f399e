"""A run in Markdown: for a pull request, a chat, a run page."""

from collections import Counter
from collections.abc import Iterable, Sequence

import polars as pl

from flows.ledger.event_line import WrittenEvent
from flows.run.result import RunReport
from flows.text.escape import markdown
from flows.text.spoken import said, spoken_moment, spoken_target
from schemas.episode import Target
from schemas.rejected import is_fault
from schemas.spoken import spoken
from schemas.words import Severity, State, Transition

MOST_ROWS = 200
SIGN = {State.NOMINAL: "🟢", State.RECONCILING: "🔵", State.DEGRADED: "🟡", State.UNSTABLE: "🔴"}
CHANGES = (Transition.OPENED, Transition.CHANGED, Transition.RESOLVED, Transition.REMINDER)
SIGN_OF_SEVERITY = {Severity.INFO: "⚪", Severity.WARNING: "🟡", Severity.ERROR: "🟠", Severity.CRITICAL: "🔴"}


def to_markdown(report: RunReport) -> str:
    """Return the summary, the recommendations in the order to act on, and what is held back."""
    if report.judgement is None or report.summary is None or report.standing is None:
        lines = "\n".join(markdown(line) + "  " for line in (report.error or "").splitlines())
        return f"## {report.outcome.value}\n\n{lines}\n{_last(report)}"
    summary = report.summary.row(0, named=True)
    state = State(summary["state"])
    counts = ", ".join(f"{summary[f'{word}_count']} {word}" for word in ("required", "blocked", "recommended"))
    when = f"world {spoken(summary['world_age_s'])} old at {spoken_moment(report.as_of)}"
    parts = [f"## {SIGN[state]} {state.value}", f"{counts}, {summary['held_count']} held back; {when}."]
    if report.is_partial:
        parts.append(f"**Partial:** a part of the inventory could not be read.\n\n{_faults(report)}")
    parts.append(_changes(report.events))
    parts += [_recommendations(report.standing), _acknowledged(report), _held(report.judgement.drift), _acting(report)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _last(report: RunReport) -> str:
    if report.last_state is None or report.last_age_s is None:
        return ""
    return f"\nThe last known state stands: {report.last_state.value}, judged {spoken(report.last_age_s)} ago.\n"


def _faults(report: RunReport) -> str:
    if report.desired is None:
        return ""
    unread = report.desired.unread.filter(is_fault())
    shown = unread.select("file", "line", "column", "problem").head(MOST_ROWS)
    rows = [(":".join(str(part) for part in place if part is not None), problem) for *place, problem in shown.rows()]
    return _table(("file", "problem"), rows, unread.height)


def _changes(events: Iterable[WrittenEvent]) -> str:
    """Return how many episodes came, went or changed, as the run's events tell it."""
    counts = Counter(event.transition for event in events)
    told = ", ".join(f"{counts[word]} {word}" for word in CHANGES if counts[word])
    return f"Since the last run: {told}." if told else ""


def _recommendations(recommendations: pl.DataFrame) -> str:
    """Return a part for each event type: what to do where has little to say, and the reason has the room."""
    shown = recommendations.head(MOST_ROWS).partition_by("event_type", maintain_order=True)
    parts = [f"### {part['event_type'][0].removeprefix('reconcile_')}\n\n{_advice(part)}" for part in shown]
    left = recommendations.height - MOST_ROWS
    return "\n\n".join([*parts, f"and {left} more"] if left > 0 else parts)


def _advice(recommendations: pl.DataFrame) -> str:
    rows = [
        (
            f"{SIGN_OF_SEVERITY[row['severity']]} {row['severity']}",
            spoken_target(row["node"], row["service"]),
            said(row["action"]),
            f"{row['reason']}{_explained(row['blast_radius'])}",
        )
        for row in recommendations.iter_rows(named=True)
    ]
    return _table(("severity", "target", "action", "why, and what to do"), rows, len(rows))


def _explained(count: int) -> str:
    return f" Explains {count} more." if count else ""


def _acknowledged(report: RunReport) -> str:
    if report.attention is None:
        return ""
    found = report.attention.acknowledged
    rows = [
        (said(row["action"]), spoken_target(*target), by.owner, spoken_moment(by.until), by.reason)
        for row in found.acknowledged.head(MOST_ROWS).iter_rows(named=True)
        for target in [Target(row["node"], row["service"])]
        for by in [found.by[target]]
    ]
    return _table(("acknowledged", "target", "by", "until", "why"), rows, found.acknowledged.height)


def _acting(report: RunReport) -> str:
    """Return what is asked, runs, is held or halted; nothing where acting is off."""
    if report.acting is None:
        return ""
    from flows.run.acting.view import spell_view

    lines = spell_view(report.acting.view(str(report.state)), report.as_of)
    return "\n".join(["### acting", "", *(f"- {markdown(line)}" for line in lines)]) if lines else ""


def _held(drift: pl.DataFrame) -> str:
    held = drift.filter(pl.col("held_by").is_not_null())
    rows = [
        (said(row["kind"]), spoken_target(row["node"], row["service"]), said(row["held_by"]))
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

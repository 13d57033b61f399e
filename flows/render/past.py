"""The past on a terminal, in Markdown, as JSON and as CSV; every foreign text escaped."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import polars as pl
from rich.console import Console, Group, RenderableType
from rich.text import Text

from flows.past.study import Past
from flows.render.document import dump
from flows.render.table import SEVERITY_STYLE, STATE_STYLE
from flows.render.tabulate import tabulate
from flows.text.escape import csv_cell, markdown, show
from flows.text.spoken import spoken
from schemas.drift_episode import DriftEpisode
from schemas.frame import columns
from schemas.words import Severity, State

SCHEMA_VERSION = 1
MOST_ROWS = 20
OFFENDER = ("target", "available", "down", "drift", "episodes", "recovery")
ACTION = ("action", "recommended", "recovered after", "median")
EPISODE = ("opened", "target", "drift", "severity", "lasted", "resolved", "action", "")

Row = dict[str, Any]


def print_past(past: Past, console: Console) -> None:
    """Print the states, the worst offenders, the actions and the newest episodes."""
    for part in _parts(past, console):
        console.print(part)


def _parts(past: Past, console: Console) -> Iterator[RenderableType]:
    yield _headline(past)
    for title, headings, rows, count in _tables(past):
        cells = [[_cell_text(cell) for cell in row] for row in rows]
        yield Group("", tabulate(console, headings, cells, title))
        if count > len(rows):
            yield Text(f"and {count - len(rows)} more; --format json has all", style="dim")


def _cell_text(cell: object) -> Text:
    return Text(show(cell), style=SEVERITY_STYLE[cell] if isinstance(cell, Severity) else "")


def _headline(past: Past) -> Text:
    if past.spans.is_empty():
        return Text("no runs with conclusions in this period")
    first, last = past.spans["as_of"][0], past.spans["as_of"][-1]
    until = f" to {last:%Y-%m-%d %H:%M}" if last > first else ""
    runs = "1 run" if past.spans.height == 1 else f"{past.spans.height} runs"
    line = Text(f"{runs}, {first:%Y-%m-%d %H:%M}{until} UTC")
    for state, hours in state_hours(past).items():
        line.append(f"  {state.value} ", style=STATE_STYLE[state]).append(f"{hours:.1f} h")
    return line


def state_hours(past: Past) -> dict[State, float]:
    """Return the hours in each state."""
    spent = past.spans.group_by("state").agg(pl.col("observed_s").sum() / 3600)
    hours = dict(spent.iter_rows())
    return {state: round(hours.get(state.value, 0.0), 3) for state in State}


def _tables(past: Past) -> Iterator[tuple[str, tuple[str, ...], list[tuple[object, ...]], int]]:
    """Return each table: its title, headings, rows, and how many rows there are in all."""
    worst = past.reliability.filter(pl.col("episode_count") > 0)
    if worst.height:
        yield "worst offenders", OFFENDER, [_offender(row) for row in _rows(worst.head(MOST_ROWS))], worst.height
    if past.actions.height:
        yield "was it followed by recovery", ACTION, [_action(row) for row in _rows(past.actions)], 0
    if past.episodes.height:
        newest = past.episodes.sort("opened_at", descending=True, maintain_order=True).head(MOST_ROWS)
        yield "newest episodes", EPISODE, [_episode(row) for row in _rows(newest)], past.episodes.height


def _offender(row: Row) -> tuple[object, ...]:
    ratio = row["availability_ratio"]
    return (
        f"{row['node']}/{row['service']}",
        "" if ratio is None else f"{ratio:.3%}",
        spoken(row["unavailable_s"]),
        spoken(row["drift_s"]),
        ", ".join([str(row["episode_count"]), *_notes(row)]),
        "" if row["mean_recovery_s"] is None else spoken(row["mean_recovery_s"]),
    )


def _notes(row: Row) -> list[str]:
    return ([f"{row['open_count']} open"] if row["open_count"] else []) + (["flaps"] if row["is_flapping"] else [])


def _action(row: Row) -> tuple[object, ...]:
    median = row["median_recovery_s"]
    recovered = f"{row['recovered_count']} ({row['recovered_ratio']:.0%})"
    return row["action"].replace("_", " "), row["episode_count"], recovered, "" if median is None else spoken(median)


def _episode(row: Row) -> tuple[object, ...]:
    return (
        f"{row['opened_at']:%Y-%m-%d %H:%M}",
        f"{row['node']}/{row['service']}",
        row["kind"].replace("_", " "),
        Severity(row["severity"]),
        spoken(row["duration_s"]),
        f"{row['resolved_at']:%Y-%m-%d %H:%M}" if row["resolved_at"] else "open",
        (row["action"] or "").replace("_", " "),
        "flapping" if row["is_flapping"] else "",
    )


def past_to_markdown(past: Past) -> str:
    """Return the same in Markdown."""
    parts = ["## History", markdown(_headline(past).plain)]
    for title, headings, rows, count in _tables(past):
        lines = [headings, ("---",) * len(headings), *[tuple(markdown(cell) for cell in row) for row in rows]]
        parts += [f"### {title}", "\n".join(f"| {' | '.join(line)} |" for line in lines)]
        if count > len(rows):
            parts.append(f"and {count - len(rows)} more")
    return "\n\n".join(parts) + "\n"


def past_to_json(past: Past) -> str:
    """Return all of it as one JSON document."""
    return dump(
        {
            "schema_version": SCHEMA_VERSION,
            "run_count": past.spans.height,
            "left_out": [show(text, limit=2000) for text in past.left_out],
            "state_hours": state_hours(past),
            "reliability": _plain(past.reliability),
            "actions": _plain(past.actions),
            "episodes": _plain(past.episodes),
        },
        indent=2,
    )


def past_to_csv(past: Past) -> str:
    """Return the episodes as CSV, a cell that a spreadsheet would take for a formula behind an apostrophe."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(columns(DriftEpisode))
    writer.writerows([_cell(value) for value in row.values()] for row in _plain(past.episodes))
    return lines.getvalue()


def _cell(value: object) -> object:
    return csv_cell(value) if isinstance(value, str) else value


def _rows(frame: pl.DataFrame) -> list[Row]:
    return frame.to_dicts()


def _plain(frame: pl.DataFrame) -> list[Row]:
    return frame.with_columns(pl.selectors.datetime().dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")).to_dicts()

"""A comparison for a terminal, a pull request, a program."""

from collections.abc import Iterator
from typing import Any

import polars as pl
from rich.console import Console
from rich.text import Text

from flows.past.replay import Comparison
from flows.render.document import dump
from flows.render.tabulate import Column, tabulate
from flows.text.escape import markdown, show
from flows.text.spoken import bare_moment, said, spoken_target
from schemas.comparison import Change
from schemas.spoken import count, spoken
from schemas.words import State

MOST_ROWS = 100
STYLE = {Change.GAINED: "red", Change.LOST: "green", Change.CHANGED: "yellow"}
HEADINGS = ("", "target", "before", "after")
STRETCH = ("from", "to", "runs")
"""The columns that tell in which of several runs something differs."""
STATES = ("state", "before", "after", "difference")
COLUMNS = {
    "": Column(""),
    "target": Column("target"),
    "before": Column("before", cut=16),
    "after": Column("after", cut=16),
    "from": Column("from", drop=2, short=lambda text: text[5:]),
    "to": Column("to", drop=3, short=lambda text: text[5:]),
    "runs": Column("runs", drop=1, is_number=True),
}

Row = dict[str, Any]


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the counts, the hours in each state both ways, and what differs."""
    console.print(Text(headline(comparison), style="bold"))
    if is_single(comparison):
        console.print(Text(_state(comparison)))
    elif comparison.states.height:
        console.print(tabulate(console, STATES, _texts(list(_hours(comparison)), {})))
    if comparison.changes.height:
        console.print(
            tabulate(console, [COLUMNS[heading] for heading in _headings(comparison)], _texts(_rows(comparison), STYLE))
        )
    if comparison.changes.height > MOST_ROWS:
        console.print(Text(f"and {comparison.changes.height - MOST_ROWS} more; --format json has all", style="dim"))


def _texts(rows: list[tuple[object, ...]], styles: dict[Change, str]) -> list[list[Text]]:
    """Return the rows as cells whose first has its word's style."""
    return [
        [Text(show(cell), style=styles.get(cell, "") if not place else "") for place, cell in enumerate(row)]  # type: ignore[call-overload]
        for row in rows
    ]


def is_single(comparison: Comparison) -> bool:
    """Return whether one run alone was judged, which lasts for no time."""
    return comparison.states.height == 1


def headline(comparison: Comparison) -> str:
    """Return the counts as a sentence."""
    runs = count(comparison.states.height, "run")
    if comparison.changes.is_empty():
        return f"{runs}: no change"
    counts = dict(comparison.changes.group_by(pl.col("change").cast(pl.String)).len().iter_rows())
    told = ", ".join(f"{counts[change]} {change.value}" for change in Change if change in counts)
    return f"{runs}: recommendations {told}"


def _state(comparison: Comparison) -> str:
    before, after = comparison.states.select("state_before", "state_after").row(0)
    return f"state: {before}" if before == after else f"state: {before}, would be {after}"


def _hours(comparison: Comparison) -> Iterator[tuple[object, ...]]:
    for state in State:
        before, after = comparison.hours_before[state], comparison.hours_after[state]
        if before or after:
            sign = "-" if after < before else "+"
            yield state.value, _spent(before), _spent(after), f"{sign}{_spent(abs(after - before))}"


def _spent(hours: float) -> str:
    return spoken(hours * 3600)


def _headings(comparison: Comparison) -> tuple[str, ...]:
    return HEADINGS if is_single(comparison) else HEADINGS + STRETCH


def _rows(comparison: Comparison) -> list[tuple[object, ...]]:
    width = len(_headings(comparison))
    return [_cells(row)[:width] for row in comparison.changes.head(MOST_ROWS).to_dicts()]


def _cells(row: Row) -> tuple[object, ...]:
    return (
        row["change"],
        spoken_target(row["node"], row["service"]),
        _side(row, "before"),
        _side(row, "after"),
        bare_moment(row["first_at"]),
        bare_moment(row["last_at"]),
        row["run_count"],
    )


def _side(row: Row, way: str) -> str:
    if row[f"action_{way}"] is None:
        return ""
    event = row[f"event_type_{way}"].removeprefix("reconcile_")
    return f"{said(row[f'action_{way}'])} ({event}, {row[f'severity_{way}']})"


def comparison_to_markdown(comparison: Comparison) -> str:
    """Return the comparison as a comment for a pull request."""
    parts = ["## What would change", markdown(headline(comparison))]
    parts += [_state(comparison)] if is_single(comparison) else [_markdown_table(STATES, list(_hours(comparison)))]
    if comparison.changes.height:
        parts.append(_markdown_table(_headings(comparison), _rows(comparison)))
    if comparison.changes.height > MOST_ROWS:
        parts.append(f"and {comparison.changes.height - MOST_ROWS} more")
    return "\n\n".join(parts) + "\n"


def _markdown_table(headings: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    lines = [headings, ("---",) * len(headings), *(tuple(markdown(cell) for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def comparison_to_json(comparison: Comparison) -> str:
    """Return the comparison as one JSON document."""
    instants = pl.selectors.datetime().dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    return dump(
        {
            "schema_version": 1,
            "run_count": comparison.states.height,
            "passed_over_count": len(comparison.problems),
            "state_hours": {"before": comparison.hours_before, "after": comparison.hours_after},
            "changes": comparison.changes.with_columns(instants).to_dicts(),
        },
        indent=2,
    )

"""A comparison for a terminal, a pull request, a program."""

from collections.abc import Iterator
from typing import Any

import polars as pl
from rich.console import Console
from rich.text import Text

from flows.render.document import dump
from flows.render.escape import markdown, show
from flows.render.tabulate import tabulate
from flows.replay import Comparison
from schemas.comparison import Change
from schemas.words import State

MOST_ROWS = 100
STYLE = {Change.GAINED: "red", Change.LOST: "green", Change.CHANGED: "yellow"}
HEADINGS = ("", "target", "before", "after", "from", "to", "runs")

Row = dict[str, Any]


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the counts, the hours in each state both ways, and what differs."""
    console.print(Text(headline(comparison), style="bold"))
    for line in _state_lines(comparison):
        console.print(Text(line))
    if comparison.changes.height:
        console.print(tabulate(console, HEADINGS, [_texts(row) for row in _first(comparison)]))
    if comparison.changes.height > MOST_ROWS:
        console.print(Text(f"and {comparison.changes.height - MOST_ROWS} more", style="dim"))


def _first(comparison: Comparison) -> list[Row]:
    return comparison.changes.head(MOST_ROWS).to_dicts()


def _texts(row: Row) -> list[Text]:
    return [Text(show(cell), style=STYLE[row["change"]] if not place else "") for place, cell in enumerate(_cells(row))]


def headline(comparison: Comparison) -> str:
    """Return the counts as a sentence."""
    runs = f"{comparison.states.height} run{'' if comparison.states.height == 1 else 's'}"
    if comparison.changes.is_empty():
        return f"{runs}: no change"
    counts = dict(comparison.changes.group_by(pl.col("change").cast(pl.String)).len().iter_rows())
    told = ", ".join(f"{counts[change]} {change.value}" for change in Change if change in counts)
    return f"{runs}: recommendations {told}"


def _state_lines(comparison: Comparison) -> Iterator[str]:
    """Return the hours in each state, or for a single run its state, both ways."""
    if comparison.states.height == 1:
        before, after = comparison.states.select("state_before", "state_after").row(0)
        yield f"state: {before}" if before == after else f"state: {before}, would be {after}"
        return
    for state in State:
        before, after = comparison.hours_before[state], comparison.hours_after[state]
        if before or after:
            yield f"{state.value:12} {before:10.1f} h  {after:10.1f} h  {after - before:+10.1f} h"


def _cells(row: Row) -> tuple[object, ...]:
    return (
        row["change"],
        f"{row['node']}/{row['service']}",
        _side(row, "before"),
        _side(row, "after"),
        f"{row['first_at']:%Y-%m-%d %H:%M}",
        f"{row['last_at']:%Y-%m-%d %H:%M}",
        row["run_count"],
    )


def _side(row: Row, way: str) -> str:
    if row[f"action_{way}"] is None:
        return ""
    event = row[f"event_type_{way}"].removeprefix("reconcile_")
    return f"{row[f'action_{way}'].replace('_', ' ')} ({event}, {row[f'severity_{way}']})"


def comparison_to_markdown(comparison: Comparison) -> str:
    """Return the comparison as a comment for a pull request."""
    parts = [
        "## What would change",
        markdown(headline(comparison)),
        *(f"- {line}" for line in _state_lines(comparison)),
    ]
    if comparison.changes.height:
        lines = [HEADINGS, ("---",) * len(HEADINGS)]
        lines += [tuple(markdown(cell) for cell in _cells(row)) for row in _first(comparison)]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    if comparison.changes.height > MOST_ROWS:
        parts.append(f"and {comparison.changes.height - MOST_ROWS} more")
    return "\n\n".join(parts) + "\n"


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

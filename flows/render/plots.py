"""The report's plots over time as numbers: where each bar, cell and tick goes, in shares of the width or height."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from flows.past.study import Past
from flows.text.spoken import spoken_moment, spoken_name
from schemas.expressions import target
from schemas.spoken import count as counted
from schemas.spoken import spoken
from schemas.words import FLEET, Severity, State

Shape = dict[str, Any]
MOST_ROWS = 24
MOST_TICKS = 7
_FACTS = ["kind", "severity", "resolved_at", "duration_s", "is_held_back"]


@dataclass(frozen=True)
class Scale:
    """Time on a horizontal axis, in percent of its width."""

    since: datetime
    until: datetime

    def at(self, moment: datetime) -> float:
        """Return the place of a moment; one outside is at the edge."""
        share = (moment - self.since) / (self.until - self.since)
        return round(100 * min(max(share, 0.0), 1.0), 3)

    def ticks(self) -> list[Shape]:
        """Return a few midnights (or hours) with their labels."""
        span = self.until - self.since
        steps = [timedelta(hours=1), timedelta(hours=3), timedelta(hours=6), *map(timedelta, (1, 2, 4, 7, 14, 30, 90))]
        step = next((step for step in steps if span / step <= MOST_TICKS + 1), timedelta(365))
        first = self.since.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        if step >= timedelta(days=1):
            first = self.since.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        form = "%b %-d" if step >= timedelta(days=1) else "%H:%M"
        moments = [first + number * step for number in range(MOST_TICKS * 2) if first + number * step <= self.until]
        shown = [moment for moment in moments if 0.03 < (moment - self.since) / span < 0.97]
        return [{"x": self.at(moment), "text": f"{moment:{form}}"} for moment in shown]


@dataclass(frozen=True)
class Slots:
    """The hours, days or weeks of a period as columns of one width, in percent."""

    since: datetime
    until: datetime

    @property
    def name(self) -> str:
        """Return which of them it is."""
        span = self.until - self.since
        return "hour" if span <= timedelta(days=4) else "day" if span <= timedelta(days=120) else "week"

    @property
    def length(self) -> timedelta:
        """Return how long one is."""
        return {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}[self.name]

    def of(self, instant: str) -> pl.Expr:
        """Return the slot in which the column's instant lies, as `slot`."""
        return pl.col(instant).dt.truncate(f"1{self.name[0]}").alias("slot")

    @property
    def all(self) -> list[datetime]:
        """Return their beginnings in order."""
        ends = pl.DataFrame({"at": [self.since, self.until]}).select(self.of("at"))["slot"]
        return pl.datetime_range(ends[0], ends[1], self.length, eager=True).to_list()

    def columns(self) -> dict[datetime, Shape]:
        """Return where the column of each is, and its name."""
        starts = self.all
        width = 100 / len(starts)
        form = "%Y-%m-%d %H:%M" if self.name == "hour" else "%Y-%m-%d"
        return {
            start: {"x": round(place * width, 3), "width": round(width, 3), "text": f"{start:{form}}"}
            for place, start in enumerate(starts)
        }

    def ticks(self) -> list[Shape]:
        """Return a few of them, counted from the newest, each under the middle of its column."""
        columns = list(self.columns().items())
        step = -(-len(columns) // MOST_TICKS)
        form = "%H:%M" if self.name == "hour" else "%b %-d"
        shown = columns[::-1][step // 2 :: step]
        return [{"x": round(part["x"] + part["width"] / 2, 3), "text": f"{start:{form}}"} for start, part in shown]


def draw_timeline(past: Past, since: datetime, until: datetime) -> Shape:
    """Return a row for each of the targets with most drift, and a bar for each of its episodes."""
    scale = Scale(since, until)
    end = pl.coalesce("resolved_at", pl.lit(until))
    named = past.episodes.with_columns(end.alias("end"), target().alias("name"))
    rows = (
        named.group_by("name")
        .agg(
            pl.len().alias("count"),
            pl.col("duration_s").sum().alias("drift_s"),
            pl.struct("opened_at", "end", *_FACTS).alias("bars"),
        )
        .sort("drift_s", "name", descending=[True, False])
    )
    shapes = [
        {
            "name": spoken_name(row["name"]),
            "text": f"{counted(row['count'], 'episode')}, {spoken(row['drift_s'])} of drift",
            "bars": [_bar(bar, spoken_name(row["name"]), scale) for bar in row["bars"]],
        }
        for row in rows.head(MOST_ROWS).iter_rows(named=True)
    ]
    return {"rows": shapes, "ticks": scale.ticks(), "rest": max(rows.height - MOST_ROWS, 0)}


def _bar(bar: Shape, name: str, scale: Scale) -> Shape:
    x = scale.at(bar["opened_at"])
    lasted = spoken(bar["duration_s"]) + ("" if bar["resolved_at"] else ", still open")
    held = ", held back" if bar["is_held_back"] else ""
    text = f"{name}: {bar['kind'].replace('_', ' ')}{held}, {spoken_moment(bar['opened_at'])}, {lasted}"
    width = round(scale.at(bar["end"]) - x, 3)
    return {"x": x, "width": width, "severity": bar["severity"], "is_held": bar["is_held_back"], "text": text}


def draw_states(past: Past, since: datetime, until: datetime) -> Shape:
    """Return a column for each slot: the share of it in each state; what no run spoke for is left empty."""
    slots = Slots(since, until)
    spent = past.spans.group_by(slots.of("as_of"), "state").agg(pl.sum("observed_s"))
    times = {(slot, state): seconds for slot, state, seconds in spent.iter_rows()}
    columns = []
    for slot, column in slots.columns().items():
        parts = [(state.value, times.get((slot, state), 0.0)) for state in State]
        told = ", ".join(f"{state} {spoken(time_s)}" for state, time_s in parts if time_s)
        stack = _stack([(state, 100 * time_s / slots.length.total_seconds()) for state, time_s in parts])
        columns.append(column | {"parts": stack, "text": f"{column['text']}: {told or 'no run'}"})
    total = max(sum(times.values()), 1e-9)
    by_state = dict(past.spans.group_by("state").agg(pl.sum("observed_s")).iter_rows())
    shares = [{"state": state.value, "share": by_state.get(state.value, 0) / total} for state in State]
    return {"columns": columns, "ticks": slots.ticks(), "shares": shares, "slot": slots.name}


def draw_openings(past: Past, since: datetime, until: datetime) -> Shape:
    """Return a column for each slot: the episodes that opened in it, by severity, the least at the bottom."""
    slots = Slots(since, until)
    opened = past.episodes.group_by(slots.of("opened_at"), "severity").len()
    counts = {(slot, severity): count for slot, severity, count in opened.iter_rows()}
    totals = {slot: sum(counts.get((slot, word), 0) for word in Severity) for slot in slots.all}
    most = max(totals.values(), default=0) or 1
    columns = [
        column
        | {
            "parts": _stack([(word.value, 100 * counts.get((slot, word), 0) / most) for word in Severity]),
            "text": f"{column['text']}: {counted(totals[slot], 'episode')} opened",
        }
        for slot, column in slots.columns().items()
    ]
    return {"columns": columns, "most": most, "ticks": slots.ticks(), "slot": slots.name}


def _stack(parts: list[tuple[str, float]]) -> list[Shape]:
    """Return the parts of a column from the bottom up, none where it is nothing."""
    top, shapes = 100.0, []
    for word, wanted in parts:
        height = min(wanted, top)
        top -= height
        if height:
            shapes.append({"tone": word, "y": round(top, 2), "height": round(height, 2)})
    return shapes


def draw_heat(past: Past, since: datetime, until: datetime) -> Shape:
    """Return a row for each node, the most troubled first, and a cell for each slot in which episodes of it opened."""
    slots = Slots(since, until)
    opened = past.episodes.filter(pl.col("node") != FLEET).group_by("node", slots.of("opened_at")).len("count")
    most = max(opened["count"].to_list(), default=1)
    totals = opened.group_by("node").agg(pl.sum("count")).sort("count", "node", descending=[True, False])
    columns = slots.columns()
    rows = []
    for node, total in totals.head(MOST_ROWS).iter_rows():
        counts = opened.filter(pl.col("node") == node).sort("slot").select("slot", "count").iter_rows()
        cells = [_cell(columns[slot], node, count, most) for slot, count in counts]
        rows.append({"name": node, "text": counted(total, "episode"), "cells": cells})
    rest = max(totals.height - MOST_ROWS, 0)
    return {"rows": rows, "ticks": slots.ticks(), "most": most, "rest": rest, "slot": slots.name}


def _cell(column: Shape, node: str, count: int, most: int) -> Shape:
    return column | {
        "share": round(20 + 80 * count / most),
        "text": f"{node}, {column['text']}: {counted(count, 'episode')}",
    }

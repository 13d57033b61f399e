"""The report's pictures as numbers: where each bar, line and label of an SVG goes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from flows.past import Past
from flows.render.spoken import spoken
from schemas.expressions import target
from schemas.words import Severity, State

Shape = dict[str, Any]
MOST_ROWS = 24
ROW, LABEL, WIDTH = 24, 190, 1100
CAUSE_ROW, CAUSE_WIDTH, CAUSE_PILL = 32, 360, 150


@dataclass(frozen=True)
class Scale:
    """Time on a horizontal axis."""

    since: datetime
    until: datetime
    left: float
    width: float

    def at(self, moment: datetime) -> float:
        """Return the place of a moment; one outside is at the edge."""
        share = (moment - self.since) / (self.until - self.since)
        return round(self.left + min(max(share, 0.0), 1.0) * self.width, 2)

    def ticks(self, count: int = 8) -> list[Shape]:
        """Return about so many midnights (or hours) with their labels."""
        span = self.until - self.since
        steps = [timedelta(hours=1), timedelta(hours=3), timedelta(hours=6), *map(timedelta, (1, 2, 4, 7, 14, 30, 90))]
        step = next((step for step in steps if span / step <= count), timedelta(365))
        first = self.since.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        if step >= timedelta(days=1):
            first = self.since.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        form = "%b %-d" if step >= timedelta(days=1) else "%H:%M"
        moments = [first + number * step for number in range(count * 2) if first + number * step <= self.until]
        shown = [moment for moment in moments if 0.03 < (moment - self.since) / span < 0.97]
        return [{"x": self.at(moment), "text": f"{moment:{form}}"} for moment in shown]


def draw_timeline(past: Past, since: datetime, until: datetime) -> Shape:
    """Return a row for each of the targets with most drift, and a bar for each of its episodes."""
    scale = Scale(since, until, LABEL, WIDTH - LABEL)
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
        {"name": row["name"], "y": 8 + place * ROW, "bars": [_bar(bar, row["name"], scale) for bar in row["bars"]]}
        for place, row in enumerate(rows.head(MOST_ROWS).iter_rows(named=True))
    ]
    height = 8 + ROW * len(shapes)
    rest = max(rows.height - MOST_ROWS, 0)
    return {"rows": shapes, "ticks": scale.ticks(), "height": height, "width": WIDTH, "label": LABEL, "rest": rest}


_FACTS = ["kind", "severity", "resolved_at", "duration_s", "is_held_back"]


def _bar(bar: Shape, name: str, scale: Scale) -> Shape:
    x = scale.at(bar["opened_at"])
    lasted = spoken(bar["duration_s"]) + ("" if bar["resolved_at"] else ", still open")
    held = ", held back" if bar["is_held_back"] else ""
    text = f"{name}: {bar['kind'].replace('_', ' ')}{held}, {bar['opened_at']:%Y-%m-%d %H:%M} UTC, {lasted}"
    width = max(scale.at(bar["end"]) - x, 2.5)
    return {"x": x, "width": width, "severity": bar["severity"], "is_held": bar["is_held_back"], "text": text}


def draw_states(past: Past, since: datetime, until: datetime) -> Shape:
    """Return the ribbon of states over time; runs of one state that follow each other are one stretch."""
    scale = Scale(since, until, 0, 1000)
    seconds = pl.duration(microseconds=(pl.col("observed_s") * 1e6).cast(pl.Int64))
    end = pl.col("as_of") + seconds
    is_new = (pl.col("state") != pl.col("state").shift()) | (pl.col("as_of") > end.shift() + timedelta(seconds=1))
    stretches = (
        past.spans.sort("as_of")
        .with_columns(end=end, stretch=is_new.fill_null(True).cum_sum())
        .group_by("stretch", maintain_order=True)
        .agg(pl.first("state"), pl.first("as_of"), pl.last("end"), pl.sum("observed_s"))
    )
    shapes = [
        {"x": x, "width": max(scale.at(row["end"]) - x, 0.4), "state": row["state"], "text": _say_stretch(row)}
        for row in stretches.iter_rows(named=True)
        for x in [scale.at(row["as_of"])]
    ]
    total = max(past.spans["observed_s"].sum(), 1e-9)
    by_state = dict(past.spans.group_by("state").agg(pl.sum("observed_s")).iter_rows())
    shares = [{"state": state.value, "share": by_state.get(state.value, 0) / total} for state in State]
    return {"stretches": shapes, "ticks": scale.ticks(), "shares": shares}


def _say_stretch(row: Shape) -> str:
    return f"{row['state']} for {spoken(row['observed_s'])} from {row['as_of']:%Y-%m-%d %H:%M} UTC"


def draw_days(past: Past, since: datetime, until: datetime) -> Shape:
    """Return a column for each day: the episodes that opened on it, by severity, the least at the bottom."""
    days = pl.DataFrame({"day": pl.date_range(since.date(), until.date(), eager=True)})
    opened = past.episodes.group_by(pl.col("opened_at").dt.date().alias("day"), "severity").len()
    counts = {(day, severity): count for day, severity, count in opened.iter_rows()}
    most = max((sum(counts.get((day, word), 0) for word in Severity) for day in days["day"]), default=0) or 1
    width = 1000 / max(days.height, 1)
    columns = []
    for place, day in enumerate(days["day"]):
        top, parts = 100.0, []
        for severity in Severity:
            height = 100 * counts.get((day, severity), 0) / most
            top -= height
            if height:
                parts.append({"severity": severity.value, "y": round(top, 2), "height": round(height, 2)})
        count = sum(counts.get((day, word), 0) for word in Severity)
        text = f"{day:%Y-%m-%d}: {count} episode(s) opened"
        columns.append({"x": round(place * width, 2), "width": round(width * 0.78, 2), "parts": parts, "text": text})
    return {"columns": columns, "most": most, "ticks": Scale(since, until, 0, 1000).ticks()}


def draw_causes(causes: list[tuple[str, list[tuple[str, str]]]]) -> list[Shape]:
    """Return a picture for each root cause: its name at the left, a curve to each target that it explains."""
    pictures = []
    for cause, names in causes:
        shown = names[:12]
        height = CAUSE_ROW * max(len(shown), 1)
        middle = height / 2
        ends = []
        for place, (name, how) in enumerate(shown):
            y = CAUSE_ROW * place + CAUSE_ROW / 2
            left, right = CAUSE_PILL, CAUSE_WIDTH - CAUSE_PILL
            bend = (left + right) / 2
            path = f"M{left} {middle} C{bend} {middle} {bend} {y} {right} {y}"
            ends.append({"name": _fit(name), "whole": name, "how": how, "y": y, "path": path})
        more = len(names) - len(shown)
        pictures.append(
            {"name": _fit(cause), "whole": cause, "middle": middle, "height": height, "ends": ends, "more": more}
        )
    return pictures


def _fit(name: str, most: int = 21) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"

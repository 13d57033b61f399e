"""A row of days for each service: the worst that was seen of it on each."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from flows.past.study import Past
from schemas.words import Severity

DAYS = 30


class Beat(NamedTuple):
    """One day of one target."""

    day: str
    tone: str
    """A severity, `ok`, or `unknown` where no run spoke for the day."""


def draw_heartbeats(past: Past, as_of: datetime) -> Mapping[tuple[str, str], list[Beat]]:
    """Return the last 30 days of every target that drifted in them, the oldest first; days end with `as_of`'s."""
    days = [(as_of - timedelta(days=ago)).date() for ago in reversed(range(DAYS))]
    worst: dict[tuple[str, str], dict[object, str]] = {}
    ranks = list(Severity)
    rows = past.episodes.filter(~pl.col("is_held_back")).select(
        "node", "service", "severity", "opened_at", "resolved_at"
    )
    for node, service, severity, opened_at, resolved_at in rows.iter_rows():
        told = worst.setdefault((node, service), {})
        for day in days:
            if opened_at.date() <= day <= (resolved_at or as_of).date():
                told[day] = max(told.get(day, severity), severity, key=lambda word: ranks.index(Severity(word)))
    seen = set(past.spans["as_of"].dt.date().unique().to_list())
    return {
        target: [Beat(day.isoformat(), told.get(day, "ok" if day in seen else "unknown")) for day in days]
        for target, told in worst.items()
    }


def quiet_heartbeat(past: Past, as_of: datetime) -> list[Beat]:
    """Return the row of a target without drift."""
    seen = set(past.spans["as_of"].dt.date().unique().to_list())
    days = [(as_of - timedelta(days=ago)).date() for ago in reversed(range(DAYS))]
    return [Beat(day.isoformat(), "ok" if day in seen else "unknown") for day in days]

"""A row of days for each service: the worst that was seen of it on each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import NamedTuple

import polars as pl

from flows.past.study import Past
from schemas.words import Severity

DAYS = 30
RANKS = {"unknown": -2, "ok": -1} | {str(severity): rank for rank, severity in enumerate(Severity)}
Target = tuple[str, str]


class Beat(NamedTuple):
    """Days in a row of which the same is told."""

    tone: str
    """A severity, `ok`, or `unknown` where no run spoke for the days."""
    days: int
    text: str


@dataclass(frozen=True)
class Heartbeats:
    """The last 30 days of every target, the oldest day first; days end with UTC midnight."""

    drifted: Mapping[Target, list[Beat]]
    quiet: list[Beat]
    """That of each target without drift in them."""

    def of(self, node: str, service: str) -> list[Beat]:
        """Return the row of a target."""
        return self.drifted.get((node, service), self.quiet)

    def count_bad(self, node: str, service: str) -> int:
        """Return on how many of the days it drifted."""
        return sum(beat.days for beat in self.of(node, service) if beat.tone not in {"ok", "unknown"})


def draw_heartbeats(past: Past, as_of: datetime) -> Heartbeats:
    """Return the row of each target that drifted, by what was not held back, and that of all others."""
    days = [(as_of - timedelta(days=ago)).date() for ago in reversed(range(DAYS))]
    calm = dict.fromkeys(days, "unknown") | dict.fromkeys(set(days) & _days_of_runs(past), "ok")
    told: dict[Target, dict[date, str]] = {}
    rows = past.episodes.filter(~pl.col("is_held_back")).select(
        "node", "service", "severity", "opened_at", "resolved_at"
    )
    for node, service, severity, opened_at, resolved_at in rows.iter_rows():
        own = told.setdefault((node, service), dict(calm))
        for day in days:
            if opened_at.date() <= day <= (resolved_at or as_of).date():
                own[day] = max(own[day], severity, key=RANKS.__getitem__)
    return Heartbeats({target: _join(own.items()) for target, own in told.items()}, _join(calm.items()))


def _days_of_runs(past: Past) -> set[date]:
    return set(past.spans["as_of"].dt.date().unique().to_list())


def _join(days: Iterable[tuple[date, str]]) -> list[Beat]:
    """Return days in a row with one tone as one beat."""
    joined = []
    for tone, group in groupby(days, key=lambda pair: pair[1]):
        of_tone = [day for day, _ in group]
        span = f"{of_tone[0]}" if len(of_tone) == 1 else f"{of_tone[0]} to {of_tone[-1]}"
        word = {"ok": "as asked", "unknown": "no run"}.get(tone, tone)
        joined.append(Beat(tone, len(of_tone), f"{span}: {word}"))
    return joined

"""The runs of the past as deciding looks at them: one after another, each with what tells it from the run before."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import polars as pl

from flows.past.day import Batch, Day, Judge, Problem
from flows.run.acting.look import make_sight
from flows.run.conclude import to_recommended
from schemas.episode import Recommended, Target
from schemas.rules import Rules
from schemas.scene import Shown
from schemas.sight import Sight
from schemas.words import ALL, Health

DRIFT = ("node", "service", "kind", "severity", "held_by")
ADVICE = ("recommendation_id", "event_type", "severity", "causing_kinds", "drift_ids", "root_causes", "blast_radius")


@dataclass
class DayReader:
    """Judges a day; can be sent to another process."""

    judge: Judge

    def __call__(self, day: Day) -> tuple[Day, list[Batch], tuple[Problem, ...]]:
        """Return the day's runs, judged, by the inventory that was in force."""
        problems: list[Problem] = []
        batches = [
            batch
            for version, worlds in self.judge.read_day(day, problems)
            if (batch := self.judge.judge_worlds(version, worlds, problems)) is not None
        ]
        return day, batches, tuple(problems)


class Parts:
    """A frame of many runs, taken apart once."""

    def __init__(self, frame: pl.DataFrame) -> None:
        """Take it apart."""
        self._none = frame.clear()
        self._parts = {as_of: part for (as_of,), part in frame.partition_by("as_of", as_dict=True).items()}

    def at(self, as_of: datetime) -> Any:
        """Return the rows of one run; as valid as the whole."""
        return self._parts.get(as_of, self._none)


@dataclass
class JudgedRuns:
    """The runs of one batch; what deciding asks about is cut out of its frames where it is asked for."""

    batch: Batch
    rules: Rules
    _last: tuple[datetime, tuple[Recommended, ...]] | None = None

    def moments(self) -> Iterator[tuple[datetime, datetime]]:
        """Yield when each run was, and its world's own time."""
        yield from self.batch.judgement.summary.select("as_of", "world_at").sort("as_of").iter_rows()

    @cached_property
    def _whole(self) -> Sight:
        return make_sight(self.batch.desired, self.batch.actual, self.batch.judgement, self.rules)

    @cached_property
    def _parts(self) -> tuple[Parts, ...]:
        """What a run shows: its drift, its services, its nodes, its deployments."""
        whole = self._whole
        return tuple(Parts(frame) for frame in (whole.drift, whole.observed, whole.nodes, whole.deployments))

    @cached_property
    def _advice(self) -> Parts:
        return Parts(self.batch.judgement.recommendations)

    @cached_property
    def _signs(self) -> Mapping[datetime, tuple[Any, ...]]:
        """What there is to decide about in each run, ages apart: runs of one sign have one scene."""
        judgement = self.batch.judgement
        found: dict[datetime, list[tuple[int, str]]] = {}
        frames = [judgement.drift.select("as_of", *DRIFT), judgement.recommendations.select("as_of", *ADVICE)]
        frames += [
            self._whole.deployments.select("as_of", "node", "service", "begun_at", "key"),
            self._whole.nodes.select("as_of", "node", "has_disk_pressure"),
        ]
        for place, frame in enumerate(frames):
            for as_of, *row in frame.iter_rows():
                found.setdefault(as_of, []).append((place, repr(row)))
        return {as_of: tuple(sorted(rows)) for as_of, rows in found.items()}

    def sign(self, as_of: datetime) -> tuple[Any, ...]:
        """Return what tells a run from others: its inventory, its drift, what is recommended, what was deployed."""
        return self.batch.prints[as_of].inventory, self._signs.get(as_of, ())

    def sight(self, as_of: datetime) -> Sight:
        """Return one run's frames."""
        return Sight(self._whole.desired, *(part.at(as_of) for part in self._parts))

    def recommended(self, as_of: datetime) -> tuple[Recommended, ...]:
        """Return one run's recommendations; asked again for the same run, the same ones."""
        if self._last is None or self._last[0] != as_of:
            drift, advice = self._parts[0].at(as_of), self._advice.at(as_of)
            judgement = self.batch.judgement._replace(drift=drift, recommendations=advice)
            self._last = as_of, to_recommended(judgement)
        return self._last[1]

    def shown(self, as_of: datetime, targets: frozenset[Target]) -> Mapping[Target, Shown]:
        """Return what one run's world says of some targets, by when they were seen."""
        _, observed, nodes, _ = (part.at(as_of) for part in self._parts)
        healthy = pl.col("health") == Health.HEALTHY
        services = observed.select("node", "service", healthy, "last_seen_at").iter_rows()
        found = {Target(node, service): Shown(is_healthy, seen) for node, service, is_healthy, seen in services}
        found |= {
            Target(node, ALL): Shown(True, seen) for node, seen in nodes.select("node", "last_seen_at").iter_rows()
        }
        return {target: shown for target, shown in found.items() if target in targets}


def in_order(done: Iterable[tuple[Day, list[Batch], tuple[Problem, ...]]], days: list[Day]) -> Iterator[Batch]:
    """Yield the batches by time, whichever day was done first; a day waits for those before it."""
    waiting: dict[object, list[Batch]] = {}
    expected = iter(days)
    next_day = next(expected, None)
    for day, batches, _ in done:
        waiting[day.day] = batches
        while next_day is not None and next_day.day in waiting:
            yield from waiting.pop(next_day.day)
            next_day = next(expected, None)

"""The runs of the past as deciding looks at them: one after another, each with what tells it from the run before."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

import polars as pl

from flows.past.day import Batch, Day, Judge, Problem
from flows.run.acting.look import make_sight
from flows.run.conclude import to_recommended
from flows.sources.world.files import WorldFiles
from flows.sources.world.likeness import Later, Parted, part_worlds
from schemas.episode import Recommended, Target
from schemas.rules import Rules
from schemas.run import Judgement
from schemas.scene import Deployed, Shown
from schemas.sight import Sight
from schemas.words import ALL, Health

DRIFT = ("node", "service", "kind", "severity", "held_by", "consecutive_failures")
ADVICE = ("recommendation_id", "event_type", "severity", "causing_kinds", "drift_ids", "root_causes", "blast_radius")


class Told(NamedTuple):
    """Runs of one inventory: those that are judged, and those of which a judgement would say the same."""

    batch: Batch
    later: tuple[Later, ...]


class DayTold(NamedTuple):
    """A day's runs, by the inventory that was in force."""

    day: Day
    told: list[Told]


@dataclass
class DayReader:
    """Judges a day; can be sent to another process."""

    judge: Judge

    def __call__(self, day: Day) -> DayTold:
        """Return the day's runs; what cannot be read is passed over."""
        problems: list[Problem] = []
        parts = self.judge.read_day(day, problems)
        return DayTold(day, [told for version, worlds in parts if (told := self._tell(version, worlds, problems))])

    def _tell(self, version: str, worlds: Sequence[WorldFiles], problems: list[Problem]) -> Told | None:
        # A calendar has moments of its own: under one, each world is judged.
        has_windows = not self.judge.know(version).desired.maintenance.is_empty()
        judge = self.judge
        parted = Parted([*worlds], []) if has_windows else part_worlds(worlds, judge.rules, judge.limits)
        batch = judge.judge_worlds(version, parted.told, problems)
        return Told(batch, tuple(row for row in parted.later if row.like in batch.prints)) if batch else None


class Parts:
    """A frame of many runs, of which the rows of one are cut out where they are asked for."""

    def __init__(self, frame: pl.DataFrame) -> None:
        """Find where each run begins."""
        self._frame = frame if frame["as_of"].is_sorted() else frame.sort("as_of", maintain_order=True)
        lengths = self._frame["as_of"].rle().struct.unnest()
        starts = lengths["len"].cum_sum() - lengths["len"]
        self._places = {as_of: place for as_of, *place in zip(lengths["value"], starts, lengths["len"], strict=True)}

    def at(self, as_of: datetime) -> Any:
        """Return the rows of one run; as valid as the whole."""
        return self._frame.slice(*self._places.get(as_of, (0, 0)))


@dataclass
class JudgedRuns:
    """The runs of one batch; what deciding asks about is cut out of its frames where it is asked for."""

    told: Told
    rules: Rules
    _last: "tuple[datetime, _Look] | None" = None

    @property
    def batch(self) -> Batch:
        """The runs that are judged."""
        return self.told.batch

    def moments(self) -> Iterator[tuple[datetime, datetime]]:
        """Yield when each run was, and its world's own time."""
        judged = dict(self.batch.judgement.summary.select("as_of", "world_at").iter_rows())
        later = {row.as_of: row.move(judged[row.like]) for row in self.told.later}
        yield from sorted((judged | later).items())

    @cached_property
    def _later(self) -> Mapping[datetime, Later]:
        return {row.as_of: row for row in self.told.later}

    def _like(self, as_of: datetime) -> datetime:
        """Return the judged run that a run is like."""
        row = self._later.get(as_of)
        return as_of if row is None else row.like

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
        """What there is to decide about in each run, ages apart, and what was deployed."""
        judgement = self.batch.judgement
        frames = [judgement.drift.select("as_of", *DRIFT), judgement.recommendations.select("as_of", *ADVICE)]
        frames += [self._whole.nodes.filter("has_disk_pressure").select("as_of", "node")]
        return _describe(frames)

    @cached_property
    def _deployed(self) -> Mapping[datetime, tuple[Any, ...]]:
        return _describe([self._whole.deployments.select("as_of", "node", "service", "begun_at", "key")])

    def sign(self, as_of: datetime) -> tuple[Any, ...]:
        """Return what tells a run from others: its inventory, its drift, what is recommended, what was deployed."""
        return *self.sign_undeployed(as_of), self._deployed.get(self._like(as_of), ())

    def sign_undeployed(self, as_of: datetime) -> tuple[Any, ...]:
        """Return the same without what was deployed: runs of one such sign have one scene, but for that."""
        like = self._like(as_of)
        return self.batch.prints[like].inventory, self._signs.get(like, ())

    def _look(self, as_of: datetime) -> "_Look":
        """Return what the judged run shows that a run is like; it stays at hand while runs are like it."""
        like = self._like(as_of)
        if self._last is None or self._last[0] != like:
            drift, observed, nodes, deployments = (part.at(like) for part in self._parts)
            sight = Sight(self._whole.desired, drift, observed, nodes, deployments)
            self._last = like, _Look(sight, self.batch.judgement._replace(recommendations=self._advice.at(like)))
        return self._last[1]

    def sight(self, as_of: datetime) -> Sight:
        """Return one run's frames; the ages in them may be those of a run that it is like."""
        sight, row = self._look(as_of).sight, self._later.get(as_of)
        if row is None:
            return sight
        return sight._replace(observed=_move(sight.observed, row), nodes=_move(sight.nodes, row))

    def deployments(self, as_of: datetime) -> Mapping[Target, tuple[Deployed, ...]]:
        """Return what one run's world says was deployed, the oldest first."""
        return self._look(as_of).deployments

    def drifting(self, as_of: datetime) -> frozenset[Target]:
        """Return the targets that one run finds drift of."""
        return self._look(as_of).drifting

    def recommended(self, as_of: datetime) -> tuple[Recommended, ...]:
        """Return one run's recommendations; asked again for the same run, the same ones."""
        return self._look(as_of).recommended

    def shown(self, as_of: datetime, targets: frozenset[Target]) -> Mapping[Target, Shown]:
        """Return what one run's world says of some targets, by when they were seen."""
        shown, row = self._look(as_of).shown, self._later.get(as_of)
        found = {target: told for target, told in shown.items() if target in targets}
        if row is None:
            return found
        return {
            target: told if told.last_seen_at is None else Shown(told.is_healthy, row.move(told.last_seen_at))
            for target, told in found.items()
        }


class _Look:
    """What one judged run shows, each part taken out of the frames when it is asked for."""

    def __init__(self, sight: Sight, judgement: Judgement) -> None:
        self.sight = sight
        self._judgement = judgement._replace(drift=sight.drift)

    @cached_property
    def recommended(self) -> tuple[Recommended, ...]:
        return to_recommended(self._judgement)

    @cached_property
    def drifting(self) -> frozenset[Target]:
        return frozenset(map(Target, self.sight.drift["node"], self.sight.drift["service"]))

    @cached_property
    def shown(self) -> dict[Target, Shown]:
        healthy = pl.col("health") == Health.HEALTHY
        services = self.sight.observed.select("node", "service", healthy, "last_seen_at").iter_rows()
        nodes = self.sight.nodes.select("node", "last_seen_at").iter_rows()
        found = {Target(node, service): Shown(is_healthy, seen) for node, service, is_healthy, seen in services}
        return found | {Target(node, ALL): Shown(True, seen) for node, seen in nodes}

    @cached_property
    def deployments(self) -> dict[Target, tuple[Deployed, ...]]:
        rows = self.sight.deployments.select("node", "service", "begun_at", "key").iter_rows()
        found: dict[Target, list[Deployed]] = {}
        for node, service, begun_at, key in rows:
            if begun_at is not None:
                found.setdefault(Target(node, service), []).append(Deployed(begun_at, key))
        return {target: tuple(sorted(deployed)) for target, deployed in found.items()}


def _describe(frames: Iterable[pl.DataFrame]) -> dict[datetime, tuple[tuple[int, str], ...]]:
    """Return all rows of each run, as texts in order."""
    found: dict[datetime, list[tuple[int, str]]] = {}
    for place, frame in enumerate(frames):
        for as_of, *row in frame.iter_rows():
            found.setdefault(as_of, []).append((place, repr(row)))
    return {as_of: tuple(sorted(rows)) for as_of, rows in found.items()}


def _move(frame: Any, row: Later) -> Any:
    """Return a frame with the times at which its targets were seen in a later world."""
    seen = frame["last_seen_at"]
    moved = pl.Series("last_seen_at", [None if at is None else row.move(at) for at in seen], seen.dtype)
    return frame.with_columns(moved)


def in_order(done: Iterable[DayTold], days: list[Day]) -> Iterator[Told]:
    """Yield the days' runs by time, whichever day was done first; a day waits for those before it."""
    waiting: dict[object, list[Told]] = {}
    expected = iter(days)
    next_day = next(expected, None)
    for day, told in done:
        waiting[day.day] = told
        while next_day is not None and next_day.day in waiting:
            yield from waiting.pop(next_day.day)
            next_day = next(expected, None)

"""The runs of the past as deciding looks at them: one after another, each with what tells it from the run before."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

import polars as pl

from flows.past.day import Batch, Day, Judge, Problem
from flows.run.acting.look import make_sight
from flows.run.conclude import recommended_by_run
from flows.sources.world.files import WorldFiles
from flows.sources.world.likeness import Later, part_worlds
from schemas.desired import Desired
from schemas.episode import Recommended, Target
from schemas.joins import only
from schemas.rules import Rules
from schemas.scene import Shown, View
from schemas.sight import Sight
from schemas.words import ALL, Health
from stages.plan import plan_absence

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
        judge = self.judge
        planned = _plan(judge.know(version).desired, worlds)
        parted = part_worlds(worlds, judge.rules, judge.limits, planned)
        batch = judge.judge_worlds(version, parted.told, problems)
        return Told(batch, tuple(row for row in parted.later if row.like in batch.prints)) if batch else None


def _plan(desired: Desired, worlds: Sequence[WorldFiles]) -> dict[datetime, list[tuple[Any, ...]]]:
    """Return what is planned to be away at the moment of each world, and until when: a calendar has moments of its own."""
    found: dict[datetime, list[tuple[Any, ...]]] = {}
    for as_of, *row in plan_absence(desired.maintenance, [world.as_of for world in worlds]).iter_rows():
        found.setdefault(as_of, []).append(tuple(row))
    return found


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
    views: dict[Any, Mapping[datetime, View]] = field(default_factory=dict)
    """What the judged runs show, by who asks."""
    _signed: dict[datetime, tuple[Any, ...]] = field(default_factory=dict)
    _last_shown: tuple[datetime, dict[Target, Shown]] | None = None

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
    def inventory(self) -> str:
        """What tells the inventory from others."""
        return next(iter(self.batch.prints.values())).inventory

    @cached_property
    def _later(self) -> Mapping[datetime, Later]:
        return {row.as_of: row for row in self.told.later}

    def like(self, as_of: datetime) -> datetime:
        """Return the judged run that a run is like."""
        row = self._later.get(as_of)
        return as_of if row is None else row.like

    @cached_property
    def whole(self) -> Sight:
        """The frames of all judged runs."""
        return make_sight(self.batch.desired, self.batch.actual, self.batch.judgement, self.rules)

    @cached_property
    def _parts(self) -> tuple[Parts, ...]:
        """What a run shows: its drift, its services, its nodes, its deployments."""
        whole = self.whole
        return tuple(Parts(frame) for frame in (whole.drift, whole.observed, whole.nodes, whole.deployments))

    @cached_property
    def _recommended(self) -> Mapping[datetime, tuple[Recommended, ...]]:
        return recommended_by_run(self.batch.judgement)

    @cached_property
    def _drifting(self) -> Mapping[datetime, frozenset[Target]]:
        found: dict[datetime, set[Target]] = {}
        for as_of, *target in self.whole.drift.select("as_of", "node", "service").iter_rows():
            found.setdefault(as_of, set()).add(Target(*target))
        return {as_of: frozenset(targets) for as_of, targets in found.items()}

    @cached_property
    def _signs(self) -> Mapping[datetime, tuple[Any, ...]]:
        """What there is to decide about in each run, ages apart, and what was deployed.

        What is not monitored does not drift; that it is healthy is asked for all the same (`other_instance_healthy`).
        """
        judgement, desired = self.batch.judgement, self.batch.desired
        is_apart = pl.col("node").is_in(desired.nodes.filter(~pl.col("is_monitored"))["node"].implode())
        frames = [judgement.drift.select("as_of", *DRIFT), judgement.recommendations.select("as_of", *ADVICE)]
        frames += [self.whole.nodes.filter("has_disk_pressure").select("as_of", "node")]
        unmonitored = desired.services.filter(~pl.col("is_monitored") | is_apart)
        beside = only(self.whole.observed, unmonitored, on=["node", "service"])
        frames += [beside.filter(pl.col("health") == Health.HEALTHY).select("as_of", "node", "service")]
        return _describe(frames)

    @cached_property
    def _deployed(self) -> Mapping[datetime, tuple[Any, ...]]:
        return _describe([self.whole.deployments.select("as_of", "node", "service", "begun_at", "key")])

    def sign(self, as_of: datetime) -> tuple[Any, ...]:
        """Return what tells a run from others: its inventory, its drift, what is recommended, what was deployed."""
        like = self.like(as_of)
        sign = self._signed.get(like)
        if sign is None:
            sign = self._signed[like] = (*self.sign_undeployed(as_of), self._deployed.get(like, ()))
        return sign

    def sign_undeployed(self, as_of: datetime) -> tuple[Any, ...]:
        """Return the same without what was deployed: runs of one such sign have one scene, but for that."""
        return self.inventory, self._signs.get(self.like(as_of), ())

    def sight(self, as_of: datetime) -> Sight:
        """Return one run's frames; the ages in them may be those of a run that it is like."""
        drift, observed, nodes, deployments = (part.at(self.like(as_of)) for part in self._parts)
        row = self._later.get(as_of)
        if row is not None:
            observed, nodes = _move(observed, row), _move(nodes, row)
        return Sight(self.whole.desired, drift, observed, nodes, deployments)

    def drifting(self, as_of: datetime) -> frozenset[Target]:
        """Return the targets that one run finds drift of."""
        return self._drifting.get(self.like(as_of), frozenset())

    def recommended(self, as_of: datetime) -> tuple[Recommended, ...]:
        """Return one run's recommendations; asked again for the same run, the same ones."""
        return self._recommended.get(self.like(as_of), ())

    def shown(self, as_of: datetime) -> Mapping[Target, Shown]:
        """Return what one run's world says of targets, by when they were seen; looked for when somebody asks."""
        return _Asked(lambda: self._show(self.like(as_of)), self._later.get(as_of))

    def _show(self, like: datetime) -> dict[Target, Shown]:
        if self._last_shown is None or self._last_shown[0] != like:
            observed, nodes = self._parts[1].at(like), self._parts[2].at(like)
            rows = observed.select("node", "service", pl.col("health") == Health.HEALTHY, "last_seen_at").iter_rows()
            found = {Target(node, service): Shown(is_healthy, seen) for node, service, is_healthy, seen in rows}
            seen_nodes = nodes.select("node", "last_seen_at").iter_rows()
            self._last_shown = like, found | {Target(node, ALL): Shown(True, seen) for node, seen in seen_nodes}
        return self._last_shown[1]


class _Asked(Mapping[Target, Shown]):
    """A mapping that is made when it is asked for something, which few are; in a later world each was seen later."""

    def __init__(self, make: Callable[[], dict[Target, Shown]], later: Later | None) -> None:
        self._make, self._later = make, later

    @cached_property
    def _rows(self) -> dict[Target, Shown]:
        return self._make()

    def __getitem__(self, target: Target) -> Shown:
        shown = self._rows[target]
        if self._later is None or shown.last_seen_at is None:
            return shown
        return Shown(shown.is_healthy, self._later.move(shown.last_seen_at))

    def __iter__(self) -> Iterator[Target]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


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

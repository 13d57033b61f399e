"""A day of the past, judged: its snapshots in one call for each inventory that was in force."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

import polars as pl

from flows.errors import InventoryError, WorldUnreadableError
from flows.run.gather import fingerprint_input, fingerprint_rules
from flows.run.judge import judge
from flows.sources.fingerprint import inventory_fingerprint, world_fingerprint
from flows.sources.inventory.desired import build_desired
from flows.sources.snapshots.inventories import InventorySource
from flows.sources.snapshots.worlds import SnapshotRef, SnapshotSource
from flows.sources.world.actual import WorldFiles, decode_readable_worlds
from schemas.actual import Actual
from schemas.desired import Desired
from schemas.limits import Limits
from schemas.rules import Rules
from schemas.run import Judgement

MOST_HELD_BYTES = 32 * 1024 * 1024
"""Of worlds that are judged in one call; decoded and judged, they take about ten times as much."""
DAYS_AT_ONCE = 15
"""Of a small fleet, fifteen days are judged in a quarter of the time of fifteen times one."""


class Day(NamedTuple):
    """A day and its snapshots, the oldest first."""

    day: date
    snapshots: tuple[SnapshotRef, ...]


class Problem(NamedTuple):
    """A snapshot that was passed over, and why."""

    as_of: datetime
    problem: str


class KnownInventory(NamedTuple):
    """A version of the inventory, read."""

    desired: Desired
    fingerprint: str


class InputPrint(NamedTuple):
    """The fingerprints of one snapshot's input."""

    input: str
    rules: str
    inventory: str
    world: str


class Batch(NamedTuple):
    """Snapshots of a day under one inventory, judged."""

    desired: Desired
    actual: Actual
    judgement: Judgement
    prints: dict[datetime, InputPrint]
    """Of each snapshot that was judged."""


@dataclass
class Judge:
    """Judges snapshots by one set of rules; can be sent to another process."""

    snapshots: SnapshotSource
    inventories: InventorySource
    rules: Rules
    aliases: dict[str, str]
    limits: Limits
    _known: dict[str, KnownInventory] = field(default_factory=dict, repr=False)

    def close(self) -> None:
        """Let go of what is open."""
        self.snapshots.close()
        self.inventories.close()

    def read_day(self, day: Day, problems: list[Problem]) -> Iterator[tuple[str, list[WorldFiles]]]:
        """Return the worlds of a day or a stretch of days by the version of the inventory in force, in the order of time.

        Large worlds come in parts, so that not all of them are held at once.
        """
        dated = ((self._version_at(snapshot, problems), snapshot) for snapshot in day.snapshots)
        for version, group in groupby(dated, key=lambda pair: pair[0]):
            if version is not None:
                worlds = (self._read(snapshot, problems) for _, snapshot in group)
                yield from ((version, part) for part in _in_parts(world for world in worlds if world is not None))

    def _version_at(self, snapshot: SnapshotRef, problems: list[Problem]) -> str | None:
        try:
            version = self.inventories.version_at(snapshot.as_of)
            self.know(version)
        except InventoryError as error:
            problems.append(Problem(snapshot.as_of, str(error)))
            return None
        return version

    def _read(self, snapshot: SnapshotRef, problems: list[Problem]) -> WorldFiles | None:
        try:
            return self.snapshots.read_world(snapshot)
        except WorldUnreadableError as error:
            problems.append(Problem(snapshot.as_of, str(error)))
            return None

    def know(self, version: str) -> KnownInventory:
        """Return a version of the inventory, parsed once; raises `InventoryError`."""
        if version not in self._known:
            files = self.inventories.read_version(version)
            known = KnownInventory(build_desired(files, self.limits, rules=self.rules), inventory_fingerprint(files))
            self._known[version] = known
        return self._known[version]

    def fingerprint(self, version: str, world: WorldFiles) -> InputPrint:
        """Return the fingerprints of one snapshot's input."""
        inventory, of_world = self.know(version).fingerprint, world_fingerprint(world.contents)
        rules = self._rules_fingerprint
        return InputPrint(fingerprint_input(inventory, of_world, rules, self.aliases), rules, inventory, of_world)

    @cached_property
    def _rules_fingerprint(self) -> str:
        return fingerprint_rules(self.rules)

    def judge_worlds(self, version: str, worlds: Sequence[WorldFiles], problems: list[Problem]) -> Batch | None:
        """Return the judgement of worlds under one inventory; None where none of them can be read."""
        desired = self.know(version).desired
        decoded = decode_readable_worlds(
            worlds, self.aliases, frozenset(desired.nodes["node"]), self.limits, self.rules
        )
        problems += [Problem(world.as_of, world.problem) for world in decoded.unreadable]
        if decoded.actual.snapshots.is_empty():
            return None
        bad = {world.as_of for world in decoded.unreadable}
        prints = {world.as_of: self.fingerprint(version, world) for world in worlds if world.as_of not in bad}
        return Batch(desired, decoded.actual, judge(desired, decoded.actual, self.rules), prints)


def _in_parts(worlds: Iterable[WorldFiles]) -> Iterator[list[WorldFiles]]:
    """Yield as many whole days together as may be held at once; a larger day is cut as it is where it comes alone."""
    earlier: list[WorldFiles] = []
    today: list[WorldFiles] = []
    earlier_bytes = today_bytes = 0
    for world in worlds:
        if today and world.as_of.date() > today[-1].as_of.date():
            earlier, earlier_bytes = earlier + today, earlier_bytes + today_bytes
            today, today_bytes = [], 0
        today.append(world)
        today_bytes += sum(map(len, world.contents.values()))
        if earlier and earlier_bytes + today_bytes > MOST_HELD_BYTES:
            yield earlier
            earlier, earlier_bytes = [], 0
        if today_bytes > MOST_HELD_BYTES:
            yield today
            today, today_bytes = [], 0
    if earlier or today:
        yield earlier + today


def group_days(snapshots: Iterable[SnapshotRef]) -> list[Day]:
    """Return the snapshots by day."""
    days = groupby(sorted(snapshots), key=lambda snapshot: snapshot.as_of.date())
    return [Day(day, tuple(group)) for day, group in days]


def stretch(days: Sequence[Day], jobs: int) -> list[list[Day]]:
    """Return the days by several that are judged together, for so many processes."""
    count = max(1, min(DAYS_AT_ONCE, len(days) // jobs))
    return [list(days[start : start + count]) for start in range(0, len(days), count)]


def join_days(days: Sequence[Day]) -> Day:
    """Return days as one, by the date of the first: what comes of each is the same, and judging them together is fast."""
    return Day(days[0].day, tuple(ref for day in days for ref in day.snapshots))


def within(snapshots: Iterable[SnapshotRef], since: datetime | None, until: datetime | None) -> list[SnapshotRef]:
    """Return the snapshots with `since` <= `as_of` < `until`."""
    return [
        snapshot
        for snapshot in snapshots
        if (since is None or snapshot.as_of >= since) and (until is None or snapshot.as_of < until)
    ]


def one_run(judgement: Judgement, as_of: datetime) -> Judgement:
    """Return the part of a batch's judgement that is about one moment."""
    parts = [frame.filter(pl.col("as_of") == as_of) for frame in judgement]
    return Judgement(*parts)  # type: ignore[arg-type]  # rows of a valid frame are valid

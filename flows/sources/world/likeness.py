"""Worlds that say the same as the one before, only later: what is judged of the first holds for the others too.

A judgement looks at times in three ways: it compares them with one another, their ages with limits of the rules, and two of
them by their distance. Where all else is written the same, the times kept their order, and each is either younger than any
limit in both worlds or the same with no limit come meanwhile, all of that comes to the same. Only the ages that are told
differ.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import msgspec

from flows.errors import WorldUnreadableError
from flows.sources.formats.instants import LATEST_US, parse_instant, to_datetime, to_microseconds
from flows.sources.formats.json_records import Records
from flows.sources.world import repeats
from flows.sources.world.fields import read_status
from flows.sources.world.files import DEPLOYMENTS, FILES, INCIDENTS, NODES, SERVICES, SUMMARY, WorldFiles, file_limits
from flows.sources.world.parse import parse_files
from flows.sources.world.plain_rows import ACTIVITY_TIMES, DEPLOYMENT_TIMES
from schemas.limits import Limits
from schemas.rules import Rules

MOST_BYTES = 1024 * 1024
"""Of a file; a larger one is read by columns, and to compare it would cost as much as to judge it."""
MOVING = {NODES: repeats.MOVING, SERVICES: repeats.MOVING, SUMMARY: re.compile(b'"last_update"' + repeats.A_TIME)}
"""A time that each look moves, as it is written; where no file has a backslash, nothing else looks like it."""
STAYING = {
    NODES: ("online_since",),
    SERVICES: ("since",),
    DEPLOYMENTS: DEPLOYMENT_TIMES,
    INCIDENTS: (*ACTIVITY_TIMES, "resolved_at"),
    SUMMARY: (),
}
"""The other times that a judgement looks at."""
MICROSECOND = timedelta(microseconds=1)
_NOTHING: Mapping[datetime, object] = {}


class Later(NamedTuple):
    """A world that says the same as another one."""

    as_of: datetime
    like: datetime
    """The `as_of` of the world that it is like."""
    moved: Mapping[int, int]
    """What each time of that world is in this one, in microseconds since 1970."""

    def move(self, moment: datetime) -> datetime:
        """Return what a time of that world is in this one."""
        return to_datetime(self.moved[to_microseconds(moment)])


class Parted(NamedTuple):
    """Worlds, the oldest first: those to judge, and those of which a judgement would say nothing new."""

    told: list[WorldFiles]
    later: list[Later]


def part_worlds(
    worlds: Iterable[WorldFiles], rules: Rules, limits: Limits, beside: Mapping[datetime, object] = _NOTHING
) -> Parted:
    """Return which worlds are to be judged, and which say the same as the last one that is.

    `beside` is what holds at the moment of a world besides, such as planned absence: where it differs, no world is like another.
    """
    parted, comparing = Parted([], []), _Comparing(rules, limits, beside)
    for world in worlds:
        found = comparing.compare(world)
        if found is None:
            parted.told.append(world)
        else:
            parted.later.append(found)
    return parted


class _Said(NamedTuple):
    """What a world says, its moving times apart."""

    as_of: datetime
    as_of_us: int
    fixed: list[bytes | None]
    """Each file, without the moving times."""
    times: list[bytes]
    """The moving times as they are written."""


class _Comparing:
    """Compares each world with the last one that is to be judged."""

    def __init__(self, rules: Rules, limits: Limits, beside: Mapping[datetime, object]) -> None:
        self._beside = beside
        self._zone, self._settling, self._limits = rules.naive_timezone, rules.settling_words, limits
        ages = [rules.world_ttl, rules.node_ttl, rules.node_ttl_intermittent]
        ages += [rules.service_ttl] if rules.service_ttl else []
        others = (rules.mass_offline_span, rules.deployment_window, rules.progress_deadline)
        self._limits_us = [age // MICROSECOND for age in (*ages, *others)]
        self._ahead_us = rules.clock_tolerance // MICROSECOND
        self._young_us = min(*ages, rules.mass_offline_span - rules.clock_tolerance) // MICROSECOND
        self._last: _Said | None = None
        self._staying: frozenset[int] = frozenset()
        self._changes_at_us = 0
        """When the first of the staying times comes to a limit."""

    def compare(self, world: WorldFiles) -> Later | None:
        """Return what the world is like; None where it is to be judged."""
        said, last = _part(world, self._limits), self._last
        if said and last and self._is_as_before(last, said):
            moved = self._move(last, said)
            if moved is not None:
                return Later(said.as_of, last.as_of, moved)
        self._last = said
        self._keep_staying(said, world)
        return None

    def _is_as_before(self, last: _Said, said: _Said) -> bool:
        is_beside = self._beside.get(last.as_of) == self._beside.get(said.as_of)
        # What stands for a time may be in a file itself, which is no JSON then.
        has_as_many = len(said.times) == len(last.times)
        return is_beside and said.fixed == last.fixed and has_as_many and said.as_of_us < self._changes_at_us

    def _move(self, last: _Said, said: _Said) -> dict[int, int] | None:
        """Return what became of each time; None where that may make a difference."""
        moved = {(moment, moment) for moment in self._staying}
        has_time = False
        for before, now in set(zip(last.times, said.times, strict=True)):
            was, is_now = self._read_time(before), self._read_time(now)
            if was is not None and is_now is not None:
                if not self._stays_young(last, said, was, is_now) and (was != is_now or self._ages(last, said, was)):
                    return None
                moved.add((was, is_now))
                has_time = True
            elif before != now:
                return None
        ordered = sorted(moved)
        keeps_order = all(one[0] < other[0] and one[1] < other[1] for one, other in pairwise(ordered))
        return dict(ordered) if has_time and keeps_order else None

    def _read_time(self, written: bytes) -> int | None:
        try:
            return parse_instant(msgspec.json.decode(written), self._zone)
        except msgspec.DecodeError:
            return None

    def _stays_young(self, last: _Said, said: _Said, was: int, is_now: int) -> bool:
        """Return whether both are younger than any limit; one a little ahead of its world's clock counts as now."""
        ages = last.as_of_us - was, said.as_of_us - is_now
        return all(-self._ahead_us <= age <= self._young_us for age in ages)

    def _ages(self, last: _Said, said: _Said, moment: int) -> bool:
        """Return whether a time that stayed may have come to a limit, seen from now or from any young time."""
        youngest = last.as_of_us - self._young_us - moment
        oldest = said.as_of_us + self._ahead_us - moment
        return moment > last.as_of_us or any(youngest <= limit <= oldest for limit in self._limits_us)

    def _keep_staying(self, said: _Said | None, world: WorldFiles) -> None:
        """Take note of the times that stay, and of when the first of them comes to a limit.

        At once where one is yet to come, or something settles: since when, the world does not say.
        """
        self._changes_at_us, self._staying = 0, frozenset()
        found = self._find_staying(world) if said else None
        if said and found is not None and all(moment <= said.as_of_us for moment in found):
            ends = (moment + limit for moment in found for limit in self._limits_us)
            self._staying = found
            self._changes_at_us = min((end for end in ends if end >= said.as_of_us), default=LATEST_US)

    def _find_staying(self, world: WorldFiles) -> frozenset[int] | None:
        """Return the times that stay; None where they do not tell when something changes."""
        try:
            files = parse_files(world, self._limits)
        except WorldUnreadableError:
            return None
        records = [record for name in STAYING if name != SUMMARY for _, record in files[name].entries]
        is_plain = all(type(record) is dict for record in records) and files[SERVICES].table is None
        if not is_plain or any(self._settles(record) for _, record in files[SERVICES].entries):
            return None
        return frozenset(self._list_times(files))

    def _settles(self, record: Mapping[str, object]) -> bool:
        status = record.get("status")
        return isinstance(status, str) and read_status(status) in self._settling

    def _list_times(self, files: Mapping[str, Records]) -> Iterator[int]:
        for name, fields in STAYING.items():
            for _, record in files[name].entries if fields else ():
                moments = (parse_instant(record[field], self._zone) for field in fields if field in record)
                yield from (moment for moment in moments if moment is not None)


def _part(world: WorldFiles, limits: Limits) -> _Said | None:
    """Return what a world says; None where a file is large, or written in an unusual way."""
    fixed: list[bytes | None] = []
    times: list[bytes] = []
    for name in FILES:
        data = world.contents.get(name)
        # The values of no larger file are counted.
        most_bytes = min(MOST_BYTES, file_limits(name, limits).max_json_values)
        if data and (len(data) > most_bytes or b"\\" in data):
            return None
        if data and name in MOVING:
            times += MOVING[name].findall(data)
            data = MOVING[name].sub(b"\0", data)
        fixed.append(data)
    return _Said(world.as_of, to_microseconds(world.as_of), fixed, times)

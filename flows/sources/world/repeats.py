"""Files of a batch that say the same as an earlier one of it, only later: their rows are not read again.

Of the worlds that an observer leaves, most differ from the one before by the times that each look moves, and by nothing
else. What all else comes to does not depend on when it is read, as long as no time of it is in doubt.
"""

import re
from collections.abc import Iterator
from itertools import repeat
from typing import Any, NamedTuple

import msgspec
import polars as pl

from flows.sources.formats.instants import parse_instant
from schemas.words import SeenState

Row = tuple[Any, ...]
MOST_BYTES = 1024 * 1024
"""Of a file; a larger one is read by columns, and to keep what it says takes as much memory as its rows."""
FIELD = b'"last_seen"'
COLON = rb"[ \t\n\r]*:[ \t\n\r]*"
A_TIME = COLON + rb'("[^"\x00-\x1f\x80-\xff]*"|[-+.0-9eE]+)'
"""What follows on the name of a time, as it is written; where a file has no backslash, nothing else looks like both."""
MOVING = re.compile(FIELD + A_TIME)
"""The time of nodes and services that each look moves."""
NEVER = re.compile(FIELD + COLON + rb"null")
SEEN_STATE = 5
"""Where the rows of nodes and services say what a moving time came to."""
UNCLEAR_US = 2**63 - 1
"""A moment later than any."""


class _Said(NamedTuple):
    """What a file says."""

    fixed: tuple[bytes, ...]
    """What is before, between and behind its moving times."""
    times: list[bytes]
    """Those, as they are written."""


class _Told(NamedTuple):
    """What a file came to."""

    rows: range
    """The places of its rows among those of the batch."""
    times: list[int]
    """Of each row, which of the file's moving times it has; -1 where it has none."""
    cut: list[Row]
    """The names of nodes in it that were cut, as rows of `TakenName` without their world."""
    as_of_us: int


class Again(NamedTuple):
    """A file that says the same as an earlier one."""

    told: _Told
    moments: list[int | None]
    """Its moving times in microseconds, and none at the end."""


class Moments(dict[bytes, int]):
    """Moments by how they are written; `UNCLEAR_US` for one that says no clear one."""

    def __init__(self, zone: str) -> None:
        """Begin with none; a time without an offset is in `zone`."""
        super().__init__()
        self._zone = zone

    def __missing__(self, written: bytes) -> int:
        """Read one that was not met before."""
        try:
            moment = parse_instant(msgspec.json.decode(written), self._zone)
        except msgspec.DecodeError:
            moment = None
        self[written] = UNCLEAR_US if moment is None else moment
        return self[written]


class Repeats:
    """The rows of one kind of file that are those of another world, only later."""

    def __init__(self, rows: list[Row], moments: Moments, most_bytes: int, *, moves: bool) -> None:
        """Begin beside the batch's rows; `moves` is whether a look moves times of this file. Larger ones are not kept."""
        self.rows = rows
        self.places: list[int] = []
        """Of each row, which one it is like."""
        self.as_of_us: list[int] = []
        self.seen_at_us: list[int | None] = []
        self._moments = moments
        self._most_bytes = min(most_bytes, MOST_BYTES)
        self._moves = moves
        self._told: dict[tuple[bytes, ...], _Told] = {}

    def find(self, data: bytes, as_of_us: int, latest_us: int) -> Again | None:
        """Return which earlier file this one says the same as; a time later than `latest_us` is in doubt."""
        said = self._read(data)
        told = self._told.get(said.fixed) if said else None
        if told is None or said is None or as_of_us < told.as_of_us:
            return None
        moments = [*map(self._moments.__getitem__, said.times)]
        return Again(told, [*moments, None]) if max(moments, default=0) <= latest_us else None

    def add(self, again: Again, as_of_us: int) -> Iterator[Row]:
        """Add the rows of a file that says the same; yield the names that were cut, as rows of `TakenName`."""
        rows = again.told.rows
        self.places += rows
        self.as_of_us += repeat(as_of_us, len(rows))
        if self._moves:
            self.seen_at_us += [again.moments[time] for time in again.told.times]
        return ((as_of_us, *names) for names in again.told.cut)

    def keep(self, data: bytes, rows: range, cut: list[Row], as_of_us: int) -> None:
        """Keep what a file came to of which no record was set aside, nor any time in doubt.

        Each row has one time at most: what names the field beside the moving times says that there is none.
        """
        said = self._read(data)
        if said is None:
            return
        has_time = [self._moves and self.rows[row][SEEN_STATE] is SeenState.READABLE for row in rows]
        named = data.count(FIELD) - len(NEVER.findall(data)) if self._moves else 0
        if sum(has_time) == named == len(said.times):
            count = iter(range(len(said.times)))
            times = [next(count) if has else -1 for has in has_time]
            self._told[said.fixed] = _Told(rows, times, [row[1:] for row in cut], as_of_us)

    def _read(self, data: bytes) -> _Said | None:
        if len(data) > self._most_bytes or (self._moves and b"\\" in data):
            return None
        parts = MOVING.split(data) if self._moves else [data]
        return _Said(tuple(parts[::2]), parts[1::2])

    def gathered(self) -> tuple[list[Any], ...]:
        """Return what grows with each world."""
        return self.places, self.as_of_us, self.seen_at_us

    def select(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the repeated rows, from the batch's own as a frame with moments in microseconds."""
        columns = [pl.Series("as_of", self.as_of_us, pl.Int64)]
        if self._moves:
            columns.append(pl.Series("last_seen_at", self.seen_at_us, pl.Int64))
        places = pl.Series(self.places, dtype=pl.UInt32)
        return rows.select(pl.all().gather(places)).with_columns(columns)

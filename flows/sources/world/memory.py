"""The world for a process that reads it again and again: the same bytes are not decoded twice."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import polars as pl

from flows.sources.formats.instants import parse_instant
from flows.sources.world.files import WorldFiles
from schemas.actual import Actual, Snapshot
from schemas.frame import dtypes
from schemas.limits import Limits
from schemas.rules import Rules

MOST_DOUBTFUL = 1000
"""A world with more doubtful times is decoded again, whatever they are."""


class MemoryKey(NamedTuple):
    """What the frames of a snapshot depend on, but for the moment."""

    digests: Mapping[str, bytes]
    """SHA-256 of each file, by name."""
    source: str
    aliases: Mapping[str, str]
    known_nodes: frozenset[str]
    limits: Limits
    rules: Rules


class WorldMemory:
    """Keeps the frames of one snapshot, and what they were made from."""

    def __init__(self) -> None:
        """Begin with none."""
        self.key: MemoryKey | None = None
        self._actual: Actual | None = None
        self._as_of: datetime | None = None
        self._has_times_to_come = False

    def recall(self, key: MemoryKey, files: WorldFiles) -> Actual | None:
        """Return the frames of the same bytes, names and rules, dated to the moment of these files; or None.

        A clock that was set back may put a time into doubt, so that an earlier moment recalls nothing; nor does a later
        one where a time was yet to come.
        """
        if self._actual is None or self._as_of is None or files.as_of < self._as_of or self.key != key:
            return None
        if self._has_times_to_come and files.as_of != self._as_of:
            return None
        return _date(self._actual, files.as_of, files.files_at)

    def keep(self, key: MemoryKey, actual: Actual, as_of: datetime) -> None:
        """Keep the frames of one snapshot in place of what was kept."""
        self.key, self._actual, self._as_of = key, actual, as_of
        self._has_times_to_come = _has_times_to_come(actual)


def _has_times_to_come(actual: Actual) -> bool:
    """Return whether a time may be in doubt only since it is yet to come."""
    if actual.doubtful.height > MOST_DOUBTFUL:
        return True
    # What is shown of a value may be escaped, such as a line end behind a time, and is not read then.
    return any("\\" in value or parse_instant(value) is not None for value in actual.doubtful["value"].unique())


def _date(actual: Actual, as_of: datetime, files_at: datetime) -> Actual:
    """Return the frames with another moment; a snapshot's rows all have the same, so that their order stays."""
    instant = dtypes(Snapshot)["as_of"]
    dated = [frame.with_columns(as_of=pl.lit(as_of, dtype=instant)) for frame in actual]
    dated[0] = dated[0].with_columns(files_at=pl.lit(files_at, dtype=instant))
    return Actual(*dated)  # type: ignore[arg-type]  # the same frames but for the moment, which no check is about

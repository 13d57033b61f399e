"""The world for a process that reads it again and again: the same bytes are not decoded twice."""

from collections.abc import Collection, Mapping
from datetime import datetime

import polars as pl

from flows.sources.world.files import WorldFiles
from schemas.actual import Actual, Snapshot
from schemas.frame import dtypes
from schemas.limits import Limits


class WorldMemory:
    """Keeps the frames of one snapshot, and what they were made from."""

    def __init__(self) -> None:
        """Begin with none."""
        self._key: tuple[object, ...] | None = None
        self._actual: Actual | None = None

    def recall(
        self, files: WorldFiles, aliases: Mapping[str, str], known_nodes: Collection[str], limits: Limits
    ) -> Actual | None:
        """Return the frames of the same bytes, names and limits, dated to the moment of these files; or None."""
        if self._actual is None or self._key != _key(files, aliases, known_nodes, limits):
            return None
        return _date(self._actual, files.as_of, files.files_at)

    def keep(
        self,
        actual: Actual,
        files: WorldFiles,
        aliases: Mapping[str, str],
        known_nodes: Collection[str],
        limits: Limits,
    ) -> None:
        """Keep the frames of one snapshot in place of what was kept."""
        self._key, self._actual = _key(files, aliases, known_nodes, limits), actual


def _key(
    files: WorldFiles, aliases: Mapping[str, str], known_nodes: Collection[str], limits: Limits
) -> tuple[object, ...]:
    return dict(files.contents), files.source, dict(aliases), frozenset(known_nodes), limits


def _date(actual: Actual, as_of: datetime, files_at: datetime) -> Actual:
    """Return the frames with another moment; a snapshot's rows all have the same, so that their order stays."""
    instant = dtypes(Snapshot)["as_of"]
    dated = [frame.with_columns(as_of=pl.lit(as_of, dtype=instant)) for frame in actual]
    dated[0] = dated[0].with_columns(files_at=pl.lit(files_at, dtype=instant))
    return Actual(*dated)  # type: ignore[arg-type]  # the same frames but for the moment, which no check is about

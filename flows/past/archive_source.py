"""Our own archive as a source of worlds and of inventories: what runs have read."""

from bisect import bisect_right
from collections.abc import Container
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import polars as pl

from flows.errors import HistoryError, InventoryError, WorldUnreadableError
from flows.ledger.archive import INVENTORY, WORLD, ArchiveReader, open_archive
from flows.ledger.history import ask_history, find_damage, scan_history
from flows.sources.inventory.files import InventoryFiles
from flows.sources.inventory.named_contents import unpack_inventory
from flows.sources.snapshots.worlds import SnapshotRef
from flows.sources.world.files import WorldFiles


@dataclass
class _Archived:
    """What an archive holds; it is opened when it is first asked."""

    state_dir: Path
    _stack: ExitStack = field(default_factory=ExitStack, repr=False, init=False)
    _archive: ArchiveReader | None = field(default=None, repr=False, init=False)

    def _opened(self) -> ArchiveReader:
        if self._archive is None:
            self._archive = self._stack.enter_context(open_archive(self.state_dir))
        return self._archive

    def close(self) -> None:
        """Close the archive."""
        self._archive = None
        self._stack.close()


@dataclass
class ArchiveSource(_Archived):
    """The worlds of an archive."""

    problems: tuple[str, ...] = ()

    def list_snapshots(self) -> list[SnapshotRef]:
        """Return the worlds, the oldest first, each once for every live run that read it.

        A world that did not change is kept once, and grew older in each of those runs.
        """
        entries = self._opened().list_entries(WORLD)
        left_out = find_damage(self.state_dir) if entries else {}
        self.problems = (*self.problems, *left_out.values())
        read = _list_live_runs(self.state_dir, left_out) if entries else []
        known = {entry.as_of: entry for entry in entries}
        for as_of, fingerprint in read:
            place = bisect_right(entries, as_of, key=lambda entry: entry.as_of)
            if place and entries[place - 1].fingerprint == fingerprint:
                known[as_of] = entries[place - 1]
        return [SnapshotRef(as_of, str(known[as_of].snapshot)) for as_of in sorted(known)]

    def read_world(self, snapshot: SnapshotRef) -> WorldFiles:
        """Return a snapshot's files; raises `WorldUnreadableError` where one is damaged."""
        entry = self._opened().find_latest(WORLD, snapshot.as_of)
        if entry is None or str(entry.snapshot) != snapshot.place:
            raise WorldUnreadableError(f"{self.state_dir}: the world of {snapshot.as_of} was pruned meanwhile")
        try:
            contents = self._opened().read_contents(entry.snapshot)
        except HistoryError as error:
            raise WorldUnreadableError(str(error)) from None
        return WorldFiles(snapshot.as_of, contents, entry.files_at, f"archive of {snapshot.as_of:%Y-%m-%dT%H:%M:%SZ}")


def _list_live_runs(state_dir: Path, without: Container[date]) -> list[tuple[datetime, str]]:
    """Return when each live run of a state folder's history was, and the fingerprint of the world that it read."""

    def read() -> pl.DataFrame:
        is_live = (pl.col("source") == "live") & pl.col("state").is_not_null()
        runs = scan_history(state_dir, "runs", without=without)
        return runs.filter(is_live).select("as_of", "world_fingerprint").collect()

    return ask_history(read, state_dir).rows()


class ArchivedInventories(_Archived):
    """The inventories that runs have read."""

    def version_at(self, moment: datetime) -> str:
        """Return the newest inventory that was read not after a moment."""
        entry = self._opened().find_latest(INVENTORY, moment)
        if entry is None:
            raise InventoryError(f"{self.state_dir}: the archive has no inventory of {moment:%Y-%m-%dT%H:%M:%SZ}")
        return str(entry.snapshot)

    def read_version(self, version: str) -> InventoryFiles:
        """Return an archived inventory."""
        return unpack_inventory(self._opened().read_contents(int(version)))

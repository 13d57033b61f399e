"""What a user names as the past, opened: which kind of source it is, and where its inventory comes from."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from flows.errors import HistoryError, SettingsError
from flows.files.scratch import scratch_folder
from flows.ledger.archive import FILE_NAME, INVENTORY, open_archive
from flows.past.archive_source import ArchivedInventories, ArchiveSource
from flows.past.day import Judge, within
from flows.settings import Settings
from flows.sources.snapshots.git_objects import GitObjects
from flows.sources.snapshots.inventories import GitInventories, InventorySource, OneInventory
from flows.sources.snapshots.packed import PackedSource, Packer
from flows.sources.snapshots.tars import find_tars, read_tar_worlds
from flows.sources.snapshots.worlds import FolderSource, GitSource, SnapshotRef, SnapshotSource
from schemas.limits import Limits
from schemas.rules import Rules


@contextmanager
def open_snapshots(source: Path, limits: Limits, zone: tzinfo = UTC) -> Iterator[SnapshotSource]:
    """Give the snapshots of an archive, of a Git repository, of tar archives, or of a folder of folders.

    Tar archives, which cannot be read out of order, are laid down for the time being; of a torn one, what is whole.
    A name without a time zone is in `zone`. Raises `SettingsError` where it is none of them.
    """
    if (source / FILE_NAME).is_file():
        yield ArchiveSource(source)
    elif (source / ".git").exists() or ((source / "objects").is_dir() and (source / "HEAD").is_file()):
        yield GitSource(source, limits)
    elif tars := find_tars(source):
        with scratch_folder() as unpacked:
            yield PackedSource(unpacked, _unpack(tars, unpacked, limits, zone))
    elif source.is_dir():
        yield FolderSource(source, limits, zone)
    else:
        raise SettingsError(f"{source}: no folder, tar archive, Git repository or archive of snapshots")


def find_snapshots(source: SnapshotSource, since: datetime | None, until: datetime | None) -> list[SnapshotRef]:
    """Return the snapshots of a period, the oldest first; raises `SettingsError` where the source has none at all."""
    found = source.list_snapshots()
    if not found:
        expected = "no snapshots: expected folders named by their time, such as 2026-05-27T12:00:00Z"
        raise SettingsError("\n".join([expected, *(f"passed over {problem}" for problem in source.problems)]))
    return within(found, since, until)


def _unpack(tars: list[Path], folder: Path, limits: Limits, zone: tzinfo) -> tuple[str, ...]:
    """Lay down the worlds of tars in a folder; return why some could not be read to their end."""
    try:
        with closing(Packer(folder)) as packer:
            problems = [_unpack_one(tar, packer, limits, zone) for tar in tars]
    except OSError as error:
        raise HistoryError(f"{folder}: the archives cannot be unpacked here: {error.strerror}") from None
    return tuple(problem for problem in problems if problem)


def _unpack_one(tar: Path, packer: Packer, limits: Limits, zone: tzinfo) -> str | None:
    try:
        for world in read_tar_worlds(tar, limits, zone):
            packer.add(world)
    except HistoryError as error:
        return str(error)
    return None


def choose_inventories(settings: Settings, git: Path | None, source: SnapshotSource) -> InventorySource:
    """Return the inventories of a Git repository where one is named, else the archive's, else the settings' one."""
    if git is not None:
        with GitObjects(git) as objects:
            objects.list_commits()
            source.problems = (*source.problems, *objects.problems)
            prefix = objects.find_prefix()
        return GitInventories(git.absolute(), settings.limits, folder=prefix)
    if isinstance(source, ArchiveSource):
        with open_archive(source.state_dir) as archive:
            if archive.list_entries(INVENTORY):
                return ArchivedInventories(source.state_dir)
    return OneInventory(settings.inventory.absolute(), settings.limits)


def make_judge(
    settings: Settings, source: SnapshotSource, inventories: InventorySource, rules: Rules | None = None
) -> Judge:
    """Return what judges the source's snapshots by the settings' rules, or by others."""
    return Judge(source, inventories, rules or settings.rules(), dict(settings.node_alias_map), settings.limits)

"""What a user names as the past, opened: which kind of source it is, and where its inventory comes from."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.errors import SettingsError
from flows.past_day import Judge
from flows.settings import Settings
from flows.sources.archive import FILE_NAME, INVENTORY, open_archive
from flows.sources.git_objects import GitObjects
from flows.sources.past_inventories import ArchivedInventories, GitInventories, InventorySource, OneInventory
from flows.sources.snapshots import ArchiveSource, FolderSource, GitSource, SnapshotSource
from flows.sources.tars import find_tars, unpack_worlds
from schemas.limits import Limits
from schemas.rules import Rules


@contextmanager
def open_snapshots(source: Path, limits: Limits) -> Iterator[SnapshotSource]:
    """Give the snapshots of an archive, of a Git repository, of tar archives, or of a folder of folders.

    Tar archives are unpacked into a temporary folder. Raises `SettingsError` where it is none of them.
    """
    if (source / FILE_NAME).is_file():
        yield ArchiveSource(source)
    elif (source / ".git").exists() or ((source / "objects").is_dir() and (source / "HEAD").is_file()):
        yield GitSource(source)
    elif tars := find_tars(source):
        with tempfile.TemporaryDirectory(prefix="supervisor-") as unpacked:
            for tar in tars:
                unpack_worlds(tar, Path(unpacked), limits)
            yield FolderSource(Path(unpacked), limits)
    elif source.is_dir():
        yield FolderSource(source, limits)
    else:
        raise SettingsError(f"{source}: no folder, tar archive, Git repository or archive of snapshots")


def choose_inventories(settings: Settings, git: Path | None, source: SnapshotSource) -> InventorySource:
    """Return the inventories of a Git repository where one is named, else the archive's, else the one of the settings."""
    if git is not None:
        with GitObjects(git) as objects:
            objects.list_commits()
        return GitInventories(git.absolute(), settings.limits)
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

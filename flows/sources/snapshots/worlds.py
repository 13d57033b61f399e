"""Sources of world snapshots: a folder of folders named by time, tar archives of them, a Git repository.

A source lists its snapshots without reading them, and reads one at a time; it can be sent to another process.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import NamedTuple, Protocol

from flows.errors import WorldUnreadableError
from flows.files.foreign import FileFaultError, MissingFileError
from flows.sources.snapshots.git_objects import GitObjects, OddObjectError
from flows.sources.snapshots.moment_names import parse_moment_name
from flows.sources.world.files import FILES, REQUIRED, WorldFiles, file_limits, read_world_file
from schemas.limits import Limits
from schemas.spoken import count

WORLD_FOLDERS = ("", "world", "state/world")
DEEPEST = 5


class SnapshotRef(NamedTuple):
    """One snapshot that a source has."""

    as_of: datetime
    place: str
    """Where the source finds it; also for messages."""


class SnapshotSource(Protocol):
    """Where snapshots come from."""

    problems: tuple[str, ...]
    """What in it is passed over, and why; known once the snapshots are listed."""

    def list_snapshots(self) -> list[SnapshotRef]:
        """Return the snapshots, the oldest first, one for each moment."""

    def read_world(self, snapshot: SnapshotRef) -> WorldFiles:
        """Return a snapshot's files; raises `WorldUnreadableError` where it cannot be read."""

    def close(self) -> None:
        """Let go of what is open; it opens again when needed."""


@dataclass
class FolderSource:
    """A folder whose folders hold a world each, and say in their path when it was."""

    root: Path
    limits: Limits
    zone: tzinfo = UTC
    """The time zone of names that have none."""
    problems: tuple[str, ...] = ()

    def list_snapshots(self) -> list[SnapshotRef]:
        """Return the snapshots, the oldest first; of two of one moment, the one whose path sorts last."""
        dated = [(path, self._moment_of(path)) for path in _world_folders(self.root)]
        undated = [path for path, moment in dated if moment is None]
        said = f"{count(len(undated), 'world')} whose names say no time, such as {undated[0]}" if undated else ""
        self.problems = (said,) if said else ()
        found = {moment: path for path, moment in dated if moment is not None}
        return [SnapshotRef(moment, str(found[moment])) for moment in sorted(found)]

    def _moment_of(self, path: Path) -> datetime | None:
        return parse_moment_name(path.name if path == self.root else path.relative_to(self.root).as_posix(), self.zone)

    def read_world(self, snapshot: SnapshotRef) -> WorldFiles:
        """Return a snapshot's files; raises `WorldUnreadableError` where one that is needed or there is unreadable."""
        folder = Path(snapshot.place)
        contents: dict[str, bytes] = {}
        newest = datetime.fromtimestamp(0, UTC)
        for name in FILES:
            try:
                content = read_world_file(folder / name, file_limits(name, self.limits))
            except MissingFileError as error:
                if name in REQUIRED:
                    raise WorldUnreadableError(str(error)) from None
                continue
            except FileFaultError as error:
                raise WorldUnreadableError(str(error)) from None
            contents[name] = content.data
            newest = max(newest, content.modified_at)
        return WorldFiles(snapshot.as_of, contents, min(newest, snapshot.as_of), snapshot.place)

    def close(self) -> None:
        """Nothing is open."""


def _world_folders(root: Path) -> Iterator[Path]:
    """Return the folders at or under `root` that hold a world file, by path; no link is followed."""
    for folder, folders, files in os.walk(root):
        folders.sort()
        if len(Path(folder).relative_to(root).parts) >= DEEPEST:
            folders.clear()
        if not set(FILES).isdisjoint(files):
            yield Path(folder)


@dataclass
class GitSource:
    """A repository whose commits hold the world: each commit that changed it is a snapshot of its moment."""

    repository: Path
    limits: Limits
    branch: str = "HEAD"
    folder: str | None = None
    problems: tuple[str, ...] = ()
    _objects: GitObjects | None = None

    def list_snapshots(self) -> list[SnapshotRef]:
        """Return the snapshots, the oldest first; of two commits of one second, the later in the branch."""
        commits = self._opened().list_commits(self.branch)
        problems = list(self._opened().problems)
        found: dict[datetime, str] = {}
        before = None
        for commit in commits:
            try:
                tree = self._tree_of(commit.digest)
            except OddObjectError as error:
                problems.append(f"commit {commit.digest[:12]}: {error}")
                continue
            if tree is not None and tree != before:
                found[commit.committed_at] = f"{commit.digest}:{self.folder or ''}"
                before = tree
        self.problems = tuple(problems)
        return [SnapshotRef(moment, found[moment]) for moment in sorted(found)]

    def _tree_of(self, commit: str) -> tuple[tuple[str, str], ...] | None:
        """Return the world's files in a commit, by name and digest; finds out where the world is, the first time."""
        for folder in WORLD_FOLDERS if self.folder is None else (self.folder,):
            files = self._world_files(f"{commit}:{folder}")
            if files:
                self.folder = folder
                return tuple(files.items())
        return None

    def _world_files(self, tree: str) -> dict[str, str]:
        """Return the digest of each world file of a tree."""
        entries = self._opened().list_tree(tree)
        return {entry.name: entry.digest for entry in entries if entry.is_file and entry.name in FILES}

    def read_world(self, snapshot: SnapshotRef) -> WorldFiles:
        """Return a snapshot's files; raises `WorldUnreadableError` where one is absent, damaged or over its limit."""
        try:
            digests = self._world_files(snapshot.place)
            contents = {name: self._read(name, digest) for name, digest in digests.items()}
        except OddObjectError as error:
            raise WorldUnreadableError(f"{snapshot.place}: {error}") from None
        missing = [name for name in REQUIRED if name not in contents]
        if missing:
            raise WorldUnreadableError(f"{snapshot.place}/{missing[0]}: no such file in this commit")
        return WorldFiles(snapshot.as_of, contents, snapshot.as_of, snapshot.place)

    def _read(self, name: str, digest: str) -> bytes:
        data = self._opened().read(digest, file_limits(name, self.limits).max_world_file_bytes)
        if data is None:
            raise OddObjectError(f"{name}: object {digest[:12]} is absent; is the clone shallow or partial?")
        return data

    def _opened(self) -> GitObjects:
        if self._objects is None:
            self._objects = GitObjects(self.repository)
        return self._objects

    def close(self) -> None:
        """End git."""
        if self._objects is not None:
            self._objects.__exit__(None, None, None)
            self._objects = None

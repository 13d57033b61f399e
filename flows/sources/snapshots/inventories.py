"""The inventory as it was: from a Git repository's commits, or one folder for all times."""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from flows.errors import InventoryError
from flows.sources.inventory.files import (
    HOSTS,
    SERVICES,
    InventoryFiles,
    is_inventory_path,
    is_mark,
    is_near_miss,
    is_stack_folder,
)
from flows.sources.inventory.listing import list_inventory
from flows.sources.snapshots.git_objects import Commit, GitObjects, OddObjectError
from schemas.limits import Limits

_TOP = (HOSTS, SERVICES, "inventory")
MOST_KEPT_BYTES = 256 * 1024 * 1024
"""Of contents that versions may share."""


class InventorySource(Protocol):
    """Where the inventory of a moment comes from."""

    def version_at(self, moment: datetime) -> str:
        """Return what tells the inventory of a moment from others of this source; raises `InventoryError`."""

    def read_version(self, version: str) -> InventoryFiles:
        """Return the files of a version; raises `InventoryError`."""

    def close(self) -> None:
        """Let go of what is open; it opens again when needed."""


@dataclass
class OneInventory:
    """One folder, whatever the moment."""

    root: Path
    limits: Limits

    def version_at(self, moment: datetime) -> str:  # noqa: ARG002 - it is the same at every moment
        """Return the folder."""
        return str(self.root)

    def read_version(self, version: str) -> InventoryFiles:
        """Return the folder's files."""
        return list_inventory(Path(version), self.limits)

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class _Gathered:
    """What of a version is read so far."""

    left_bytes: int
    contents: dict[str, bytes] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    near_misses: set[str] = field(default_factory=set)
    marks: set[str] = field(default_factory=set)


@dataclass
class GitInventories:
    """A repository that holds `hosts/`: a moment's inventory is that of the newest commit not after it.

    An object that is too large, damaged or absent is a fault of the file or the version that needs it, by name.
    """

    repository: Path
    limits: Limits
    branch: str = "HEAD"
    folder: str = ""
    _objects: GitObjects | None = None
    _commits: list[Commit] | None = None
    _blobs: dict[str, bytes] = field(default_factory=dict, repr=False)
    _blob_bytes: int = 0

    def version_at(self, moment: datetime) -> str:
        """Return the digests of the top folders at that moment: commits that changed nothing there are one version."""
        commits = self._listed()
        place = bisect_right(commits, moment, key=lambda commit: commit.committed_at)
        if not place:
            raise InventoryError(f"{self.repository}: no commit is as old as {moment:%Y-%m-%dT%H:%M:%SZ}")
        return self.version_of(commits[place - 1].digest)

    def version_of(self, commit: str) -> str:
        """Return the version that a commit has; raises `InventoryError` where it has no `hosts/`."""
        try:
            entries = self._opened().list_tree(f"{commit}:{self.folder}")
        except OddObjectError as error:
            raise InventoryError(str(error)) from None
        tops = {entry.name: entry.digest for entry in entries if entry.is_folder}
        if HOSTS not in tops:
            raise InventoryError(f"{self.repository}: commit {commit[:12]} has no {HOSTS}/")
        return " ".join(f"{name}={tops[name]}" for name in _TOP if name in tops)

    def _listed(self) -> list[Commit]:
        """Return the commits in order of time; one that a later commit predates, since clocks disagreed, is hidden."""
        if self._commits is None:
            kept: list[Commit] = []
            for commit in self._opened().list_commits(self.branch):
                while kept and kept[-1].committed_at >= commit.committed_at:
                    kept.pop()
                kept.append(commit)
            self._commits = kept
        return self._commits

    def read_version(self, version: str) -> InventoryFiles:
        """Return the files of a version; a content that several versions share is read once."""
        found = _Gathered(self.limits.max_inventory_bytes)
        for top, digest in (part.split("=") for part in version.split()):
            try:
                self._gather(top, digest, found)
            except OddObjectError as error:
                raise InventoryError(str(error)) from None
        return InventoryFiles(
            found.contents,
            found.unreadable,
            frozenset(found.folders),
            frozenset(found.near_misses),
            str(self.repository),
            frozenset(found.marks),
        )

    def _gather(self, path: str, digest: str, found: _Gathered) -> None:
        entries = self._opened().list_tree(digest)
        if len(entries) > self.limits.max_records:
            raise InventoryError(f"{self.repository}: {path}/ has {len(entries)} entries, over limits.max_records")
        for entry in entries:
            inner = f"{path}/{entry.name}"
            is_inner = path in {HOSTS, SERVICES} or (is_stack_folder(inner) and not is_inventory_path(inner))
            if entry.is_folder and is_inner and not entry.name.startswith("."):
                found.folders |= {inner} if path == HOSTS else set()
                self._gather_folder(inner, entry.digest, found)
            elif is_inventory_path(inner) and entry.is_file:
                self._gather_file(inner, entry.digest, found)
            elif is_inventory_path(inner):
                found.unreadable[inner] = "a symbolic link or a folder, which is not followed; commit the file itself"
            elif is_near_miss(inner):
                found.near_misses.add(inner)
            elif is_mark(inner):
                found.marks.add(inner)

    def _gather_folder(self, path: str, digest: str, found: _Gathered) -> None:
        try:
            self._gather(path, digest, found)
        except OddObjectError as error:
            found.unreadable[path] = str(error)

    def _gather_file(self, path: str, digest: str, found: _Gathered) -> None:
        try:
            data = self._blob(digest)
        except OddObjectError as error:
            found.unreadable[path] = str(error)
            return
        # A repository of 300 kB can name one content a hundred thousand times.
        found.left_bytes -= len(data)
        if found.left_bytes < 0:
            raise InventoryError(f"{self.repository}: its files together are over limits.max_inventory_bytes")
        found.contents[path] = data

    def _blob(self, digest: str) -> bytes:
        if digest not in self._blobs:
            data = self._opened().read(digest, self.limits.max_inventory_file_bytes)
            if data is None:
                raise OddObjectError(f"object {digest[:12]} is absent; is the clone shallow or partial?")
            self._remember(digest, data)
        return self._blobs[digest]

    def _remember(self, digest: str, data: bytes) -> None:
        """Keep a content for the versions that share it; what was read first is forgotten where there is too much."""
        self._blobs[digest] = data
        self._blob_bytes += len(data)
        while self._blob_bytes > MOST_KEPT_BYTES and len(self._blobs) > 1:
            self._blob_bytes -= len(self._blobs.pop(next(iter(self._blobs))))

    def _opened(self) -> GitObjects:
        if self._objects is None:
            self._objects = GitObjects(self.repository)
        return self._objects

    def close(self) -> None:
        """End git."""
        if self._objects is not None:
            self._objects.__exit__(None, None, None)
            self._objects = None

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
    is_near_miss,
    list_inventory,
)
from flows.sources.snapshots.git_objects import Commit, GitObjects
from schemas.limits import Limits

_TOP = (HOSTS, SERVICES, "inventory")


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
class GitInventories:
    """A repository that holds `hosts/`: a moment's inventory is that of the newest commit not after it."""

    repository: Path
    limits: Limits
    branch: str = "HEAD"
    folder: str = ""
    _objects: GitObjects | None = None
    _commits: list[Commit] | None = None
    _blobs: dict[str, bytes] = field(default_factory=dict, repr=False)

    def version_at(self, moment: datetime) -> str:
        """Return the digests of the top folders at that moment: commits that changed nothing there are one version."""
        commits = self._listed()
        place = bisect_right(commits, moment, key=lambda commit: commit.committed_at)
        if not place:
            raise InventoryError(f"{self.repository}: no commit is as old as {moment:%Y-%m-%dT%H:%M:%SZ}")
        return self.version_of(commits[place - 1].digest)

    def version_of(self, commit: str) -> str:
        """Return the version that a commit has; raises `InventoryError` where it has no `hosts/`."""
        root = f"{commit}:{self.folder}"
        tops = {entry.name: entry.digest for entry in self._opened().list_tree(root) if entry.is_folder}
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
        contents: dict[str, bytes] = {}
        unreadable: dict[str, str] = {}
        folders: set[str] = set()
        near_misses: set[str] = set()
        for top, digest in (part.split("=") for part in version.split()):
            self._gather(top, digest, contents, unreadable, folders, near_misses)
        return InventoryFiles(contents, unreadable, frozenset(folders), frozenset(near_misses), str(self.repository))

    def _gather(
        self,
        path: str,
        digest: str,
        contents: dict[str, bytes],
        unreadable: dict[str, str],
        folders: set[str],
        near_misses: set[str],
    ) -> None:
        for entry in self._opened().list_tree(digest):
            inner = f"{path}/{entry.name}"
            if entry.is_folder and path in {HOSTS, SERVICES} and not entry.name.startswith("."):
                folders |= {inner} if path == HOSTS else set()
                self._gather(inner, entry.digest, contents, unreadable, folders, near_misses)
            elif is_inventory_path(inner) and entry.is_file:
                data = self._blob(entry.digest)
                if len(data) > self.limits.max_inventory_file_bytes:
                    unreadable[inner] = f"{len(data)} bytes, over the limit of {self.limits.max_inventory_file_bytes}"
                else:
                    contents[inner] = data
            elif is_inventory_path(inner):
                unreadable[inner] = "a symbolic link or a folder, which is not followed; commit the file itself"
            elif is_near_miss(inner):
                near_misses.add(inner)

    def _blob(self, digest: str) -> bytes:
        if digest not in self._blobs:
            data = self._opened().read(digest)
            if data is None:
                raise InventoryError(f"{self.repository}: object {digest} is absent; is the clone shallow or partial?")
            self._blobs[digest] = data
        return self._blobs[digest]

    def _opened(self) -> GitObjects:
        if self._objects is None:
            self._objects = GitObjects(self.repository)
        return self._objects

    def close(self) -> None:
        """End git."""
        if self._objects is not None:
            self._objects.__exit__(None, None, None)
            self._objects = None

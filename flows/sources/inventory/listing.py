"""The files of an inventory in a folder: all of them as they were at one moment, and a look that tells whether they changed."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from flows.errors import InventoryError
from flows.files.foreign import (
    FileFaultError,
    MissingFileError,
    OpenFolders,
    Stamp,
    explain_os_error,
    find_folder_fault,
    is_folder,
    read_file_in,
    stamp_file,
)
from flows.sources.inventory.files import (
    COMPOSE_FILES,
    HOSTS,
    SERVICES,
    InventoryFiles,
    is_inventory_path,
    is_mark,
    is_near_miss,
    is_stack_folder,
)
from flows.sources.names import quote
from schemas.limits import Limits

HELD_BYTES = 16 * 1024 * 1024
"""Of a larger inventory not all files are held in memory, but read again where they are asked for."""
Take = Callable[[Mapping[str, bytes]], Iterable[str]]
"""Is given files as they are read, and returns the paths of those whose bytes it needs no more."""


class InventoryLook(NamedTuple):
    """What can be told of an inventory without reading a file; two looks that differ, differ in content, as a rule."""

    stamps: Mapping[str, Stamp | None]
    unreadable: Mapping[str, str]
    folders: frozenset[str]
    near_misses: frozenset[str]
    marks: frozenset[str]


def take_none(files: Mapping[str, bytes]) -> Iterable[str]:  # noqa: ARG001 - of any
    """Take no file."""
    return ()


def list_inventory(root: Path, limits: Limits) -> InventoryFiles:
    """Return the files of the inventory in a folder; see `list_and_look`."""
    return list_and_look(root, limits)[0]


def list_and_look(root: Path, limits: Limits, take: Take = take_none) -> tuple[InventoryFiles, InventoryLook]:
    """Return the files of the inventory in a folder, all of them as they were at one moment: behind the last read.

    No link is followed below the folder. The look has the stamp that each file was read with. `take` is offered the
    files as soon as they have more than `HELD_BYTES`, and again where they change meanwhile. Raises `InventoryError`
    where there is no `hosts/` folder that can be listed, or the files change faster than they can be read.
    """
    for _ in range(limits.max_read_rounds):
        files, look = _Listing(root, limits).read(take)
        if look_at_inventory(root, limits).stamps == look.stamps:
            return files, look
    raise InventoryError(f"{root}: its files change while they are read; try again when the checkout is complete")


def look_at_inventory(root: Path, limits: Limits) -> InventoryLook:
    """Return the stamps of an inventory's files; raises `InventoryError` where `hosts/` cannot be listed."""
    return _Listing(root, limits).look()


def _leads_to_stack(link: str) -> bool:
    return any(os.path.lexists(f"{link}/{name}") for name in COMPOSE_FILES)


class _Held:
    """The bytes of files that were read, and are not taken."""

    def __init__(self, take: Take) -> None:
        self.contents: dict[str, bytes] = {}
        self.taken: dict[str, int] = {}
        self._take = take
        self._fresh: dict[str, bytes] = {}
        self._fresh_bytes = 0

    def add(self, path: str, data: bytes) -> None:
        self._fresh[path] = self.contents[path] = data
        self._fresh_bytes += len(data)
        if self._fresh_bytes > HELD_BYTES:
            for taken in self._take(self._fresh):
                self.taken[taken] = len(self.contents.pop(taken))
            self._fresh, self._fresh_bytes = {}, 0


class _Listing:
    """The paths that are there at one moment."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self.root = root
        self.limits = limits
        self.paths: dict[str, str] = {}
        """Those of files that are read, and of each where it is."""
        self.unreadable: dict[str, str] = {}
        self.folders: set[str] = set()
        self.near_misses: set[str] = set()
        self.marks: set[str] = set()
        self._list_hosts()
        self._list_folders_of(SERVICES)
        self._list_files("inventory", self._scan_top("inventory"))

    def look(self) -> InventoryLook:
        stamps = {path: stamp_file(where) for path, where in self.paths.items()}
        return InventoryLook(stamps, self.unreadable, *self._names())

    def read(self, take: Take) -> tuple[InventoryFiles, InventoryLook]:
        """Read every file that was found, and look at each as it is read."""
        held = _Held(take)
        stamps: dict[str, Stamp | None] = {}
        unreadable = dict(self.unreadable)
        left_bytes, most_bytes = self.limits.max_inventory_bytes, self.limits.max_inventory_file_bytes
        setting = self.limits.setting_of("max_inventory_file_bytes")
        with OpenFolders(self.root) as folders:
            for path in sorted(self.paths):
                try:
                    data, stamps[path] = read_file_in(folders, path, max_bytes=most_bytes, setting=setting)
                except FileFaultError as error:
                    stamps[path] = stamp_file(self.paths[path])
                    if not isinstance(error, MissingFileError):
                        unreadable[path] = error.problem
                    continue
                left_bytes -= len(data)
                if left_bytes < 0:
                    raise InventoryError(
                        f"{self.root}: its files have more than {self.limits.max_inventory_bytes} bytes together; remove"
                        " some, or raise limits.max_inventory_bytes"
                    )
                held.add(path, data)
        folders_there, near_misses, marks = self._names()
        source = str(self.root)
        files = InventoryFiles(held.contents, unreadable, folders_there, near_misses, source, marks, held.taken)
        return files, InventoryLook(stamps, self.unreadable, folders_there, near_misses, marks)

    def _names(self) -> Iterator[frozenset[str]]:
        return (frozenset(names) for names in (self.folders, self.near_misses, self.marks))

    def _list_hosts(self) -> None:
        if fault := find_folder_fault(self.root / HOSTS):
            how = "with --inventory, or as inventory in supervisor.yaml"
            below = [path.parent.name for path in sorted(self.root.glob(f"*/{HOSTS}")) if is_folder(path)][:3]
            there = f" ({' and '.join(map(quote, below))} in it would do)" if below else ""
            raise InventoryError(f"{self.root / HOSTS}: {fault}; name the folder that holds {HOSTS}/{there} {how}")
        self._list_folders_of(HOSTS)
        if HOSTS in self.unreadable:
            raise InventoryError(f"{self.root / HOSTS}: {self.unreadable[HOSTS]}")

    def _list_folders_of(self, parent: str) -> None:
        for entry in self._scan_top(parent):
            path = f"{parent}/{entry.name}"
            if entry.name.startswith("."):
                continue
            if entry.is_symlink():
                self._refuse_link(path)
            elif entry.is_dir(follow_symlinks=False):
                self.folders |= {path} if parent == HOSTS else set()
                self._list_files(path, self._scan(path))

    def _refuse_link(self, path: str) -> None:
        """Refuse a link in place of a folder; one to a file (a README, say) is nothing that would be read."""
        link = self.root / path
        try:
            if not link.is_file():
                problem = f"a symbolic link to {quote(str(link.readlink()))}, which is not followed"
                self.unreadable[path] = f"{problem}; put the folder itself there"
        except OSError as error:
            self.unreadable[path] = explain_os_error(link, error).problem

    def _list_files(self, folder: str, entries: Iterable[os.DirEntry[str]]) -> None:
        for entry in entries:
            path = f"{folder}/{entry.name}"
            if is_inventory_path(path):
                self.paths[path] = entry.path
            elif is_near_miss(path):
                self.near_misses.add(path)
            elif is_mark(path):
                self.marks.add(path)
            elif is_stack_folder(path) and entry.is_dir(follow_symlinks=False):
                self._list_files(path, self._scan(path))
            elif is_stack_folder(path) and entry.is_symlink() and _leads_to_stack(entry.path):
                self._refuse_link(path)

    def _scan_top(self, folder: str) -> Sequence[os.DirEntry[str]]:
        """Return what is in a folder that may itself be a link."""
        with suppress(OSError):  # which the scan meets as well
            if (self.root / folder).is_symlink():
                self._refuse_link(folder)
                return ()
        return self._scan(folder)

    def _scan(self, folder: str) -> Sequence[os.DirEntry[str]]:
        path = f"{self.root}/{folder}"
        try:
            with os.scandir(path) as entries:
                found = sorted(entries, key=attrgetter("name"))
        except OSError as error:
            fault = explain_os_error(Path(path), error)
            if not isinstance(fault, MissingFileError):
                self.unreadable[folder] = fault.problem
            return ()
        if len(found) > self.limits.max_records:
            raise InventoryError(
                f"{path}: {len(found)} entries, over the limit of {self.limits.max_records}; remove some, or raise"
                " limits.max_records"
            )
        return found

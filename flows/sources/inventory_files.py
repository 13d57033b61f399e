"""Which files an inventory has, and their bytes: from a folder here, from a commit or an archive just as well."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from flows.errors import InventoryError
from flows.sources.names import quote
from flows.sources.safe_file import FileFaultError, MissingFileError, Stamp, explain_os_error, read_file, stamp_file
from schemas.limits import Limits

HOSTS = "hosts"
SERVICES = "services"
TOPOLOGY = "inventory/topology.yaml"
NODE_FILES = ("services.yaml", "capabilities.yaml")
SERVICE_FILE = "service.yaml"


class InventoryFiles(NamedTuple):
    """An inventory's files; every path is relative to it, with forward slashes."""

    contents: Mapping[str, bytes]
    """The bytes of each file that `is_inventory_path` accepts."""
    unreadable: Mapping[str, str] = {}
    """The problem of each file or folder that is there and could not be read."""
    folders: frozenset[str] = frozenset()
    """The paths of folders under `hosts/`, which are nodes even without a file; those of the files need not be here."""
    near_misses: frozenset[str] = frozenset()
    """Files that are not read, and are named almost like one that is."""
    source: str = ""
    """Where it comes from, for messages."""


def is_inventory_path(path: str) -> bool:
    """Return whether the file at this path is one that is read."""
    if path == TOPOLOGY:
        return True
    parts = PurePosixPath(path).parts
    if len(parts) != 3 or parts[1].startswith("."):
        return False
    return (parts[0] == HOSTS and parts[2] in NODE_FILES) or (parts[0] == SERVICES and parts[2] == SERVICE_FILE)


def is_near_miss(path: str) -> bool:
    """Return whether the file at this path would be read, were its name in lower case with the ending `.yaml`."""
    folder, _, name = path.rpartition("/")
    meant = name.lower().removesuffix(".yml").removesuffix(".yaml") + ".yaml"
    return name != meant and name.lower().endswith((".yml", ".yaml")) and is_inventory_path(f"{folder}/{meant}")


def list_inventory(root: Path, limits: Limits) -> InventoryFiles:
    """Return the files of the inventory in a folder, none of which changed between the first and the last read.

    No link is followed below the folder. Raises `InventoryError` where there is no `hosts/` folder that can be listed, or
    the files change faster than they can be read.
    """
    for _ in range(limits.max_read_rounds):
        before = _Listing(root, limits)
        files = before.read(limits)
        if _Listing(root, limits).stamps == before.stamps:
            return files
    raise InventoryError(f"{root}: its files change while they are read; try again when the checkout is complete")


class _Listing:
    """The paths that are there at one moment, with their stamps, before any file is read."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self.root = root
        self.limits = limits
        self.stamps: dict[str, Stamp | None] = {}
        self.unreadable: dict[str, str] = {}
        self.folders: set[str] = set()
        self.near_misses: set[str] = set()
        self._list_hosts()
        self._list_folders_of(SERVICES)
        self._list_files("inventory")

    def read(self, limits: Limits) -> InventoryFiles:
        """Read every file that was found."""
        contents: dict[str, bytes] = {}
        unreadable = dict(self.unreadable)
        for path in sorted(self.stamps):
            try:
                contents[path] = read_file(
                    Path(path), max_bytes=limits.max_inventory_file_bytes, root=self.root
                ).data
            except MissingFileError:
                continue
            except FileFaultError as error:
                unreadable[path] = error.problem
        return InventoryFiles(
            contents, unreadable, frozenset(self.folders), frozenset(self.near_misses), str(self.root)
        )

    def _list_hosts(self) -> None:
        if not (self.root / HOSTS).is_dir():
            raise InventoryError(f"{self.root / HOSTS}: no such folder; name the folder that holds {HOSTS}/")
        self._list_folders_of(HOSTS)
        if HOSTS in self.unreadable:
            raise InventoryError(f"{self.root / HOSTS}: {self.unreadable[HOSTS]}")

    def _list_folders_of(self, parent: str) -> None:
        for entry in self._scan(parent):
            path = f"{parent}/{entry.name}"
            if entry.name.startswith(".") or not entry.is_dir():
                if entry.is_symlink() and not entry.name.startswith(".") and not Path(entry.path).exists():
                    self._refuse_link(path)
            elif entry.is_symlink():
                self._refuse_link(path)
            else:
                self.folders |= {path} if parent == HOSTS else set()
                self._list_files(path)

    def _refuse_link(self, path: str) -> None:
        target = quote(os.readlink(self.root / path))
        self.unreadable[path] = f"a symbolic link to {target}, which is not followed; put the folder itself there"

    def _list_files(self, folder: str) -> None:
        for entry in self._scan(folder):
            path = f"{folder}/{entry.name}"
            if is_inventory_path(path):
                self.stamps[path] = stamp_file(self.root / path)
            elif is_near_miss(path):
                self.near_misses.add(path)

    def _scan(self, folder: str) -> Iterator[os.DirEntry[str]]:
        path = self.root / folder
        try:
            if path.is_symlink():
                self._refuse_link(folder)
                return
            with os.scandir(path) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            fault = explain_os_error(path, error)
            if not isinstance(fault, MissingFileError):
                self.unreadable[folder] = fault.problem
            return
        if len(found) > self.limits.max_records:
            raise InventoryError(f"{path}: {len(found)} entries, over the limit of {self.limits.max_records}")
        yield from found

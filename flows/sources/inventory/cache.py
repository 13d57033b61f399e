"""What is known of one inventory: in this process, and in a folder for the next one.

Two questions are asked of it. Do all files have the stamps that they had, as Git's index asks (device, inode, size, and
the times of the last write and of the last change, to the nanosecond)? Then the desired state is the one that they came
to. Does a file say what some file said before? Then it is not parsed again (`known_files`). It holds nothing that cannot be
had again: what is missing, spoiled or not ours to write is a slower run, and no fault.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from flows.errors import InventoryError
from flows.sources.fingerprint import inventory_fingerprint
from flows.sources.inventory.cache_file import SealedFile, frame_of_bytes, frame_to_bytes
from flows.sources.inventory.files import InventoryFiles
from flows.sources.inventory.listing import InventoryLook, list_inventory
from schemas.desired import (
    ContainerName,
    Dependency,
    Desired,
    DesiredNode,
    DesiredService,
    ListedService,
    MaintenanceWindow,
)
from schemas.frame import refusals
from schemas.limits import Limits
from schemas.link import CycleMember
from schemas.rejected import Unread
from schemas.rules import Rules

if TYPE_CHECKING:
    from flows.sources.inventory.known_files import KnownFiles

BESIDE_ROWS = 200_000
"""Fewer rows are written before a thread has begun."""
RULES = Rules()
_DESIRED = dict(
    zip(
        Desired._fields,
        (DesiredNode, DesiredService, Dependency, Unread, ListedService, ContainerName, MaintenanceWindow, CycleMember),
        strict=True,
    )
)


class KeptInventory(NamedTuple):
    """The desired state, its fingerprint, and how to have the files that it was read from."""

    desired: Desired
    fingerprint: str
    read_files: Callable[[], InventoryFiles]
    """Raises `InventoryError` where they are not those any more."""


class InventoryCache:
    """What is known of one inventory under some limits and rules; other ones find nothing in the same folder."""

    def __init__(
        self,
        inventory: Path,
        limits: Limits,
        rules: Rules = RULES,
        folder: Path | None = None,
        *,
        is_writable: bool = True,
    ) -> None:
        """Read nothing yet. The folder is this user's alone; without one, what is known ends with the process."""
        self.inventory, self.limits, self.rules = inventory, limits, rules
        self._seen_file, self._pack_file = (
            SealedFile(folder, inventory, ending, limits, rules, is_writable=is_writable) if folder else None
            for ending in ("seen", "pack")
        )
        self._look = b""
        self._kept: KeptInventory | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._is_writing_beside = False

    @contextmanager
    def writing_beside(self) -> Iterator[None]:
        """Let a thread write what is much of what is found in this block to the folder; it is there when the block ends."""
        with ThreadPoolExecutor(1) as threads:
            self._threads, self._is_writing_beside = threads, False
            try:
                yield
            finally:
                self._threads = None

    @cached_property
    def files(self) -> "KnownFiles":
        """What is known of single files; only who finds that one of them changed asks, and imports all that parses."""
        from flows.sources.inventory.known_files import KnownFiles

        return KnownFiles(self.limits, self.rules, self._pack_file, self._write)

    def find_same_stamps(self, look_now: Callable[[], InventoryLook]) -> KeptInventory | None:
        """Return what the inventory came to, where it looks as it did then; without anything known it is not looked at."""
        if self._kept is None:
            self._look, self._kept = self._load_seen()
        if self._kept is not None and self._look != _digest_look(look_now()):
            self._kept = None
        return self._kept

    def keep_stamps(self, look: InventoryLook, kept: KeptInventory) -> None:
        """Keep what an inventory that looks so came to."""
        self._look, self._kept = _digest_look(look), kept
        if self._seen_file is not None:
            more = {"look": self._look, "fingerprint": kept.fingerprint.encode()}
            frames = {name: frame for name, frame in kept.desired._asdict().items() if frame is not None}
            self._write(self._seen_file, frames, more)

    def read_again(self, fingerprint: str) -> InventoryFiles:
        """Return the files that had this fingerprint; raises `InventoryError` where they are not those any more."""
        files = list_inventory(self.inventory, self.limits)
        if inventory_fingerprint(files) != fingerprint:
            raise InventoryError(f"{self.inventory}: changed during the run")
        return files

    def _write(self, file: SealedFile, frames: Mapping[str, pl.DataFrame], more: Mapping[str, bytes]) -> None:
        if not file.is_writable:
            return
        write = partial(_write_frames, file, frames, more)
        is_large = sum(frame.height for frame in frames.values()) > BESIDE_ROWS
        # One after the other: each write sweeps away what of this process it finds begun.
        if self._threads is not None and (is_large or self._is_writing_beside):
            try:
                self._threads.submit(write)
            except RuntimeError:  # no thread can be had
                write()
            else:
                self._is_writing_beside = True
        else:
            write()

    def _load_seen(self) -> tuple[bytes, KeptInventory | None]:
        parts = self._seen_file.read() if self._seen_file else None
        if parts is None:
            return b"", None
        try:
            frames = {
                name: schema.validate(frame_of_bytes(parts[name]), lazy=True)
                for name, schema in _DESIRED.items()
                if name in parts
            }
            desired = Desired(**frames)  # type: ignore[arg-type]
        except refusals(pl.exceptions.PolarsError, TypeError, OSError):
            return b"", None
        fingerprint = bytes(parts["fingerprint"]).decode()
        kept = KeptInventory(desired, fingerprint, partial(self.read_again, fingerprint))
        return bytes(parts["look"]), kept


def _write_frames(file: SealedFile, frames: Mapping[str, pl.DataFrame], more: Mapping[str, bytes]) -> None:
    file.write({**{name: frame_to_bytes(frame) for name, frame in frames.items()}, **more})


def _digest_look(look: InventoryLook) -> bytes:
    """Return the same for two looks between which nothing changed."""
    parts = (
        [(path, *(stamp or ())) for path, stamp in sorted(look.stamps.items())],  # a plain tuple is spelled faster
        sorted(look.unreadable.items()),
        sorted(look.folders),
        sorted(look.near_misses),
        sorted(look.marks),
    )
    return sha256(repr(parts).encode("utf-8", "surrogateescape")).digest()

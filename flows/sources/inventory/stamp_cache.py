"""The desired state that an inventory came to, for the next process that finds each of its files with the same stamp.

As Git's index does, it trusts what the file system says of a file: device, inode, size, and the times of the last
write and of the last change, to the nanosecond.
"""

from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pandera.errors
import polars as pl

from flows.sources.inventory.cache_file import SealedFile, frame_of_bytes, frame_to_bytes
from flows.sources.inventory.files import InventoryLook
from schemas.desired import (
    ContainerName,
    Dependency,
    Desired,
    DesiredNode,
    DesiredService,
    ListedService,
    MaintenanceWindow,
)
from schemas.limits import Limits
from schemas.rejected import Unread
from schemas.rules import Rules

RULES = Rules()
_SCHEMAS = dict(
    zip(
        Desired._fields,
        (DesiredNode, DesiredService, Dependency, Unread, ListedService, ContainerName, MaintenanceWindow),
        strict=True,
    )
)


class SeenInventory(NamedTuple):
    """The desired state of an inventory that was looked at, and the fingerprint of its files."""

    look: bytes
    """The digest of the look."""
    desired: Desired
    fingerprint: str


class LookCache:
    """The cache of one inventory in a folder that is this user's alone."""

    def __init__(
        self, folder: Path, inventory: Path, limits: Limits, rules: Rules = RULES, *, is_writable: bool = True
    ) -> None:
        """Say where it is; nothing is read or made yet."""
        self._file = SealedFile(folder, inventory, "seen", limits, rules, is_writable=is_writable)

    def load(self) -> SeenInventory | None:
        """Return what was kept, or None where there is nothing that can be used."""
        parts = self._file.read()
        if parts is None:
            return None
        try:
            frames = [schema.validate(frame_of_bytes(parts[name]), lazy=True) for name, schema in _SCHEMAS.items()]
        except (pl.exceptions.PolarsError, pandera.errors.SchemaErrors, KeyError, OSError):
            return None
        return SeenInventory(bytes(parts["look"]), Desired._make(frames), bytes(parts["fingerprint"]).decode())

    def save(self, seen: SeenInventory) -> bool:
        """Keep it in place of what was there; return whether that could be done."""
        frames = {name: frame_to_bytes(frame) for name, frame in seen.desired._asdict().items()}
        return self._file.write({**frames, "look": seen.look, "fingerprint": seen.fingerprint.encode()})


def digest_look(look: InventoryLook) -> bytes:
    """Return the same for two looks between which nothing changed."""
    parts = (
        sorted(look.stamps.items()),
        sorted(look.unreadable.items()),
        sorted(look.folders),
        sorted(look.near_misses),
        sorted(look.marks),
    )
    return sha256(repr(parts).encode("utf-8", "surrogateescape")).digest()

"""The inventory for a process that reads it again and again: unchanged, it costs a look at its files' stamps."""

import time
from pathlib import Path
from typing import NamedTuple

from flows.sources.fingerprint import inventory_fingerprint
from flows.sources.inventory import build_desired
from flows.sources.inventory_files import InventoryFiles, InventoryLook, list_and_look, look_at_inventory
from flows.sources.inventory_memory import InventoryMemory
from flows.sources.parse_cache import ParseCache
from schemas.desired import Desired
from schemas.limits import Limits

SETTLED_NS = 2_000_000_000
"""A file that changed less than this before it was looked at may change again without a sign in its stamp."""


class KeptInventory(NamedTuple):
    """The desired state, the files that it was read from, and their fingerprint."""

    desired: Desired
    files: InventoryFiles
    fingerprint: str


class InventoryKeeper:
    """Reads one inventory; what it returned is returned again while no file has changed."""

    def __init__(self, root: Path, limits: Limits, cache: ParseCache | None = None) -> None:
        """Read nothing yet."""
        self._root = root
        self._limits = limits
        self._cache = cache
        self._memory: InventoryMemory | None = None
        self._seen: InventoryLook | None = None
        self._kept: KeptInventory | None = None

    def read(self) -> KeptInventory:
        """Return the inventory as it is now; raises `InventoryError` as `read_inventory` does."""
        if self._kept is not None and self._seen == look_at_inventory(self._root, self._limits):
            return self._kept
        self._kept = None
        looked_ns = time.time_ns()
        files, self._seen = list_and_look(self._root, self._limits)
        if self._memory is None:
            self._memory = InventoryMemory(self._limits, self._cache)
        desired = build_desired(files, self._limits, memory=self._memory)
        kept = KeptInventory(desired, files, inventory_fingerprint(files.contents))
        if is_settled(self._seen, looked_ns):
            self._kept = kept
        return kept


def is_settled(look: InventoryLook, looked_ns: int) -> bool:
    """Return whether a later change of any file must show in its stamp: each changed a while before the look.

    The time that the kernel puts on a change moves in ticks, so that two changes within one look the same.
    """
    stamps = [stamp for stamp in look.stamps.values() if stamp is not None]
    return all(max(stamp.changed_ns, stamp.modified_ns) < looked_ns - SETTLED_NS for stamp in stamps)

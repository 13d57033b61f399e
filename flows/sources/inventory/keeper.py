"""The inventory for whoever reads it again and again: unchanged, it costs a look at its files' stamps."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from flows.errors import InventoryError
from flows.sources.fingerprint import inventory_fingerprint
from flows.sources.inventory.content_cache import ParseCache
from flows.sources.inventory.desired import build_desired
from flows.sources.inventory.files import (
    InventoryFiles,
    InventoryLook,
    list_and_look,
    list_inventory,
    look_at_inventory,
)
from flows.sources.inventory.memory import InventoryMemory
from flows.sources.inventory.stamp_cache import LookCache, SeenInventory, digest_look
from schemas.desired import Desired
from schemas.limits import Limits
from schemas.rules import Rules

RULES = Rules()
SETTLED_NS = 2_000_000_000
"""A file that changed less than this before it was looked at may change again without a sign in its stamp."""


class KeptInventory(NamedTuple):
    """The desired state, its fingerprint, and how to have the files that it was read from."""

    desired: Desired
    fingerprint: str
    read_files: Callable[[], InventoryFiles]
    """Raises `InventoryError` where they are not those any more."""


class InventoryKeeper:
    """Reads one inventory; what it came to is returned again while no file has changed, by another process as well."""

    def __init__(
        self,
        root: Path,
        limits: Limits,
        cache: ParseCache | None = None,
        seen: LookCache | None = None,
        rules: Rules = RULES,
    ) -> None:
        """Read nothing yet; the caches are of the same limits and rules."""
        self._root = root
        self._limits = limits
        self._rules = rules
        self._cache = cache
        self._seen_cache = seen
        self._memory: InventoryMemory | None = None
        self._seen = b""
        self._kept: KeptInventory | None = None

    def read(self) -> KeptInventory:
        """Return the inventory as it is now; raises `InventoryError` as `read_inventory` does."""
        if self._kept is None:
            self._recall()
        if self._kept is not None and self._seen == digest_look(look_at_inventory(self._root, self._limits)):
            return self._kept
        self._kept = None
        looked_ns = time.time_ns()
        files, look = list_and_look(self._root, self._limits)
        if self._memory is None:
            self._memory = InventoryMemory(self._limits, self._cache, self._rules)
        desired = build_desired(files, self._limits, memory=self._memory, rules=self._rules)
        kept = KeptInventory(desired, inventory_fingerprint(files), lambda: files)
        # A read that failed may succeed the next time, without a sign in any stamp.
        if is_settled(look, looked_ns) and files.unreadable == look.unreadable:
            self._keep(kept, look)
        return kept

    def _recall(self) -> None:
        seen = self._seen_cache.load() if self._seen_cache else None
        if seen is not None:
            self._seen = seen.look
            read_files = partial(self._read_again, seen.fingerprint)
            self._kept = KeptInventory(seen.desired, seen.fingerprint, read_files)

    def _read_again(self, fingerprint: str) -> InventoryFiles:
        files = list_inventory(self._root, self._limits)
        if inventory_fingerprint(files) != fingerprint:
            raise InventoryError(f"{self._root}: changed during the run")
        return files

    def _keep(self, kept: KeptInventory, look: InventoryLook) -> None:
        self._kept, self._seen = kept, digest_look(look)
        if self._seen_cache is not None:
            self._seen_cache.save(SeenInventory(self._seen, kept.desired, kept.fingerprint))


def is_settled(look: InventoryLook, looked_ns: int) -> bool:
    """Return whether a later change of any file must show in its stamp: each changed a while before the look.

    The time that the kernel puts on a change moves in ticks, so that two changes within one look the same.
    """
    stamps = [stamp for stamp in look.stamps.values() if stamp is not None]
    return all(max(stamp.changed_ns, stamp.modified_ns) < looked_ns - SETTLED_NS for stamp in stamps)

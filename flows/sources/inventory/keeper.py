"""The inventory for whoever reads it again and again: unchanged, it costs a look at its files' stamps."""

import time
from collections.abc import Callable
from functools import partial

from flows.files.processes import give_memory_back, uncollected
from flows.sources.fingerprint import inventory_fingerprint
from flows.sources.inventory.cache import InventoryCache, KeptInventory
from flows.sources.inventory.listing import HELD_BYTES, InventoryLook, list_and_look, look_at_inventory
from schemas.desired import Desired

SETTLED_NS = 2_000_000_000
"""A file that changed less than this before it was looked at may change again without a sign in its stamp."""


def read_kept_inventory(
    cache: InventoryCache,
    announce: Callable[[], object] = lambda: None,
    complete: Callable[[Desired], Desired] = lambda desired: desired,
) -> KeptInventory:
    """Return the inventory as it is now; raises `InventoryError` as `read_inventory` does.

    What it came to is returned again while no file has changed, by another process as well. `announce` is called before
    it is read anew; `complete` adds what is to be kept with it.
    """
    root, limits = cache.inventory, cache.limits
    known = cache.find_same_stamps(partial(look_at_inventory, root, limits))
    if known is not None:
        return known
    announce()
    from flows.sources.inventory.desired import build_desired  # with all that parses, which nothing else needs

    looked_ns = time.time_ns()
    with uncollected():
        files, look = list_and_look(root, limits, cache.files.take)
        desired = build_desired(files, limits, cache=cache, rules=cache.rules)
    kept = KeptInventory(desired, inventory_fingerprint(files, cache.files.digests), lambda: files)
    # A read that failed may succeed the next time, without a sign in any stamp.
    is_kept = is_settled(look, looked_ns) and files.unreadable == look.unreadable
    if files.count_bytes() > HELD_BYTES:
        kept = kept._replace(read_files=partial(cache.read_again, kept.fingerprint))
        del files
        give_memory_back()
    if not is_kept:
        return kept
    kept = kept._replace(desired=complete(kept.desired))
    cache.keep_stamps(look, kept)
    return kept


def is_settled(look: InventoryLook, looked_ns: int) -> bool:
    """Return whether a later change of any file must show in its stamp: each changed a while before the look.

    The time that the kernel puts on a change moves in ticks, so that two changes within one look the same.
    """
    stamps = [stamp for stamp in look.stamps.values() if stamp is not None]
    return all(max(stamp.changed_ns, stamp.modified_ns) < looked_ns - SETTLED_NS for stamp in stamps)

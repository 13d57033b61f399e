"""An inventory as named contents, for the archive and for its fingerprint."""

import json
from collections.abc import Mapping

from flows.sources.inventory.files import InventoryFiles, is_inventory_path

_FOLDERS, _UNREADABLE, _NEAR_MISSES, _MARKS = ".folders.json", ".unreadable.json", ".near-misses.json", ".marks.json"


def pack_inventory(files: InventoryFiles) -> dict[str, bytes]:
    """Return the contents that are held, and what is no file under names that no inventory file can have."""
    packed = dict(files.contents)
    known = {path.rpartition("/")[0] for path in (*packed, *files.taken)}
    for name, value in (
        (_FOLDERS, sorted(files.folders - known)),
        (_UNREADABLE, dict(sorted(files.unreadable.items()))),
        (_NEAR_MISSES, sorted(files.near_misses)),
        (_MARKS, sorted(files.marks)),
    ):
        if value:
            packed[name] = json.dumps(value).encode()
    return packed


def unpack_inventory(contents: Mapping[str, bytes]) -> InventoryFiles:
    """Return the inventory that `pack_inventory` packed."""
    files = {name: data for name, data in contents.items() if is_inventory_path(name)}
    return InventoryFiles(
        files,
        json.loads(contents.get(_UNREADABLE, b"{}")),
        frozenset(json.loads(contents.get(_FOLDERS, b"[]"))),
        frozenset(json.loads(contents.get(_NEAR_MISSES, b"[]"))),
        "archive",
        frozenset(json.loads(contents.get(_MARKS, b"[]"))),
    )

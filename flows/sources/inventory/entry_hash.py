"""What tells two versions of a desired target apart (ACTIONS 13.3): SHA-256 of canonical JSON of what the inventory says.

Of a service it is [its entry, its `service.yaml`], of a node [its entry in the topology, its `capabilities.yaml`, its
`node.yaml`], null where there is none.
"""

import json
from hashlib import sha256

from flows.sources.formats.yaml_strict import to_plain
from flows.sources.formats.yaml_tree import Node

NULL = "null"
_CANONICAL = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)


def to_canonical(node: Node | None) -> str:
    """Return a value as canonical JSON."""
    return dump_canonical(to_plain(node))


def dump_canonical(value: object) -> str:
    """Return a plain value as canonical JSON."""
    return _CANONICAL.encode(value)


def hash_list(*documents: str) -> str:
    """Return the hash of a list of values that are canonical JSON already."""
    return sha256(f"[{','.join(documents)}]".encode("ascii")).hexdigest()


class EntryHashes(dict[str, str]):
    """The hash of each entry (its canonical JSON) that was asked for, as it is where there is no `service.yaml`."""

    def __missing__(self, entry: str) -> str:
        """Hash an entry, of which a fleet has many that are alike, once."""
        return self.setdefault(entry, hash_list(entry, NULL))

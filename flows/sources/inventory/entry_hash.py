"""What tells two versions of a desired target apart: SHA-256 of canonical JSON (ACTIONS 14.1) of what the inventory says.

Of a service it is [its entry, null], and where it has a `services/<service>/service.yaml`, [that hash, what that file
says]; of a node [its entry in the topology, its capabilities.yaml, its node.yaml], null where there is none.
"""

import json
from hashlib import sha256

from flows.sources.formats.yaml_strict import to_plain
from flows.sources.formats.yaml_tree import Node

NULL = "null"


def to_canonical(node: Node | None) -> str:
    """Return a value as canonical JSON."""
    return dump_canonical(to_plain(node))


def dump_canonical(value: object) -> str:
    """Return a plain value as canonical JSON."""
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)


def hash_list(*documents: str) -> str:
    """Return the hash of a list of values that are canonical JSON already."""
    return sha256(f"[{','.join(documents)}]".encode("ascii")).hexdigest()


def hash_entry(entry: str) -> str:
    """Return the hash of a service's entry alone."""
    return sha256(f"[{entry},null]".encode("ascii")).hexdigest()


def join_service_file(entry_hash: str, document: str) -> str:
    """Return the hash of an entry together with what its service.yaml says."""
    return hash_list(f'"{entry_hash}"', document)

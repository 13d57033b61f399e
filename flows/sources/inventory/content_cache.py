"""A cache of what `services.yaml` files say, keyed by their content, in one file for each inventory.

It holds nothing that cannot be had again.
"""

from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from flows.sources.inventory.cache_file import SealedFile, frame_of_bytes, frame_to_bytes
from schemas.limits import Limits
from schemas.rules import Rules
from schemas.words import DependencyScope, RunMode

RULES = Rules()
_SCHEMAS: dict[str, dict[str, Any]] = {
    "files": {"digest": pl.Binary, "file": pl.UInt32},
    "services": {
        "file": pl.UInt32,
        "service": pl.String,
        "is_monitored": pl.Boolean,
        "run": pl.Enum(RunMode),
        "is_never_restarted": pl.Boolean,
        "role": pl.String,
        "exposure": pl.String,
        "deployment_model": pl.String,
        "entry_hash": pl.String,
        "line": pl.Int32,
    },
    "dependencies": {
        "file": pl.UInt32,
        "service": pl.String,
        "dependency": pl.String,
        "scope": pl.Enum(DependencyScope),
        "is_completion": pl.Boolean,
        "line": pl.Int32,
    },
    "warnings": {"file": pl.UInt32, "line": pl.Int32, "column": pl.Int32, "problem": pl.String},
    "entries": {"entry": pl.String, "entry_hash": pl.String},
    "documents": {"digest": pl.Binary, "document": pl.Binary},
}


class Pack(NamedTuple):
    """What files say, by content: frames that share the number of a file. Files that say more, or have a fault, are not in it."""

    files: pl.DataFrame
    services: pl.DataFrame
    dependencies: pl.DataFrame
    warnings: pl.DataFrame
    entries: pl.DataFrame
    """Entries of services as canonical JSON, each once."""
    documents: pl.DataFrame
    """What the other, smaller files say: a JSON document each, by the digest of their content and kind."""


def empty_pack() -> Pack:
    """Return the pack of no file."""
    return Pack(**{name: pl.DataFrame(schema=schema) for name, schema in _SCHEMAS.items()})


class ParseCache:
    """The cache of one inventory in a folder that is this user's alone."""

    def __init__(
        self, folder: Path, inventory: Path, limits: Limits, rules: Rules = RULES, *, is_writable: bool = True
    ) -> None:
        """Say where it is; nothing is read or made yet."""
        self._file = SealedFile(folder, inventory, "pack", limits, rules, is_writable=is_writable)
        self.path = self._file.path

    def load(self) -> Pack:
        """Return what the cache holds; nothing where it cannot be used."""
        parts = self._file.read()
        if parts is None:
            return empty_pack()
        try:
            return Pack(**{name: frame_of_bytes(parts[name]) for name in _SCHEMAS})
        except (pl.exceptions.PolarsError, KeyError, OSError):
            return empty_pack()

    def save(self, pack: Pack) -> bool:
        """Keep the pack in place of what was there; return whether that could be done."""
        return self._file.write({name: frame_to_bytes(getattr(pack, name)) for name in _SCHEMAS})

"""A cache of what `services.yaml` files say, keyed by their content, in one file for each inventory.

It holds nothing that cannot be had again: a file that is missing, cut off, of another version or not ours to read is
an empty cache, and a write that fails is a slower next run. A new file replaces the old one whole, so that two runs at
once each leave a good one.
"""

import io
import os
import tempfile
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import polars as pl
import yaml

from flows.sources.safe_file import FileFaultError, read_file
from schemas.limits import Limits
from schemas.words import DependencyScope

MAGIC = b"runtime-supervisor parse cache\n"
MAX_BYTES = 1024 * 1024 * 1024
"""A larger cache is neither read nor written."""
MAX_INVENTORIES = 8
"""The caches of the inventories that were read last are kept."""
HALF = ".new-"
HALF_S = 3600
"""A file that a run began to write this long before the newest one is nobody's any more."""

_SCHEMAS: dict[str, dict[str, Any]] = {
    "files": {"digest": pl.Binary, "file": pl.UInt32},
    "services": {"file": pl.UInt32, "service": pl.String, "is_monitored": pl.Boolean, "line": pl.Int32},
    "dependencies": {
        "file": pl.UInt32,
        "service": pl.String,
        "dependency": pl.String,
        "scope": pl.Enum(DependencyScope),
        "line": pl.Int32,
    },
    "warnings": {"file": pl.UInt32, "line": pl.Int32, "column": pl.Int32, "problem": pl.String},
    "documents": {"digest": pl.Binary, "document": pl.Binary},
}


class Pack(NamedTuple):
    """What files say, by content: frames that share the number of a file. Files with faults are not in it."""

    files: pl.DataFrame
    services: pl.DataFrame
    dependencies: pl.DataFrame
    warnings: pl.DataFrame
    documents: pl.DataFrame
    """What the other, smaller files say: a JSON document each, by the digest of their content and kind."""


def empty_pack() -> Pack:
    """Return the pack of no file."""
    return Pack(**{name: pl.DataFrame(schema=schema) for name, schema in _SCHEMAS.items()})


class ParseCache:
    """The cache of one inventory in a folder that is this user's alone."""

    def __init__(self, folder: Path, inventory: Path, limits: Limits, *, is_writable: bool = True) -> None:
        """Say where it is; nothing is read or made yet."""
        self.is_writable = is_writable
        name = sha256(str(inventory.absolute()).encode("utf-8", "surrogateescape")).hexdigest()[:32]
        self.path = folder / f"inventory-{name}.pack"
        self._version = sha256(parser_version() + limits.model_dump_json().encode()).digest()

    def load(self) -> Pack:
        """Return what the cache holds; nothing where it cannot be used."""
        try:
            data = read_file(self.path, max_bytes=MAX_BYTES).data
        except FileFaultError:
            return empty_pack()
        head = MAGIC + self._version
        body = memoryview(data)[len(head) + 32 :]
        if not data.startswith(head) or data[len(head) : len(head) + 32] != sha256(body).digest():
            return empty_pack()
        try:
            parts = msgspec.msgpack.decode(body, type=dict[str, memoryview])
            frames = {name: pl.read_ipc(io.BytesIO(parts[name]), use_pyarrow=False) for name in _SCHEMAS}
        except (msgspec.DecodeError, pl.exceptions.PolarsError, KeyError, OSError):
            return empty_pack()
        return Pack(**frames)

    def save(self, pack: Pack) -> bool:
        """Keep the pack in place of what was there; return whether that could be done."""
        if not self.is_writable:
            return False
        body = msgspec.msgpack.encode({name: _to_bytes(getattr(pack, name)) for name in _SCHEMAS})
        data = b"".join((MAGIC, self._version, sha256(body).digest(), body))
        if len(data) > MAX_BYTES:
            return False
        try:
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            _replace(self.path, data)
            _forget_oldest(self.path.parent)
        except OSError:
            return False
        return True


@lru_cache(maxsize=1)
def parser_version() -> bytes:
    """Return what changes whenever a parser does: the digest of the sources that read the inventory."""
    total = sha256(yaml.__version__.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        total.update(source.read_bytes())
    return total.digest()


def _to_bytes(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_ipc(buffer, compression="lz4")
    return buffer.getvalue()


def _replace(path: Path, data: bytes) -> None:
    """Replace a file whole, without a flush to the disk: what a power cut spoils has a wrong digest, and is empty."""
    descriptor, name = tempfile.mkstemp(prefix=HALF, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _forget_oldest(folder: Path) -> None:
    """Remove the caches that were written longest ago, and what killed runs left half written."""
    with os.scandir(folder) as entries:
        ages = sorted((entry.stat().st_mtime, entry.name) for entry in entries)
    packs = [name for _, name in ages if name.endswith(".pack")]
    newest = max(age for age, _ in ages)
    halves = [name for age, name in ages if name.startswith(HALF) and age < newest - HALF_S]
    for name in packs[:-MAX_INVENTORIES] + halves:
        with suppress(OSError):
            (folder / name).unlink()

"""A cache's file: named parts behind a version and a digest; whatever cannot be used is as good as none.

A file that is missing, cut off, of another version or not ours to read is empty, and a write that fails is a slower
next run. A new file replaces the old one whole, so that two runs at once each leave a good one.
"""

import io
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import msgspec
import polars as pl

from flows.errors import EmitError
from flows.files.foreign import FileFaultError, read_file
from flows.files.own import put_in_place, sweep_folder, write_temporary
from flows.text.values import write_rules
from schemas.limits import Limits
from schemas.rules import Rules

READING = ("naive_timezone", "maintenance", "profiles", "compose", "ignore_hosts")
"""The rules by which an inventory is read; all others judge what was read."""
READERS = (
    "flows/sources/inventory/*.py",
    "flows/sources/formats/*.py",
    "flows/sources/names.py",
    "flows/files/foreign.py",
    *(f"schemas/{name}.py" for name in ("desired", "duration", "episode", "expressions", "frame", "joins", "limits")),
    *(f"schemas/{name}.py" for name in ("link", "rejected", "rules", "setting", "wait", "window", "words")),
    "stages/link.py",
)
"""The sources that decide what is kept; with another of them, or another PyYAML, a cache is of no use."""
ROOT = Path(__file__).parents[3]
MAGIC = b"runtime-supervisor parse cache\n"
MAX_BYTES = 1024 * 1024 * 1024
"""A larger cache is neither read nor written."""
MAX_INVENTORIES = 8
"""The caches of the inventories that were read last are kept, of each kind."""

SAMPLE_ROWS = 10_000
MOST_DIFFERENT_RATIO = 0.25
"""A text is numbered where no more of the first rows are different."""

Part = bytes | memoryview


class SealedFile:
    """What one inventory's cache of one kind (its ending) holds, in a folder that is this user's alone."""

    def __init__(
        self, folder: Path, inventory: Path, ending: str, limits: Limits, rules: Rules, *, is_writable: bool = True
    ) -> None:
        """Say where it is; nothing is read or made yet."""
        self.is_writable = is_writable
        name = sha256(str(inventory.absolute()).encode("utf-8", "surrogateescape")).hexdigest()[:32]
        self.path = folder / f"inventory-{name}.{ending}"
        self._version = sha256(parser_version() + f"{limits}{spell_reading(rules)}".encode()).digest()

    def read(self) -> dict[str, memoryview] | None:
        """Return the parts, or None where there is nothing that can be used."""
        try:
            data = read_file(self.path, max_bytes=MAX_BYTES).data
        except FileFaultError:
            return None
        head = MAGIC + self._version
        body = memoryview(data)[len(head) + 32 :]
        if not data.startswith(head) or data[len(head) : len(head) + 32] != sha256(body).digest():
            return None
        try:
            return msgspec.msgpack.decode(body, type=dict[str, memoryview])
        except msgspec.DecodeError:
            return None

    def write(self, parts: Mapping[str, Part]) -> bool:
        """Keep the parts in place of what was there; return whether that could be done."""
        if not self.is_writable:
            return False
        body = msgspec.msgpack.encode(parts)
        data = b"".join((MAGIC, self._version, sha256(body).digest(), body))
        if len(data) > MAX_BYTES:
            return False
        try:
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            _replace(self.path, data)
            _forget_oldest(self.path.parent, self.path.suffix)
        except (OSError, EmitError):
            return False
        return True


def spell_reading(rules: Rules) -> str:
    """Return the rules by which an inventory is read, as a text; those of judging make no difference."""
    told = write_rules(rules)
    return json.dumps({name: told[name] for name in READING}, sort_keys=True)


@lru_cache(maxsize=1)
def parser_version() -> bytes:
    """Return what changes whenever `READERS` do, or the source of PyYAML that names its version."""
    # To import it, or to look its version up, takes longer than an inventory that did not change.
    parser = find_spec("yaml")
    total = sha256(Path(parser.origin).read_bytes() if parser and parser.origin else b"")
    for pattern in READERS:
        for source in sorted(ROOT.glob(pattern)):
            total.update(source.read_bytes())
    return total.digest()


def frame_to_bytes(frame: pl.DataFrame) -> bytes:
    """Return a frame as a part: of a text that comes in many rows, each row has a number."""
    numbered = {column.name: _number(column) for column in frame if _comes_often(column)}
    tables = {name: _write(texts.to_frame()) for name, (_, texts) in numbered.items()}
    rows = frame.with_columns(numbers for numbers, _ in numbered.values())
    return msgspec.msgpack.encode((_write(rows), tables))


def frame_of_bytes(part: Part) -> pl.DataFrame:
    """Return the frame of a part, whose rows share their texts; raises what polars raises where it is none."""
    try:
        rows, tables = msgspec.msgpack.decode(part, type=tuple[memoryview, dict[str, memoryview]])
    except msgspec.DecodeError as error:
        raise pl.exceptions.ComputeError(str(error)) from None
    frame = _read(rows)
    if not tables:
        return frame
    return frame.with_columns(_read(texts)[name].gather(frame[name]) for name, texts in tables.items())


def _number(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return a number for each text of a column, null for null, and the texts in the order of their numbers."""
    # Categories of its own are numbered from 0 on.
    known = column.cast(pl.Categorical(pl.Categories.random()))
    numbers = known.to_physical()
    last = numbers.max()
    each = pl.int_range(last + 1 if isinstance(last, int) else 0, dtype=pl.UInt32, eager=True)
    return numbers, each.cat.to(known.dtype).cast(pl.String).alias(column.name)


def _comes_often(column: pl.Series) -> bool:
    """Return whether the texts of a column come in many rows each, as far as the first ones show."""
    if column.dtype != pl.String or column.len() < SAMPLE_ROWS:
        return False
    return column.head(SAMPLE_ROWS).n_unique() <= SAMPLE_ROWS * MOST_DIFFERENT_RATIO


def _write(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_ipc_stream(buffer, compression="lz4")
    return buffer.getvalue()


def _read(part: Part) -> pl.DataFrame:
    return pl.read_ipc_stream(io.BytesIO(part), use_pyarrow=False)


def _replace(path: Path, data: bytes) -> None:
    """Replace a file whole, without a flush to the disk: what a power cut spoils has a wrong digest, and is empty."""
    sweep_folder(path.parent)
    put_in_place(write_temporary(path, data, is_durable=False), path, is_durable=False)


def _forget_oldest(folder: Path, ending: str) -> None:
    """Remove the caches that were written longest ago."""
    with os.scandir(folder) as entries:
        sealed = sorted((entry.stat().st_mtime, entry.name) for entry in entries if entry.name.endswith(ending))
    for _, name in sealed[:-MAX_INVENTORIES]:
        with suppress(OSError):
            (folder / name).unlink()

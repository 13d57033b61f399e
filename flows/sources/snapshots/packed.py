"""Worlds of tar archives, which can be read in one order alone, laid down once so that any process reads any of them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec
import zstandard

from flows.sources.formats.instants import to_datetime, to_microseconds
from flows.sources.snapshots.worlds import SnapshotRef
from flows.sources.world.files import WorldFiles

WORLDS, INDEX = "worlds", "index"
"""One packed world behind the other, and where each of them is."""
LEVEL = 1
"""Of zstd, for what is deleted in an hour."""


class PackedWorld(msgspec.Struct, array_like=True):
    """A world but for its moment."""

    files_at_us: int
    contents: dict[str, bytes]


_DECODER = msgspec.msgpack.Decoder(PackedWorld)


class Packer:
    """Lays down worlds in a folder; they can be read once it is closed."""

    def __init__(self, folder: Path) -> None:
        """Begin without any."""
        self._folder = folder
        self._file = (folder / WORLDS).open("w+b")
        self._places: dict[datetime, str] = {}
        self._end = 0
        self._compressor = zstandard.ZstdCompressor(level=LEVEL)
        self._decompressor = zstandard.ZstdDecompressor()

    def add(self, world: WorldFiles) -> None:
        """Add a world, or more of the files of one that is there; raises `OSError`."""
        earlier = self._read(self._places[world.as_of]) if world.as_of in self._places else {}
        packed = PackedWorld(to_microseconds(world.files_at), {**earlier, **world.contents})
        data = self._compressor.compress(msgspec.msgpack.encode(packed))
        self._file.write(data)
        self._places[world.as_of] = f"{self._end}+{len(data)}"
        self._end += len(data)

    def _read(self, place: str) -> Mapping[str, bytes]:
        self._file.flush()
        return _read_packed(self._file, place, self._decompressor).contents

    def close(self) -> None:
        """Write where each world is."""
        self._file.close()
        index = [(to_microseconds(as_of), self._places[as_of]) for as_of in sorted(self._places)]
        (self._folder / INDEX).write_bytes(msgspec.msgpack.encode(index))


@dataclass
class PackedSource:
    """The worlds of a folder that a `Packer` filled."""

    folder: Path
    problems: tuple[str, ...] = ()
    _file: BinaryIO | None = field(default=None, repr=False)
    _decompressor: zstandard.ZstdDecompressor | None = field(default=None, repr=False)
    """Made once: that takes as long as to read a world."""

    def list_snapshots(self) -> list[SnapshotRef]:
        """Return the worlds, the oldest first."""
        index = msgspec.msgpack.decode((self.folder / INDEX).read_bytes(), type=list[tuple[int, str]])
        return [SnapshotRef(to_datetime(as_of_us), place) for as_of_us, place in index]

    def read_world(self, snapshot: SnapshotRef) -> WorldFiles:
        """Return a snapshot's files."""
        self._file = self._file or (self.folder / WORLDS).open("rb")
        self._decompressor = self._decompressor or zstandard.ZstdDecompressor()
        packed = _read_packed(self._file, snapshot.place, self._decompressor)
        source = f"archive of {snapshot.as_of:%Y-%m-%dT%H:%M:%SZ}"
        return WorldFiles(snapshot.as_of, packed.contents, to_datetime(packed.files_at_us), source)

    def close(self) -> None:
        """Let go of what no other process can be given."""
        if self._file is not None:
            self._file.close()
        self._file = self._decompressor = None


def _read_packed(file: BinaryIO, place: str, decompressor: zstandard.ZstdDecompressor) -> PackedWorld:
    begin, _, size = place.partition("+")
    return _DECODER.decode(decompressor.decompress(os.pread(file.fileno(), int(size), int(begin))))

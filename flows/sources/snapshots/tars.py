"""Tar archives of snapshots, plain or compressed, read as streams."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import IO, NamedTuple

import zstandard

from flows.errors import HistoryError
from flows.sources.snapshots.moment_names import parse_moment_name
from flows.sources.snapshots.tar_stream import Entry, Reader, TarError, TarStream
from flows.sources.world.files import FILES, WorldFiles, file_limits
from schemas.limits import Limits

ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst", ".tar.xz", ".txz", ".tar.bz2", ".tbz", ".tbz2")
MOST_MEMORY_BYTES = 256 * 1024 * 1024
"""That a decompressor may take for what the archive says that it needs."""

_MOMENT = itemgetter(0)


class _Found(NamedTuple):
    """A regular file of an archive; one that is no world's file has no moment."""

    moment: datetime | None
    name: str
    entry: Entry


def is_tar(path: Path) -> bool:
    """Return whether a file's name is a tar archive's."""
    return path.name.lower().endswith(ENDINGS)


def find_tars(source: Path) -> list[Path]:
    """Return the tar archives that a file is, or a folder holds, sorted."""
    if source.is_file():
        return [source] if is_tar(source) else []
    return sorted(path for path in source.iterdir() if path.is_file() and is_tar(path)) if source.is_dir() else []


def read_tar_worlds(archive: Path, limits: Limits, zone: tzinfo = UTC) -> Iterator[WorldFiles]:
    """Return the worlds of a tar archive, in the order of their files; one whose files are apart comes in parts.

    Only regular files with a world file's name are taken, and none is written anywhere. The moment is the one that the
    path within the archive spells, else the archive's own name; one without a zone is in `zone`. Raises `HistoryError`
    where the archive is torn or odd, a file is over its limit, or nothing of a world comes for long.
    """
    try:
        with _opened(archive) as stream:
            tar = TarStream(stream)
            for moment, files in groupby(_find_files(archive, tar, zone), key=_MOMENT):
                if moment is not None:
                    yield _to_world(archive, moment, ((one, _read(tar, one, limits)) for one in files))
                    tar.touch()
    except (TarError, EOFError, OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError, MemoryError) as error:
        raise HistoryError(
            f"{archive}: the archive cannot be read: {str(error) or 'it needs too much memory'}"
        ) from None


def _find_files(archive: Path, tar: TarStream, zone: tzinfo) -> Iterator[_Found]:
    for entry in tar:
        folder, _, name = entry.name.rpartition("/")
        moment = _moment_of(archive, folder.rstrip("/"), zone) if name in FILES else None
        yield _Found(moment, name, entry)


def _moment_of(archive: Path, folder: str, zone: tzinfo) -> datetime | None:
    return parse_moment_name(folder, zone) or parse_moment_name(archive.name, zone)


def _read(tar: TarStream, found: _Found, limits: Limits) -> bytes:
    name, size = found.entry.name, found.entry.size
    if size > file_limits(found.name, limits).max_world_file_bytes:
        raise TarError(f"{name!a} has {size} bytes, over the limit")
    return tar.read(size)


def _to_world(archive: Path, moment: datetime, read: Iterator[tuple[_Found, bytes]]) -> WorldFiles:
    contents: dict[str, bytes] = {}
    newest = 0.0
    for found, data in read:
        contents[found.name] = data
        newest = max(newest, found.entry.modified_s)
    return WorldFiles(moment, contents, min(datetime.fromtimestamp(newest, UTC), moment), str(archive))


@contextmanager
def _opened(archive: Path) -> Iterator[Reader]:
    """Open an archive as a stream of what it holds, by its first bytes and not by its name."""
    with archive.open("rb") as file:
        head = file.read(6)
        file.seek(0)
        yield _unpacked(file, head)


def _unpacked(file: IO[bytes], head: bytes) -> Reader:
    if head.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)
    if head.startswith(b"BZh"):
        return bz2.BZ2File(file)
    if head.startswith(b"\xfd7zXZ\0"):
        return _XzFile(file)
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        reader = zstandard.ZstdDecompressor(max_window_size=MOST_MEMORY_BYTES // 2)
        return reader.stream_reader(file, read_across_frames=True)
    return file


class _XzFile:
    """An xz file, whose decompressor takes no more memory than it may; the standard library's file has no such limit."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decompressor = lzma.LZMADecompressor(memlimit=MOST_MEMORY_BYTES)

    def read(self, size: int, /) -> bytes:
        while not self._decompressor.eof:
            packed = self._file.read(65536) if self._decompressor.needs_input else b""
            data = self._decompressor.decompress(packed, size)
            if data:
                return data
            if not packed and self._decompressor.needs_input:
                raise EOFError("it is cut off")
        return b""

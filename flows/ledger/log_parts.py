"""The rotated parts of a log: which they are, and what a compressed one holds."""

import os
import re
import stat
import tempfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

from flows.errors import EmitError

MOST_UNPACKED_BYTES = 4 * 1024**3
_CHUNK = 1 << 20
_ROTATED = re.compile(r"[.-](\d[\d.\-_T:]*|old)(\.gz|\.zst|\.xz|\.bz2)?")


class Part(NamedTuple):
    """A rotated part of a log, as it was found."""

    path: Path
    is_packed: bool
    problem: str | None
    """Why it is not read."""


def find_parts(path: Path, owners: frozenset[int]) -> list[Part]:
    """Return the log's rotated parts, the oldest first; links are not among them, strangers' files are, with why."""
    found = []
    with os.scandir(path.parent) as entries:
        beside = list(entries)
    for entry in beside:
        rotated = _ROTATED.fullmatch(entry.name[len(path.name) :]) if entry.name.startswith(path.name) else None
        if rotated:
            with suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    part = Part(Path(entry.path), rotated[2] is not None, _find_problem(status, owners))
                    found.append((status.st_mtime_ns, _rank(entry.name.removesuffix(rotated[2] or "")), part))
    return [part for _, _, part in sorted(found, key=lambda row: row[:2])]


def _find_problem(status: os.stat_result, owners: frozenset[int]) -> str | None:
    if status.st_uid not in owners:
        return f"belongs to user {status.st_uid}, who is not among log_owners"
    if status.st_nlink != 1:
        return f"has {status.st_nlink} names (hard links)"
    return None


def _rank(name: str) -> tuple[int, str]:
    number = name.rpartition(".")[2]
    return (-int(number) if number.isdigit() else 0, name)


def is_packed(path: Path) -> bool:
    """Return whether a log's name says that it is compressed."""
    return path.suffix in _OPENERS


def unpack(path: Path, packed: IO[bytes]) -> IO[bytes]:
    """Return a file without a name that holds what a compressed one does; raises `EmitError` for one that is damaged."""
    faults: tuple[type[Exception], ...] = (OSError, EOFError, ValueError, zlib.error, *_more_errors(path.suffix))
    plain = tempfile.TemporaryFile()  # noqa: SIM115 - the caller's
    try:
        with _OPENERS[path.suffix](packed) as stream:
            while chunk := stream.read(_CHUNK):
                plain.write(chunk)
                if plain.tell() > MOST_UNPACKED_BYTES:
                    raise EmitError(f"{path}: more than {MOST_UNPACKED_BYTES} bytes when it is unpacked")
        plain.flush()
    except faults as error:
        plain.close()
        raise EmitError(f"{path}: cannot be unpacked: {error}") from None
    except BaseException:
        plain.close()
        raise
    return plain


def _more_errors(suffix: str) -> tuple[type[Exception], ...]:
    if suffix == ".xz":
        import lzma

        return (lzma.LZMAError,)
    if suffix == ".zst":
        import zstandard

        return (zstandard.ZstdError,)
    return ()


def _gzip(packed: IO[bytes]) -> IO[bytes]:
    import gzip

    return gzip.GzipFile(fileobj=packed)  # type: ignore[return-value]


def _bzip2(packed: IO[bytes]) -> IO[bytes]:
    import bz2

    return bz2.BZ2File(packed)


def _xz(packed: IO[bytes]) -> IO[bytes]:
    import lzma

    return lzma.LZMAFile(packed)


def _zstd(packed: IO[bytes]) -> IO[bytes]:
    import zstandard  # what writes events needs the standard library alone, as long as nothing is packed so

    return zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)


_OPENERS: dict[str, Callable[[IO[bytes]], IO[bytes]]] = {".gz": _gzip, ".bz2": _bzip2, ".xz": _xz, ".zst": _zstd}

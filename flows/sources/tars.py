"""Tar archives of snapshots, plain or compressed, unpacked so that each world is a folder named by its time."""

import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

import zstandard

from flows.errors import HistoryError
from flows.sources.moment_names import parse_moment_name
from flows.sources.world_files import FILES
from schemas.limits import Limits

ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst", ".tar.xz", ".txz", ".tar.bz2")


def is_tar(path: Path) -> bool:
    """Return whether a file's name is a tar archive's."""
    return path.name.lower().endswith(ENDINGS)


def find_tars(source: Path) -> list[Path]:
    """Return the tar archives that a file is, or a folder holds, sorted."""
    if source.is_file():
        return [source] if is_tar(source) else []
    return sorted(path for path in source.iterdir() if path.is_file() and is_tar(path)) if source.is_dir() else []


def unpack_worlds(archive: Path, folder: Path, limits: Limits) -> int:
    """Write the world files of a tar archive under `folder`, and return how many.

    Nothing but regular files with a world file's name is taken, and the folder's name is made from the moment that the
    path within the archive, or else the archive's own name, spells: no name of the archive is used as a path.
    Raises `HistoryError` where the archive is torn, or a file is over its limit.
    """
    count = 0
    try:
        with _opened(archive) as tar:
            for member in tar:
                target = _target(archive, member)
                if target is not None:
                    _write(tar, member, folder / target, limits)
                    count += 1
    except (tarfile.TarError, EOFError, OSError, zstandard.ZstdError) as error:
        raise HistoryError(f"{archive}: the archive cannot be read: {error}") from None
    return count


def _target(archive: Path, member: tarfile.TarInfo) -> Path | None:
    path = PurePosixPath(member.name)
    moment = parse_moment_name(str(path.parent)) or parse_moment_name(archive.name)
    if not member.isreg() or path.name not in FILES or moment is None:
        return None
    return Path(f"{moment:%Y-%m-%d}") / f"{moment:%Y-%m-%dT%H%M%S.%fZ}" / path.name


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path, limits: Limits) -> None:
    if member.size > limits.max_world_file_bytes:
        raise tarfile.TarError(f"{member.name!a} has {member.size} bytes, over the limit")
    file = tar.extractfile(member)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(file.read() if file else b"")
    os.utime(target, (member.mtime, member.mtime))


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    """Open an archive as a stream, which is how a zstd one can be read too."""
    with archive.open("rb") as file:
        if archive.name.lower().endswith((".zst", ".tzst")):
            with zstandard.ZstdDecompressor().stream_reader(file) as stream, _tar(stream, "r|") as tar:
                yield tar
        else:
            with _tar(file, "r|*") as tar:
                yield tar


def _tar(stream: "IO[bytes] | zstandard.ZstdDecompressionReader", mode: str) -> tarfile.TarFile:
    return tarfile.open(fileobj=stream, mode=mode)  # type: ignore[call-overload, no-any-return]

"""Tar archives of snapshots, plain or compressed, read as streams."""

import posixpath
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import IO

import zstandard

from flows.errors import HistoryError
from flows.sources.snapshots.moment_names import parse_moment_name
from flows.sources.world.files import FILES, WorldFiles, file_limits
from schemas.limits import Limits

ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst", ".tar.xz", ".txz", ".tar.bz2", ".tbz", ".tbz2")


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
    where the archive is torn, or a file is over its limit.
    """
    try:
        with _opened(archive) as tar:
            dated = ((_moment_of(archive, member, zone), member) for member in tar)
            for moment, members in groupby(dated, key=lambda pair: pair[0]):
                if moment is not None:
                    yield _to_world(archive, moment, [(member, _read(tar, member, limits)) for _, member in members])
    except (tarfile.TarError, EOFError, OSError, zlib.error, zstandard.ZstdError) as error:
        raise HistoryError(f"{archive}: the archive cannot be read: {error}") from None


def _moment_of(archive: Path, member: tarfile.TarInfo, zone: tzinfo) -> datetime | None:
    folder, name = posixpath.split(member.name)
    if not member.isreg() or name not in FILES:
        return None
    return parse_moment_name(folder, zone) or parse_moment_name(archive.name, zone)


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo, limits: Limits) -> bytes:
    if member.size > file_limits(PurePosixPath(member.name).name, limits).max_world_file_bytes:
        raise tarfile.TarError(f"{member.name!a} has {member.size} bytes, over the limit")
    file = tar.extractfile(member)
    return file.read() if file else b""


def _to_world(archive: Path, moment: datetime, read: list[tuple[tarfile.TarInfo, bytes]]) -> WorldFiles:
    contents = {posixpath.basename(member.name): data for member, data in read}
    newest = max(member.mtime for member, _ in read)
    return WorldFiles(moment, contents, min(datetime.fromtimestamp(newest, UTC), moment), str(archive))


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

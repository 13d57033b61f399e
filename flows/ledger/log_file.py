"""An open log or rotated part: its lines, the places in it, and what is blanked there."""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from flows.errors import EmitError
from flows.files.own import open_regular
from flows.ledger.event_line import MAX_LINE
from flows.ledger.log_parts import is_packed, unpack
from flows.ledger.position import START, Position

_CHUNK = 1 << 20
_KEPT = 2 * MAX_LINE
_WINDOW = 256
_ZEROS = re.compile(rb"\0+")


class Line(NamedTuple):
    """One line of a log."""

    offset: int
    content: bytes
    """Without its end, and cut where it is longer than any of ours can be."""
    length: int
    is_terminated: bool


class LogFile(NamedTuple):
    """An open log or rotated part, as long as it was when it was opened."""

    path: Path
    fd: int
    size: int
    start: int = 0
    """Where to read from."""
    is_packed: bool = False
    """The descriptor is of what the file holds, unpacked."""


def read_lines(file: LogFile) -> Iterator[Line]:
    """Return the file's lines from its start on, in bounded memory."""
    kept, length, at, offset = b"", 0, file.start, file.start
    while offset < file.size:
        chunk = os.pread(file.fd, min(_CHUNK, file.size - offset), offset)
        if not chunk:
            break
        offset += len(chunk)
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            length += len(piece)
            yield Line(at, (kept + piece)[:_KEPT], length, is_terminated=True)
            at, kept, length = at + length + 1, b"", 0
        kept, length = (kept + rest)[:_KEPT], length + len(rest)
    if length:
        yield Line(at, kept, length, is_terminated=False)


def open_log_file(path: Path, opened: ExitStack, owners: frozenset[int] | None = None, start: int = 0) -> LogFile:
    """Open a log for reading until the stack is closed; whoever owns it, unless the owners are given."""
    try:
        fd = open_regular(path, os.O_RDONLY, owners)
    except FileNotFoundError:
        raise EmitError(f"{path}: there is no such log") from None
    opened.callback(os.close, fd)
    return _unpacked(path, fd, opened, start) if is_packed(path) else LogFile(path, fd, os.fstat(fd).st_size, start)


def _unpacked(path: Path, fd: int, opened: ExitStack, start: int = 0) -> LogFile:
    with os.fdopen(os.dup(fd), "rb") as packed:
        plain = opened.enter_context(unpack(path, packed))
    return LogFile(path, plain.fileno(), os.fstat(plain.fileno()).st_size, start, is_packed=True)


def drop_twins(files: list[LogFile]) -> list[LogFile]:
    """Keep the last of the names that one file had while the list was made."""
    by_file = {(found.st_dev, found.st_ino): file for file in files for found in [os.fstat(file.fd)]}
    return [file for file in files if file in by_file.values()]


def seek(files: list[LogFile], position: Position) -> list[LogFile] | None:
    """Return the files from the position's on, which is read from there; None where it is in none of them."""
    if position.offset == 0:
        return files
    for index in range(len(files) - 1, -1, -1):
        file = files[index]
        if file.size >= position.offset and mark_position(file.fd, position.offset) == position:
            return [file._replace(start=position.offset), *files[index + 1 :]]
    return None


def mark_position(fd: int, offset: int) -> Position:
    """Return the place in an open log by which it can be found again."""
    if offset == 0:
        return START
    start = os.pread(fd, min(_WINDOW, offset), 0)
    before = os.pread(fd, min(_WINDOW, offset), max(0, offset - _WINDOW))
    return Position(offset, hashlib.sha256(start).hexdigest(), hashlib.sha256(before).hexdigest())


def find_zeros(file: LogFile) -> Iterator[tuple[int, int]]:
    """Return the place and the length of each run of zero bytes, from the file's start on."""
    begun: int | None = None
    for offset in range(file.start, file.size, _CHUNK):
        chunk = os.pread(file.fd, min(_CHUNK, file.size - offset), offset)
        if begun is not None and not chunk.startswith(b"\0"):
            yield begun, offset - begun
            begun = None
        for found in _ZEROS.finditer(chunk):
            first = offset + found.start() if begun is None else begun
            begun = first if found.end() == len(chunk) else None
            if begun is None:
                yield first, offset + found.end() - first
    if begun is not None:
        yield begun, file.size - begun


def blank(file: LogFile, offset: int, length: int) -> bool:
    """Turn bytes of a log into blanks and a line's end, where that can be done; return whether another look is worth it."""
    if file.is_packed:
        return False  # What is in there is torn for good, and behind it comes nothing.
    try:
        fd = os.open(file.path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError:
        return False  # An append-only file (chattr +a): the torn line stays, and gets its end with the next write.
    try:
        if os.path.samestat(os.fstat(fd), os.fstat(file.fd)) and os.fstat(fd).st_size >= offset + length:
            os.pwrite(fd, b" " * (length - 1) + b"\n", offset)
        return True
    finally:
        os.close(fd)

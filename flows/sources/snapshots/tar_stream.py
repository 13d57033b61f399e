"""A tar archive, read as a stream of regular files; every header is bounded before anything is made of it.

The standard library's reader takes what a header says: 169 bytes held it for minutes, and 101 kB took 3 GB. This one
knows what archives of snapshots need (ustar, GNU's long names, PAX paths, sizes and times), and passes over the rest.
"""

import re
import time
import zlib
from collections.abc import Iterator
from typing import IO, NamedTuple, Protocol

BLOCK = 512
LONGEST_NAME = 4096
MOST_EXTRA_BYTES = 64 * 1024
"""Of a header that describes the next one."""
MOST_SECONDS = 60.0
"""Without a file that is wanted."""
LATEST = 4_102_444_800
"""The year 2100."""
_SPARSE = "GNU.sparse"
_HEARD = ("path", "size", "mtime", _SPARSE)
"""What of PAX headers is kept until their file comes: there can be headers without end. Of `GNU.sparse.*`, that it is there."""
_SKIPPED_AT_ONCE = 1024 * 1024
_REGULAR = {b"0", b"\0", b"7"}
_WITHOUT_CONTENT = {b"1", b"2", b"3", b"4", b"5", b"6"}
_NUMBER = re.compile(rb"[0-7]{1,11}")
_DECIMAL = re.compile(r"\d{1,15}(?:\.\d{1,9})?")


class TarError(Exception):
    """The archive cannot be read from here on."""


class Entry(NamedTuple):
    """One regular file of an archive."""

    name: str
    size: int
    modified_s: float
    """Since 1970; 0 where the archive has an odd time."""


class Reader(Protocol):
    """What a stream must be able to do."""

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, or fewer."""


class TarStream:
    """An archive, read once from its beginning to its end."""

    def __init__(self, stream: "Reader | IO[bytes]") -> None:
        """Keep the stream."""
        self._stream = stream
        self._left = 0
        """Bytes of the current file and its padding that are not read yet."""
        self.touch()

    def touch(self) -> None:
        """Take note that something that is wanted was found; without it, the archive is given up in time."""
        self._deadline = time.monotonic() + MOST_SECONDS

    def __iter__(self) -> Iterator[Entry]:
        """Return the regular files in order; raises `TarError` for what no archive has, or in time."""
        extra: dict[str, str] = {}
        while (header := self._next_header()) is not None:
            kind, size = header[156:157], self._size(header, extra)
            if kind in (b"x", b"g", b"L", b"K"):
                extra |= self._read_extra(kind, _number(header[124:136]))
                continue
            self._left = 0 if kind in _WITHOUT_CONTENT else _padded(size)
            if kind in _REGULAR and _SPARSE not in extra:
                name = extra.get("path") or _name(header)
                if name and len(name) <= LONGEST_NAME and not name.endswith("/"):
                    yield Entry(name, size, _time(header, extra))
            extra = {}

    def read(self, size: int) -> bytes:
        """Return the current file's content, of which the caller has seen that it is not too much, and pass its padding."""
        data = self._read_exactly(self._left)
        self._left = 0
        return data[:size]

    def _next_header(self) -> bytes | None:
        self._skip(self._left)
        self._left = 0
        header = self._stream.read(BLOCK)
        while 0 < len(header) < BLOCK:
            more = self._stream.read(BLOCK - len(header))
            if not more:
                break
            header += more
        if not header.strip(b"\0"):
            return None
        if len(header) < BLOCK or not _is_sound(header):
            raise TarError("a header is cut or damaged")
        return header

    def _size(self, header: bytes, extra: dict[str, str]) -> int:
        told = extra.get("size")
        return int(told) if told and told.isdecimal() and len(told) <= 15 else _number(header[124:136])

    def _read_extra(self, kind: bytes, size: int) -> dict[str, str]:
        if size > MOST_EXTRA_BYTES:
            raise TarError(f"a header of {size} bytes, over the limit of {MOST_EXTRA_BYTES}")
        data = self._read_exactly(_padded(size))[:size]
        if kind == b"L":
            return {"path": data.rstrip(b"\0").decode("utf-8", "replace")}
        return {} if kind in (b"K", b"g") else dict(_parse_pax(data))

    def _read_exactly(self, size: int) -> bytes:
        parts, length = [], 0
        while length < size:
            data = self._stream.read(min(size - length, _SKIPPED_AT_ONCE))
            if not data:
                raise TarError("it is cut off")
            parts.append(data)
            length += len(data)
        return b"".join(parts)

    def _skip(self, size: int) -> None:
        while size > 0:
            if time.monotonic() > self._deadline:
                raise TarError(f"no file of a world for {MOST_SECONDS:.0f} s")
            data = self._stream.read(min(size, _SKIPPED_AT_ONCE))
            if not data:
                raise TarError("it is cut off")
            size -= len(data)
        if time.monotonic() > self._deadline:
            raise TarError(f"no file of a world for {MOST_SECONDS:.0f} s")


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _is_sound(header: bytes) -> bool:
    """Return whether the header's sum is right, by its bytes or, as some old programs made it, by signed ones."""
    told = _NUMBER.search(header[148:156])
    if not told:
        return False
    rest = header[:148] + b" " * 8 + header[156:]
    stated = int(told[0], 8)
    return stated == _sum(rest[:256]) + _sum(rest[256:]) or stated == sum(
        byte - 256 if byte > 127 else byte for byte in rest
    )


def _sum(data: bytes) -> int:
    """Return the sum of up to 256 bytes, of which Adler-32 is made: in a tenth of the time of adding them up here."""
    return (zlib.adler32(data) & 0xFFFF) - 1


def _number(field: bytes) -> int:
    """Return a number as tar writes it: octal, or of base 256 where it is large."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    text = field.strip(b" \0")
    if not text:
        return 0
    if not _NUMBER.fullmatch(text):
        raise TarError("a header has a number that is none")
    return int(text, 8)


def _name(header: bytes) -> str:
    name = header[:100].partition(b"\0")[0]
    if header[257:263] == b"ustar\0" and header[345]:
        name = header[345:500].partition(b"\0")[0] + b"/" + name
    return name.decode("utf-8", "replace")


def _time(header: bytes, extra: dict[str, str]) -> float:
    told = extra.get("mtime")
    try:
        seconds = float(told) if told and _DECIMAL.fullmatch(told) else float(_number(header[136:148]))
    except TarError:
        return 0.0
    return seconds if 0 <= seconds < LATEST else 0.0


def _parse_pax(data: bytes) -> Iterator[tuple[str, str]]:
    """Return the records of a PAX header, each `<length> <key>=<value>` and a line's end."""
    place = 0
    while place < len(data) and data[place] != 0:
        digits, space, _ = data[place : place + 8].partition(b" ")
        if not space or not digits.isdigit() or int(digits) <= len(digits) + 2:
            raise TarError("a PAX header is damaged")
        record = data[place + len(digits) + 1 : place + int(digits)]
        key, _, value = record.rstrip(b"\n").partition(b"=")
        name = _SPARSE if key.startswith(_SPARSE.encode()) else key.decode("utf-8", "replace")
        if name in _HEARD:
            yield name, value.decode("utf-8", "replace")
        place += int(digits)

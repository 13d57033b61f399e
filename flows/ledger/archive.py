"""The snapshot archive, read: worlds and inventories as they were read, each file's content once, compressed.

One SQLite file: a snapshot is a few rows that point to its files' contents, so that a year of five-minute snapshots is
one file and not half a million, and a snapshot is there as a whole or not at all. The history says what was concluded;
the archive allows to conclude again.
"""

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import zstandard

from flows.errors import HistoryError

FILE_NAME = "archive.sqlite"
WORLD, INVENTORY = "world", "inventory"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LARGEST_BYTES = 512 * 1024 * 1024


class Entry(NamedTuple):
    """One archived snapshot, without its contents."""

    snapshot: int
    kind: str
    as_of: datetime
    files_at: datetime
    """The newest time of its files."""
    fingerprint: str
    file_count: int
    size_bytes: int
    """Of its files as they were read."""


def to_micros(moment: datetime) -> int:
    """Return a moment as microseconds since 1970."""
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_micros(micros: int) -> datetime:
    """Return the moment of microseconds since 1970."""
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)


_ENTRY = "SELECT id, kind, as_of, files_at, fingerprint, file_count, size_bytes FROM snapshot"


def _to_entry(row: tuple[int, str, int, int, str, int, int]) -> Entry:
    return Entry(row[0], row[1], from_micros(row[2]), from_micros(row[3]), *row[4:])


def to_stored(name: str) -> str | bytes:
    """Return a file's name as SQLite keeps it: one that is no UTF-8 as its bytes, since a text cannot hold these."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogateescape")
    return name


def spell(stored: str | bytes) -> str:
    """Return the name that was stored."""
    return stored.decode("utf-8", "surrogateescape") if isinstance(stored, bytes) else stored


def seal_snapshot(entry: tuple[object, ...], digests: Mapping[str, bytes]) -> bytes:
    """Return the sum of a snapshot: its kind, moments and fingerprint, and each file's name with the digest of its content."""
    return hashlib.sha256(repr((*entry, sorted(digests.items()))).encode()).digest()


class ArchiveReader:
    """An open archive."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        """Keep the connection."""
        self.connection = connection
        self.path = path
        self._decompressor = zstandard.ZstdDecompressor()

    def list_entries(
        self, kind: str = WORLD, since: datetime | None = None, until: datetime | None = None
    ) -> list[Entry]:
        """Return the snapshots of a kind with `since` <= `as_of` < `until`, the oldest first."""
        first = to_micros(since) if since else -(2**63)
        last = to_micros(until) if until else 2**63 - 1
        rows = self._ask(f"{_ENTRY} WHERE kind = ? AND as_of >= ? AND as_of < ? ORDER BY as_of", (kind, first, last))
        return self._to_entries(rows)

    def find_latest(self, kind: str, not_after: datetime) -> Entry | None:
        """Return the newest snapshot of a kind that is not after a moment."""
        rows = self._ask(
            f"{_ENTRY} WHERE kind = ? AND as_of <= ? ORDER BY as_of DESC LIMIT 1", (kind, to_micros(not_after))
        )
        return self._to_entries(rows)[0] if rows else None

    def _to_entries(self, rows: list[Any]) -> list[Entry]:
        try:
            return [_to_entry(row) for row in rows]
        except (TypeError, ValueError, OverflowError):
            raise HistoryError(f"{self.path}: a row of a snapshot is damaged; restore the archive") from None

    def read_contents(self, snapshot: int) -> dict[str, bytes]:
        """Return the files of a snapshot by name, each checked against its digest; raises `HistoryError`."""
        rows = self._ask(
            "SELECT file.name, content.data, content.digest FROM file JOIN content "
            "ON content.id = file.content WHERE file.snapshot = ? ORDER BY file.name",
            (snapshot,),
        )
        rows = [(spell(name), data, digest) for name, data, digest in rows]
        self._check(snapshot, {name: digest for name, _, digest in rows})
        return {name: self._unpack(data, digest) for name, data, digest in rows}

    def _check(self, snapshot: int, digests: Mapping[str, bytes]) -> None:
        """Raise `HistoryError` for a snapshot that is not as it was written; one of an earlier version has no sum yet."""
        if not any(column[1] == "seal" for column in self._ask("PRAGMA table_info(snapshot)", ())):
            return
        rows = self._ask("SELECT kind, as_of, files_at, fingerprint, seal FROM snapshot WHERE id = ?", (snapshot,))
        for *entry, told in rows:
            if told is not None and told != seal_snapshot(tuple(entry), digests):
                raise HistoryError(f"{self.path}: the snapshot {snapshot} is damaged; restore the archive")

    def _ask(self, question: str, parameters: tuple[object, ...]) -> list[Any]:
        try:
            return self.connection.execute(question, parameters).fetchall()
        except sqlite3.DatabaseError as error:
            raise HistoryError(f"{self.path}: the archive cannot be read: {error}") from None

    def _unpack(self, packed: bytes, digest: bytes) -> bytes:
        try:
            data = self._decompressor.decompress(packed, max_output_size=LARGEST_BYTES)
        except (zstandard.ZstdError, TypeError, MemoryError):
            data = b""
        if hashlib.sha256(data).digest() != digest:
            raise HistoryError(f"{self.path}: the content {digest.hex()[:16]} is damaged; restore the archive")
        return data


@contextmanager
def open_archive(state_dir: Path) -> Iterator[ArchiveReader]:
    """Open the archive of a state folder for reading; raises `HistoryError` where there is none or it is damaged."""
    path = state_dir / FILE_NAME
    if not path.is_file():
        raise HistoryError(f"{path}: there is no archive yet; a run makes it")
    # Not read-only: what a killed run or a power cut left half written is rolled back by whoever opens it next.
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=30)) as connection:
            connection.execute("PRAGMA query_only = ON")
            yield ArchiveReader(connection, path)
    except sqlite3.Error as error:
        raise HistoryError(f"{path}: the archive cannot be read: {error}") from None

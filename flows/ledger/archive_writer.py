"""The snapshot archive, written: a world or an inventory is kept when it differs from the one before it."""

import hashlib
import os
import sqlite3
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import zstandard

from flows.errors import HistoryError, say_newer
from flows.files.own import describe
from flows.files.storage import make_folder, write_flushed
from flows.ledger.archive import FILE_NAME, INVENTORY, WORLD, ArchiveReader, Entry, seal_snapshot, to_micros, to_stored
from flows.sources.fingerprint import inventory_fingerprint, world_fingerprint
from flows.sources.inventory.files import InventoryFiles
from flows.sources.inventory.named_contents import pack_inventory
from flows.sources.world.files import WorldFiles

_SCHEMA = """
CREATE TABLE IF NOT EXISTS content (
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, size_bytes INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS snapshot (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, as_of INTEGER NOT NULL, files_at INTEGER NOT NULL,
    fingerprint TEXT NOT NULL, file_count INTEGER NOT NULL, size_bytes INTEGER NOT NULL, seal BLOB,
    UNIQUE (kind, as_of)
);
CREATE TABLE IF NOT EXISTS file (
    snapshot INTEGER NOT NULL REFERENCES snapshot ON DELETE CASCADE, name TEXT NOT NULL,
    content INTEGER NOT NULL REFERENCES content, PRIMARY KEY (snapshot, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS file_content ON file (content);
"""
_VERSION = 1
LEVEL = 9
"""Of zstd, for what is kept for months."""


class Archive(ArchiveReader):
    """An archive that is open for writing; what is added is there once the `with` block ends without an error."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        """Keep the connection."""
        super().__init__(connection, path)
        self._compressor = zstandard.ZstdCompressor(level=LEVEL)

    def add_world(self, files: WorldFiles, *, even_unchanged: bool = False) -> bool:
        """Keep a world, unless the one before it has the same files; return whether it was kept.

        The same world added again changes nothing; another one of the same moment takes its place.
        """
        fingerprint = world_fingerprint(files.contents)
        before = None if even_unchanged else self.find_latest(WORLD, files.as_of)
        if before is not None and before.fingerprint == fingerprint:
            return False
        self._add(WORLD, files.as_of, files.files_at, fingerprint, files.contents)
        return True

    def add_inventory(self, as_of: datetime, files: InventoryFiles) -> bool:
        """Keep an inventory, likewise; what of it could not be read is kept as such."""
        fingerprint = inventory_fingerprint(files)
        if self.has_inventory(as_of, fingerprint):
            return False
        self._add(INVENTORY, as_of, as_of, fingerprint, pack_inventory(files))
        return True

    def has_inventory(self, as_of: datetime, fingerprint: str) -> bool:
        """Return whether this inventory is the one that was kept last, at that moment."""
        before = self.find_latest(INVENTORY, as_of)
        return before is not None and before.fingerprint == fingerprint

    def _add(
        self, kind: str, as_of: datetime, files_at: datetime, fingerprint: str, contents: Mapping[str, bytes]
    ) -> None:
        self._forget(kind, as_of)
        size_bytes = sum(len(data) for data in contents.values())
        digests = {name: hashlib.sha256(data).digest() for name, data in contents.items()}
        seal = seal_snapshot((kind, to_micros(as_of), to_micros(files_at), fingerprint), digests)
        snapshot = self.connection.execute(
            "INSERT INTO snapshot (kind, as_of, files_at, fingerprint, file_count, size_bytes, seal) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (kind, to_micros(as_of), to_micros(files_at), fingerprint, len(contents), size_bytes, seal),
        ).lastrowid
        self.connection.executemany(
            "INSERT INTO file (snapshot, name, content) VALUES (?, ?, ?)",
            [(snapshot, to_stored(name), self._keep(data, digests[name])) for name, data in contents.items()],
        )

    def _forget(self, kind: str, as_of: datetime) -> None:
        self.connection.execute("DELETE FROM snapshot WHERE kind = ? AND as_of = ?", (kind, to_micros(as_of)))

    def _keep(self, data: bytes, digest: bytes) -> int:
        """Return the row of a content, which is compressed and kept where it is new."""
        known = self.connection.execute("SELECT id FROM content WHERE digest = ?", (digest,)).fetchone()
        if known:
            return int(known[0])
        packed = self._compressor.compress(data)
        kept = self.connection.execute(
            "INSERT INTO content (digest, size_bytes, data) VALUES (?, ?, ?)", (digest, len(data), packed)
        )
        return int(kept.lastrowid or 0)

    def prune(self, before: datetime | None = None, max_bytes: int | None = None) -> int:
        """Drop the worlds before a moment, then the oldest until the contents fit; return how many went.

        The newest world stays, and so does each inventory that a world which stays was judged against.
        """
        worlds = self.list_entries(WORLD)[:-1]
        spent = [world for world in worlds if before and world.as_of < before]
        self._drop(spent)
        rest = worlds[len(spent) :]
        gone = len(spent)
        while max_bytes is not None and rest and self.size_bytes() > max_bytes:
            step = max(1, len(rest) // 20)
            self._drop(rest[:step])
            rest, gone = rest[step:], gone + step
        return gone

    def _drop(self, worlds: Sequence[Entry]) -> None:
        self.connection.executemany("DELETE FROM snapshot WHERE id = ?", [(world.snapshot,) for world in worlds])
        oldest = self.list_entries(WORLD)[:1]
        needed = self.find_latest(INVENTORY, oldest[0].as_of) if oldest else None
        if needed is not None:
            self.connection.execute(
                "DELETE FROM snapshot WHERE kind = ? AND as_of < ?", (INVENTORY, to_micros(needed.as_of))
            )
        self.connection.execute("DELETE FROM content WHERE NOT EXISTS (SELECT 1 FROM file WHERE content = content.id)")

    def size_bytes(self) -> int:
        """Return the size of the kept contents as they are stored."""
        return int(self.connection.execute("SELECT coalesce(sum(length(data)), 0) FROM content").fetchone()[0])


@contextmanager
def edit_archive(state_dir: Path) -> Iterator[Archive]:
    """Open the archive of a state folder for writing, made where there is none; one transaction, all or nothing."""
    path = state_dir / FILE_NAME
    make_folder(state_dir)
    connection = _connect(path)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield Archive(connection, path)
        connection.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        raise HistoryError(f"{path}: the archive cannot be written: {error}") from None
    finally:
        connection.close()


def _open(path: Path) -> sqlite3.Connection:
    try:
        if not os.path.lexists(path):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600))
        if not stat.S_ISREG(path.lstat().st_mode):
            raise HistoryError(f"{path}: expected a regular file, found {describe(path.lstat())}; remove it")
        return sqlite3.connect(path, timeout=30, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise HistoryError(f"{path}: the archive cannot be opened: {error}") from None


def _connect(path: Path) -> sqlite3.Connection:
    connection = _open(path)
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        # With FULL, the journal's removal is not flushed, and a power cut can bring it back: the last world is undone.
        connection.execute("PRAGMA synchronous = EXTRA")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise HistoryError(say_newer(path, version, _VERSION))
        connection.executescript(f"{_SCHEMA} PRAGMA user_version = {_VERSION};")
        if not any(column[1] == "seal" for column in connection.execute("PRAGMA table_info(snapshot)")):
            with suppress(sqlite3.OperationalError):  # another process did so meanwhile
                connection.execute("ALTER TABLE snapshot ADD COLUMN seal BLOB")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise HistoryError(f"{path}: the archive cannot be opened: {error}") from None
    return connection


def shrink_archive(state_dir: Path) -> None:
    """Give the space of what was pruned back to the disk."""
    path = state_dir / FILE_NAME
    connection = _connect(path)
    try:
        connection.execute("VACUUM")
    except sqlite3.DatabaseError as error:
        raise HistoryError(f"{path}: the archive cannot be made smaller: {error}") from None
    finally:
        connection.close()


def export_world(archive: ArchiveReader, entry: Entry, folder: Path) -> Path:
    """Write an archived snapshot as a folder named by its time under `folder`, and return it."""
    target = folder / f"{entry.as_of:%Y-%m-%dT%H%M%S.%fZ}"
    for name, data in archive.read_contents(entry.snapshot).items():
        path = target / name
        if not path.resolve().is_relative_to(target.resolve()):
            raise HistoryError(f"{archive.path}: the file name {name!a} leads out of the folder")
        try:
            make_folder(path.parent)
            write_flushed(path, data)
            os.utime(path, ns=(to_micros(entry.files_at) * 1000,) * 2)
        except OSError as error:
            raise HistoryError(f"{path}: cannot be written: {error.strerror}; name another folder") from None
    return target

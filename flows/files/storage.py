"""Files of a folder on this machine, or of object storage (`s3://bucket/path`, what fsspec knows), by one interface.

Credentials and endpoints come from the environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, ...), which both fsspec
and polars read. A written file is whole or absent: on this machine by a rename, on object storage by its single put.
"""

import os
from pathlib import Path
from typing import Any, Protocol

from flows.errors import HistoryError
from flows.files.own import fill, put_in_place, sync_folder


class Storage(Protocol):
    """What the history needs of a place: paths are relative to it, with forward slashes."""

    def folders(self, path: str) -> list[str]:
        """Return the names of the folders in a folder, sorted; none where it does not exist."""

    def files(self, path: str) -> list[str]:
        """Return the names of the files in a folder, sorted; none where it does not exist."""

    def location(self, path: str) -> str:
        """Return what polars opens."""

    def read(self, path: str) -> bytes:
        """Return a file's content; raises `FileNotFoundError`."""

    def read_small(self, path: str, most_bytes: int) -> bytes | None:
        """Return a file's content; None for one with more bytes, or one that is far; may raise `FileNotFoundError`."""

    def write(self, path: str, data: bytes) -> None:
        """Write a whole file in place of the one that was there."""

    def remove(self, path: str) -> None:
        """Remove a file; one that is not there is no error."""


def open_storage(root: Path | str) -> Storage:
    """Return the storage of a folder, or of an address with `://`."""
    return RemoteStorage(root) if isinstance(root, str) and "://" in root else LocalStorage(Path(root))


class LocalStorage:
    """A folder of this machine."""

    def __init__(self, root: Path) -> None:
        """Keep the folder; it need not exist."""
        self.root = root

    def folders(self, path: str) -> list[str]:
        """Return the names of the folders in a folder, sorted; none where it does not exist."""
        return sorted(entry.name for entry in self._entries(path) if entry.is_dir(follow_symlinks=False))

    def files(self, path: str) -> list[str]:
        """Return the names of the files in a folder, sorted; none where it does not exist."""
        return sorted(entry.name for entry in self._entries(path) if entry.is_file(follow_symlinks=False))

    def _entries(self, path: str) -> list["os.DirEntry[str]"]:
        try:
            with os.scandir(self.location(path)) as entries:
                return list(entries)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise HistoryError(f"{self.root / path}: cannot be listed: {error.strerror}") from None

    def location(self, path: str) -> str:
        """Return what polars opens."""
        return f"{self.root}/{path}"

    def read(self, path: str) -> bytes:
        """Return a file's content; raises `FileNotFoundError`."""
        with open(self.location(path), "rb", buffering=0) as file:
            return file.readall()

    def read_small(self, path: str, most_bytes: int) -> bytes | None:
        """Return a file's content; None for one with more bytes; raises `FileNotFoundError`."""
        return self.read(path) if os.stat(self.location(path)).st_size <= most_bytes else None

    def write(self, path: str, data: bytes) -> None:
        """Write a temporary file and rename it, each flushed to the disk."""
        final = self.root / path
        make_folder(final.parent)
        temporary = final.parent / f".{final.name}.{os.getpid()}.tmp"
        write_flushed(temporary, data)
        put_in_place(temporary, final)

    def remove(self, path: str) -> None:
        """Remove a file; one that is not there is no error."""
        (self.root / path).unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, readable by the owner alone, each flushed into the one above."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def write_flushed(path: Path, data: bytes) -> None:
    """Write a file anew, readable by the owner alone, and flush it to the disk; never through a link."""
    path.unlink(missing_ok=True)
    fill(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), data)


class RemoteStorage:
    """A place that fsspec knows; a file there is written by one put, which object storage makes whole or not at all."""

    def __init__(self, root: str) -> None:
        """Connect; raises `HistoryError` where the address' kind needs a package that is not installed."""
        self.root = root.rstrip("/")
        self._files = open_remote(self.root)[0]

    def folders(self, path: str) -> list[str]:
        """Return the names of the folders in a folder, sorted; none where it does not exist."""
        return self._names(path, "directory")

    def files(self, path: str) -> list[str]:
        """Return the names of the files in a folder, sorted; none where it does not exist."""
        return self._names(path, "file")

    def _names(self, path: str, kind: str) -> list[str]:
        self._files.invalidate_cache()
        try:
            entries = self._files.ls(self.location(path), detail=True)
        except FileNotFoundError:
            return []
        return sorted(entry["name"].rstrip("/").rsplit("/", 1)[-1] for entry in entries if entry["type"] == kind)

    def location(self, path: str) -> str:
        """Return what polars opens."""
        return f"{self.root}/{path}"

    def read(self, path: str) -> bytes:
        """Return a file's content; raises `FileNotFoundError`."""
        return bytes(self._files.cat_file(self.location(path)))

    def read_small(self, path: str, most_bytes: int) -> bytes | None:  # noqa: ARG002 - of the interface
        """Return None: polars asks for many files at once."""
        return None

    def write(self, path: str, data: bytes) -> None:
        """Write a whole file in place of the one that was there."""
        self._files.pipe_file(self.location(path), data)

    def remove(self, path: str) -> None:
        """Remove a file; one that is not there is no error."""
        self._files.invalidate_cache()
        if self._files.exists(self.location(path)):
            self._files.rm_file(self.location(path))


def open_remote(root: str) -> tuple[Any, str]:
    """Return what fsspec opens of an address, and the address' path there; `HistoryError` where a package is missing."""
    import fsspec

    try:
        files, path = fsspec.core.url_to_fs(root)
    except (ImportError, ValueError) as error:
        raise HistoryError(f"{root}: {error}; for s3:// install the extra 's3'") from None
    return files, path.rstrip("/")

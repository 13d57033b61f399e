"""Files from folders that others write to: no link is followed, nothing but a regular file is read, no read hangs."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Self

from flows.errors import SupervisorError

READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
FOLDER = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY
CHUNK_BYTES = 64 * 1024
STABLE_READS = 5


class FileFaultError(SupervisorError):
    """A file cannot be read; `problem` is the text without the path."""

    def __init__(self, path: Path | str, problem: str) -> None:
        """Keep both."""
        super().__init__(f"{path}: {problem}")
        self.path = Path(path)
        self.problem = problem


class MissingFileError(FileFaultError):
    """There is no such file."""


class UnsafeFileError(FileFaultError):
    """It is not a regular file, too large, or not ours to read: another attempt would find the same."""


class UnstableFileError(FileFaultError):
    """It changed during each of several reads, or the read failed: another attempt may succeed."""


class Stamp(NamedTuple):
    """What tells one state of a file from another without reading it."""

    device: int
    inode: int
    size_bytes: int
    modified_ns: int
    changed_ns: int


class FileContent(NamedTuple):
    """A file as it was at one moment."""

    data: bytes
    stamp: Stamp

    @property
    def modified_at(self) -> datetime:
        """Return when the file was last written."""
        return datetime.fromtimestamp(self.stamp.modified_ns / 1e9, UTC)


def read_file(path: Path, *, max_bytes: int, setting: str | None = None, root: Path | None = None) -> FileContent:
    """Return a regular file's content, unchanged between the first and the last look at it.

    `path` is relative to `root` where there is one: then no part of it below the root may be a link or `..`; without a
    root only its last part may not. `setting` is what raises the limit, where something does. Raises a `FileFaultError`:
    missing, unsafe, or unstable.
    """
    shown = path if root is None else root / path
    try:
        with _opened(path, root) as descriptor:
            return _read_stable(descriptor, shown, max_bytes, setting)
    except OSError as error:
        raise explain_os_error(shown, error) from None


def stamp_file(path: Path | str) -> Stamp | None:
    """Return the stamp of what is at the path now, without following a link; none where there is nothing."""
    try:
        return _stamp(os.lstat(path))
    except OSError:
        return None


def is_folder(path: Path) -> bool:
    """Return whether a folder can be seen at the path, through links as well."""
    return find_folder_fault(path) is None


def find_folder_fault(path: Path) -> str | None:
    """Return why no folder can be seen at the path, through links as well; None where one can."""
    try:
        if path.is_dir():
            return None
        return "not a folder" if path.exists() else "no such folder"
    except OSError as error:
        return explain_os_error(path, error).problem


def explain_os_error(path: Path | str, error: OSError) -> FileFaultError:
    """Return what an operating system error means for the reader of a file."""
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return MissingFileError(path, "no such file")
    if error.errno == errno.ELOOP:
        return UnsafeFileError(path, "a symbolic link, which is not followed; put the file itself there")
    if error.errno in {errno.EACCES, errno.EPERM}:
        return UnsafeFileError(path, "permission denied; let the user of this process read it")
    if error.errno in {errno.ENXIO, errno.ENODEV}:
        return UnsafeFileError(path, "not a regular file")
    return UnstableFileError(path, f"cannot be read: {os.strerror(error.errno or errno.EIO)}")


class OpenFolders:
    """The folders on the way to the file that was read last, kept open: a tree read in order opens each one once."""

    def __init__(self, root: Path) -> None:
        """Open the root, through a link too; raises `OSError`."""
        self.root = root
        self._folder: str | None = ""
        """The one that was entered last; none where that failed on the way."""
        self._names: list[str] = []
        self._descriptors = [os.open(root, FOLDER)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave(0)
        os.close(self._descriptors.pop())

    def open(self, path: str) -> int:
        """Open a file below the root part by part, so that no folder on the way can be a link; raises `OSError`."""
        folder, _, name = path.rpartition("/")
        if name in {"", ".."}:
            raise UnsafeFileError(f"{self.root}/{path}", "outside its folder")
        if folder != self._folder:
            self._enter(folder)
        return os.open(name, READ, dir_fd=self._descriptors[-1])

    def _enter(self, path: str) -> None:
        folders = path.split("/") if path else []
        if ".." in folders:
            raise UnsafeFileError(f"{self.root}/{path}", "outside its folder")
        common = 0
        while common < min(len(folders), len(self._names)) and folders[common] == self._names[common]:
            common += 1
        self._folder = None
        self._leave(common)
        for folder in folders[common:]:
            self._descriptors.append(_open_folder(folder, self._descriptors[-1]))
            self._names.append(folder)
        self._folder = path

    def _leave(self, depth: int) -> None:
        while len(self._names) > depth:
            self._names.pop()
            os.close(self._descriptors.pop())


def read_file_in(folders: OpenFolders, path: str, *, max_bytes: int, setting: str | None = None) -> FileContent:
    """Return a file's content as `read_file` does, with the stamp that it had before: the caller looks at it again.

    What changed while it was read has another stamp then. The path is relative to the folders' root, with forward slashes.
    """
    shown = f"{folders.root}/{path}"
    try:
        descriptor = folders.open(path)
        try:
            return _read_once(descriptor, shown, max_bytes, setting)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise explain_os_error(shown, error) from None


@contextmanager
def _opened(path: Path, root: Path | None) -> Iterator[int]:
    """Open part by part from the root, so that no folder on the way can be a link either."""
    parts = path.parts if root is not None else (str(path),)
    if root is not None and (path.is_absolute() or ".." in parts):
        raise UnsafeFileError(root / path, "outside its folder")
    opened: list[int] = []
    try:
        if root is not None:
            opened.append(os.open(root, FOLDER))
        for part in parts[:-1]:
            opened.append(_open_folder(part, opened[-1]))
        opened.append(os.open(parts[-1], READ, dir_fd=opened[-1] if opened else None))
        yield opened[-1]
    finally:
        for descriptor in reversed(opened):
            os.close(descriptor)


def _open_folder(part: str, parent: int) -> int:
    try:
        return os.open(part, FOLDER | os.O_NOFOLLOW, dir_fd=parent)
    except NotADirectoryError:
        # A link to a folder gives ENOTDIR here, which must not be taken for a missing file.
        if stat.S_ISLNK(os.stat(part, dir_fd=parent, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        raise


def _read_stable(descriptor: int, path: Path | str, max_bytes: int, setting: str | None) -> FileContent:
    for _ in range(STABLE_READS):
        data, before = _read_once(descriptor, path, max_bytes, setting)
        stamp = _stamp(os.fstat(descriptor))
        # A rename over the file changes its change time alone: what was read is whole all the same.
        if before[:4] == stamp[:4]:
            return FileContent(data, stamp)
        os.lseek(descriptor, 0, os.SEEK_SET)
    raise UnstableFileError(path, "changes while it is read")


def _read_once(descriptor: int, path: Path | str, max_bytes: int, setting: str | None) -> FileContent:
    """Return what a regular file says, with its stamp before that; the size is that of what was read."""
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode):
        raise UnsafeFileError(path, f"not a regular file but {_kind(before.st_mode)}")
    if before.st_size > max_bytes:
        raise UnsafeFileError(path, f"{before.st_size} bytes, over the limit of {max_bytes}; {_advise(setting)}")
    data = _read_all(descriptor, before.st_size, max_bytes)
    if len(data) > max_bytes:
        raise UnsafeFileError(path, f"over the limit of {max_bytes} bytes; {_advise(setting)}")
    stamp = _stamp(before)
    return FileContent(data, stamp if len(data) == stamp.size_bytes else stamp._replace(size_bytes=len(data)))


def _advise(setting: str | None) -> str:
    return f"make it smaller, or raise {setting}" if setting else "make it smaller"


def _read_all(descriptor: int, size: int, max_bytes: int) -> bytes:
    """Read to the end, but no more than a byte beyond the limit; a file of the expected size comes in one piece."""
    first = os.read(descriptor, min(size, max_bytes) + 1)
    if len(first) == size:
        return first
    chunks, length = [first], len(first)
    while length <= max_bytes and (chunk := os.read(descriptor, min(CHUNK_BYTES, max_bytes + 1 - length))):
        chunks.append(chunk)
        length += len(chunk)
    return b"".join(chunks)


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")

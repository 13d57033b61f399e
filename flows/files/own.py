"""Files in folders that anyone may write to: opened only when they are what they should be, replaced only as a whole.

Nothing here follows a link at the last part of a path, waits for a FIFO, or opens a name that another user prepared.
"""

import errno
import grp
import os
import pwd
import re
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from flows.errors import EmitError
from flows.files.processes import is_alive

_TEMPORARY = re.compile(r"\.(?:(\d+)-)?[0-9a-f]{16}\.tmp$")
_LONGEST_WRITE_S = 3600
_NEVER = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_STICKY_OR_PRIVATE = "make it the owner's own (chmod o-w), or sticky like /tmp (chmod +t)"
_NO_GROUP = "take the group's right to write (chmod g-w), or make it sticky (chmod +t)"
_OF_THE_SYSTEM = {
    "/var/log": ["syslog"]
}  # Ubuntu's own way; who writes every log of the machine could change ours, too


class UnsafeFileError(EmitError):
    """A path of ours holds something that must not be used."""


def trusted_owners(others: Iterable[int] = ()) -> frozenset[int]:
    """Return the users whose files are taken for ours: root, this process's user, and those that are configured."""
    return frozenset({0, os.geteuid(), *others})


def settle_path(path: Path, owners: frozenset[int]) -> Path:
    """Return the path with its folder resolved, once nobody but the owners can put another folder in its place."""
    folder = path.absolute().parent
    for part in (folder, *folder.parents):
        _check_folder_part(part, owners)
    try:
        real = Path(os.path.realpath(folder, strict=True))
    except OSError as error:
        raise EmitError(f"{folder}: cannot be used: {error.strerror}") from None
    for part in (real, *real.parents):
        _check_folder_part(part, owners)
    return real / path.name


def _check_folder_part(part: Path, owners: frozenset[int]) -> None:
    try:
        found = part.lstat()
    except FileNotFoundError as error:
        raise EmitError(f"{part}: cannot be used: {error.strerror}; make it, or name another folder") from None
    except OSError as error:
        raise EmitError(f"{part}: cannot be used: {error.strerror}") from None
    if found.st_uid not in owners:
        raise UnsafeFileError(f"{part}: belongs to user {found.st_uid}, who could put other files in our place")
    if not stat.S_ISDIR(found.st_mode) and not stat.S_ISLNK(found.st_mode):
        raise UnsafeFileError(f"{part}: expected a folder, found {describe(found)}")
    if not stat.S_ISDIR(found.st_mode) or found.st_mode & stat.S_ISVTX:
        return
    if found.st_mode & stat.S_IWOTH:
        raise UnsafeFileError(f"{part}: every user can replace files in it; {_STICKY_OR_PRIVATE}")
    others = others_in_group(found.st_gid, owners | {found.st_uid}) if found.st_mode & stat.S_IWGRP else []
    if others and others != _OF_THE_SYSTEM.get(str(part)):
        raise UnsafeFileError(f"{part}: others of its group ({', '.join(others)}) can replace files in it; {_NO_GROUP}")


def others_in_group(group: int, trusted: frozenset[int]) -> list[str]:
    """Return the users of a group who are not trusted; a user's own group, as many systems give each, has none."""
    try:
        named = set(grp.getgrgid(group).gr_mem)
    except KeyError:
        named = set()
    users = [user for user in pwd.getpwall() if user.pw_gid == group or user.pw_name in named]
    unknown = named - {user.pw_name for user in users}
    return sorted(unknown | {user.pw_name for user in users if user.pw_uid not in trusted})


def make_private_folder(path: Path) -> Path:
    """Make the folder with mode 0700 where it is absent; refuse one that others own or can write to."""
    path = path.absolute()
    missing = [part for part in (path, *path.parents) if not os.path.lexists(part)]
    try:
        for part in reversed(missing):
            part.mkdir(mode=0o700, exist_ok=True)
            sync_folder(part.parent)
    except OSError as error:
        raise EmitError(f"{path}: cannot be made: {error.strerror}") from None
    real = settle_path(path / "lock", trusted_owners()).parent
    found = real.stat()
    if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise UnsafeFileError(
            f"{real}: must be ours alone (found owner {found.st_uid}, mode {stat.S_IMODE(found.st_mode):04o});"
            " chmod 700, or set another state folder"
        )
    return real


def open_regular(path: Path, flags: int, owners: frozenset[int] | None) -> int:
    """Open an existing regular file with one name, of these owners or of any; FileNotFoundError where it is absent.

    `O_CREAT` is never used on a file that exists: with `fs.protected_regular` not even root may.
    """
    try:
        fd = os.open(path, flags | _NEVER)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _explain(path, error) from None
    found = os.fstat(fd)
    problem = _find_problem(found, owners)
    if problem is not None:
        os.close(fd)
        raise UnsafeFileError(f"{path}: {problem}")
    return fd


def create_file(path: Path, flags: int, mode: int) -> int:
    """Make a file that did not exist, of that mode or a tighter one; FileExistsError where it does."""
    try:
        return os.open(path, flags | _NEVER | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise
    except OSError as error:
        raise _explain(path, error) from None


def say_os_error(error: OSError) -> str:
    """Return what the system says of what cannot be written; where a folder was to be made, what stands there."""
    if error.errno == errno.EEXIST and error.filename and not os.path.isdir(error.filename):
        return f"expected {error.filename} to be a folder, found {describe(os.lstat(error.filename))}; remove it"
    return error.strerror or str(error)


def _explain(path: Path, error: OSError) -> EmitError:
    if os.path.lexists(path):
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            return UnsafeFileError(f"{path}: {_refuse_kind(found)}")
        if error.errno == errno.EACCES:
            return EmitError(f"{path}: cannot be opened by user {os.geteuid()}: it belongs to user {found.st_uid}")
    who = f" by user {os.geteuid()}, who needs rights in {path.parent}" if error.errno == errno.EACCES else ""
    return EmitError(f"{path}: cannot be opened{who}: {error.strerror}")


def _find_problem(found: os.stat_result, owners: frozenset[int] | None) -> str | None:
    if not stat.S_ISREG(found.st_mode):
        return _refuse_kind(found)
    if found.st_nlink != 1:
        return f"has {found.st_nlink} names (hard links), so that writing to it would change another file; remove it"
    if owners is not None and found.st_uid not in owners:
        return (
            f"belongs to user {found.st_uid}, who is not trusted here; chown or remove it (log_owners may name a log's)"
        )
    return None


def _refuse_kind(found: os.stat_result) -> str:
    advice = "name a file in it" if stat.S_ISDIR(found.st_mode) else "remove it"
    return f"expected a regular file, found {describe(found)}; {advice}"


def describe(found: os.stat_result) -> str:
    """Return in a word what kind of file it is."""
    kinds = {
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFDIR: "a folder",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
        stat.S_IFSOCK: "a socket",
    }
    return kinds.get(stat.S_IFMT(found.st_mode), "a regular file")


def write_all(fd: int, data: bytes) -> None:
    """Write all of the data, or raise OSError."""
    left = memoryview(data)
    while left:
        written = os.write(fd, left)
        if written == 0:
            raise OSError(errno.EIO, "nothing was written")
        left = left[written:]


def fill(fd: int, data: bytes, *, is_durable: bool = True) -> None:
    """Write all of the data to a file that was just made, sync it, and close it."""
    try:
        write_all(fd, data)
        if is_durable:
            os.fsync(fd)
    finally:
        os.close(fd)


def write_temporary(path: Path, data: bytes, mode: int = 0o600, *, is_durable: bool = True) -> Path:
    """Write the data to a new file beside the path, under a name that cannot be foreseen, and sync it."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(8).hex()}.tmp")
    fd = create_file(temporary, os.O_WRONLY, mode)
    try:
        fill(fd, data, is_durable=is_durable)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def put_in_place(temporary: Path, path: Path, *, is_durable: bool = True) -> None:
    """Give a file that is whole its name, in place of what was there, and sync it; where that fails it is removed."""
    try:
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    if is_durable:
        sync_folder(path.parent)


def create_whole(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Make the file, whole and durable, where there is none; what another process made meanwhile stays."""
    temporary = write_temporary(path, data, mode)
    try:
        with suppress(FileExistsError):
            os.link(temporary, path, follow_symlinks=False)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Make the file's content durable."""
    fd = os.open(path, os.O_RDONLY | _NEVER)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_folder(path: Path) -> None:
    """Make the names in the folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def remove_leftovers(path: Path) -> None:
    """Remove all temporary files beside the path that are ours, whoever wrote them: its lock is held; they are never read."""
    with os.scandir(path.parent) as entries:
        beside = list(entries)
    for entry in beside:
        if entry.name.startswith(f"{path.name}.") and entry.name.endswith("tmp"):
            found = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
                Path(entry.path).unlink()


def sweep_folder(folder: Path) -> None:
    """Remove the temporary files that killed processes of ours left in a folder."""
    _sweep(folder, "")


def _sweep(folder: Path, beginning: str) -> None:
    with os.scandir(folder) as entries:
        left = [entry for entry in entries if entry.name.startswith(beginning) and _TEMPORARY.search(entry.name)]
    for entry in left:
        found = entry.stat(follow_symlinks=False)
        if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not _is_being_written(entry.name, found):
            Path(entry.path).unlink(missing_ok=True)


def _is_being_written(name: str, found: os.stat_result) -> bool:
    """Return whether its writer lives; the number of a process is given again, so that an old file has no writer."""
    writer = _TEMPORARY.search(name)
    process = writer[1] if writer else None
    is_new = time.time() - found.st_mtime < _LONGEST_WRITE_S
    return process not in {None, str(os.getpid())} and is_new and is_alive(int(str(process)))


def replace_file(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put the data in the file's place: after a crash it is the old one or the new one, whole; EmitError for a device."""
    if os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode):
        raise EmitError(
            f"{path}: expected a regular file or nothing, found {describe(path.lstat())}; name another file"
        )
    if not path.parent.is_dir():
        raise EmitError(f"{path}: cannot be written: there is no folder {path.parent}; make it, or name another")
    try:
        _sweep(path.parent, f"{path.name}.")
        put_in_place(write_temporary(path, data, mode), path)
    except OSError as error:
        raise EmitError(f"{path}: cannot be written: {error.strerror}; what was there stands") from None

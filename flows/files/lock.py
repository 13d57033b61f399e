"""One run at a time: locks of the kernel, which a killed process frees.

Three things are shared between runs, and two runs may share any one of them without the others (two state folders,
one log): the state folder with its history, the checkpoint, and the log. So a run holds two lock files, one in the
state folder and one beside the checkpoint, always taken in this order, and locks the log itself while it appends.
The log needs no lock file, so that two users can share one in a folder where neither may write, and its lock
is held for milliseconds, since other agents may lock it around their lines as well.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from flows.errors import BusyError, EmitError
from flows.files.own import create_file, open_regular, write_all

_PAUSE_S = 0.02


@contextmanager
def hold_lock(path: Path, timeout_s: float) -> Iterator[None]:
    """Hold the lock file, which is made where it is absent and never deleted; BusyError after the time-out."""
    try:
        fd = _acquire(path, time.monotonic() + timeout_s, timeout_s)
    except OSError as error:
        raise EmitError(f"{path}: cannot be locked: {error.strerror}") from None
    try:
        _sign(fd)
        yield
    finally:
        os.close(fd)


def wait_for_lock(fd: int, deadline: float) -> bool:
    """Take the kernel's lock of an open file; false where the deadline (of `time.monotonic`) passed."""
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_PAUSE_S)
        else:
            return True


def is_same_file(fd: int, path: Path) -> bool:
    """Tell whether the path still names the open file: it may have been removed or rotated meanwhile."""
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(path))
    except FileNotFoundError:
        return False


def _acquire(path: Path, deadline: float, timeout_s: float) -> int:
    while True:
        fd = _open(path)
        try:
            if not wait_for_lock(fd, deadline):
                raise BusyError(
                    f"another run holds the lock {path} ({_describe_holder(fd)}); waited {timeout_s:g} s:"
                    " try again when it has ended, or look at that process"
                )
            # A cleaner of temporary files may have removed the file while we waited: its lock then locks nothing.
            if is_same_file(fd, path):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _open(path: Path) -> int:
    owners = frozenset({os.geteuid()})
    while True:
        try:
            return open_regular(path, os.O_RDWR, owners)
        except FileNotFoundError:
            with suppress(FileExistsError):
                return create_file(path, os.O_RDWR, 0o600)


def _sign(fd: int) -> None:
    holder = {"pid": os.getpid(), "started_at": datetime.now(UTC).isoformat(timespec="seconds")}
    try:
        os.lseek(fd, 0, os.SEEK_SET)
        write_all(fd, json.dumps(holder).ljust(80).encode() + b"\n")
    except OSError as error:
        raise EmitError(f"the lock file cannot be written: {error.strerror}") from None


def _describe_holder(fd: int) -> str:
    try:
        holder = json.loads(os.pread(fd, 200, 0))
        return f"process {int(holder['pid'])}, started {datetime.fromisoformat(holder['started_at']).isoformat()}"
    except (ValueError, KeyError, TypeError):
        return "a process that has not said who it is yet"

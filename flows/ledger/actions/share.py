"""Files that the users of all roles read: they belong to the group of their folder."""

import os
from contextlib import suppress
from pathlib import Path

from flows.files.own import put_in_place, write_temporary


def share_file(fd: int, folder: Path, mode: int) -> None:
    """Give a file that this user made to the group of its folder, with that mode, whatever the mask is.

    Where this user is not in that group the file stays theirs alone, and others say that they cannot read it.
    """
    with suppress(PermissionError):
        os.fchown(fd, -1, folder.stat().st_gid)
    os.fchmod(fd, mode)


def replace_shared(path: Path, data: bytes, mode: int = 0o640) -> None:
    """Put the data in the file's place, whole and durable, for the group of its folder; OSError where that cannot be."""
    temporary = write_temporary(path, data)
    fd = os.open(temporary, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        share_file(fd, path.parent, mode)
    finally:
        os.close(fd)
    put_in_place(temporary, path)

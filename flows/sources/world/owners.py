"""Who could have written the world: told where it is anybody, since a run believes what is there."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

MOST_FILES = 100


def doubt_owners(folder: Path, summary: Path | None = None) -> Iterator[str]:
    """Yield a sentence for each file or folder of the world that users other than its observer can replace.

    The observer is whoever owns the folder; root and we are trusted as well. A link is looked through: what counts is
    who can change what is read.
    """
    try:
        found = folder.stat()
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.name.endswith(".json"))[:MOST_FILES]
    except OSError:
        return
    if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
        yield f"{folder}: every user can put another world here; chmod o-w, or +t"
    trusted = {0, os.geteuid(), found.st_uid}
    for path in [*(folder / name for name in names), *([summary] if summary else [])]:
        yield from _doubt_file(path, trusted)


def _doubt_file(path: Path, trusted: set[int]) -> Iterator[str]:
    try:
        found = path.stat()
    except OSError:
        return
    if found.st_uid not in trusted:
        yield f"{path}: belongs to user {found.st_uid}, who is not the owner of its folder; it is believed all the same"
    elif found.st_mode & stat.S_IWOTH:
        yield f"{path}: every user can write it; it is believed all the same; chmod o-w"

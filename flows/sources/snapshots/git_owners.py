"""Where a Git repository leads: to what its own owner has, and nowhere else.

A repository can name others: a `.git` file, `commondir`, a link, alternates of its objects. A stranger's must not make us
read with our rights what its owner may not. Of objects folders alone are looked at: a file in one is found by its digest,
which only who has the object knows.
"""

import os
from pathlib import Path

from flows.errors import HistoryError
from flows.files.foreign import FileFaultError, MissingFileError, read_file

MOST_STORES = 100
_ALTERNATES_BYTES = 1024 * 1024


def follow(named: Path, owner: int) -> Path:
    """Return where a path leads that this user wrote; raises `HistoryError` where it is another one's.

    What we ourselves or root name may be anybody's.
    """
    try:
        place = named.resolve()
        found = place.stat().st_uid
    except (OSError, RuntimeError):
        raise HistoryError(f"{named}: is named by a Git repository, and cannot be looked at") from None
    if owner not in {0, os.geteuid(), found}:
        raise HistoryError(
            f"{place}: belongs to user {found}, and is named by a Git repository of user {owner}: not read; clone it whole"
        )
    return place


def check_stores(objects: Path, owner: int) -> None:
    """Raise `HistoryError` where the objects of a user's repository lie, in parts or as alternates, with another one."""
    seen: dict[Path, int] = {}
    left = [(objects, owner)]
    while left:
        named, by = left.pop()
        store = follow(named, by)
        if store in seen:
            continue
        seen[store] = store.stat().st_uid
        if len(seen) > MOST_STORES:
            raise HistoryError(f"{objects}: more than {MOST_STORES} alternates")
        for entry in _links(store):
            follow(entry, seen[store])
        left += [(place, seen[store]) for place in _alternates(store)]


def _links(store: Path) -> list[Path]:
    with os.scandir(store) as entries:
        return [Path(entry.path) for entry in entries if entry.is_symlink()]


def _alternates(store: Path) -> list[Path]:
    """Return the stores that one names, as git reads its list; one that is not there is passed over, as git does."""
    place = store / "info" / "alternates"
    try:
        lines = read_file(place, max_bytes=_ALTERNATES_BYTES).data.decode("utf-8", "surrogateescape").splitlines()
    except MissingFileError:
        return []
    except FileFaultError as error:
        raise HistoryError(str(error)) from None
    if any(line.startswith('"') for line in lines):
        raise HistoryError(f"{place}: has a path in quotes, which is not read; clone the repository whole")
    named = [store / line for line in lines if line and not line.startswith("#")]
    return [path for path in named if os.path.lexists(path)]

"""Inputs on object storage, copied to this machine: what changed is fetched, and what is gone there goes here."""

import json
from pathlib import Path, PurePosixPath
from typing import Any

from flows.errors import WorldUnreadableError
from flows.files.own import make_private_folder, replace_file
from flows.files.storage import open_remote

INDEX = "fetched.json"
FOLDERS = ("inventory", "world")


def fetch_inputs(address: str, folder: Path, most_bytes: int) -> None:
    """Make `inventory/` and `world/` of the folder what they are at the address, each file whole.

    Raises `WorldUnreadableError` where the address cannot be read, or holds more than `most_bytes`; the copy that there
    is stays as it is then, and grows old.
    """
    try:
        files, root = open_remote(address)
        there = {_relative(root, path): _stamp(said) for path, said in files.find(root, detail=True).items()}
        there = {name: stamp for name, stamp in there.items() if name.parts[0] in FOLDERS}
        total = sum(size for size, _ in there.values())
        if not there or total > most_bytes:
            found = f"{total} bytes, more than {most_bytes}" if there else "neither inventory/ nor world/"
            raise WorldUnreadableError(f"{address}: holds {found}")
        known = _read_index(folder)
        changed = {str(name): f"{root}/{name}" for name, stamp in there.items() if known.get(str(name)) != list(stamp)}
        fetched = files.cat(list(changed.values())) if changed else {}
    except WorldUnreadableError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a library of any storage makes of its trouble
        raise WorldUnreadableError(f"{address}: cannot be fetched: {type(error).__name__}: {error}") from None
    for name in known.keys() - {str(name) for name in there}:
        (folder / name).unlink(missing_ok=True)
    for name, path in changed.items():
        place = folder / name
        make_private_folder(place.parent)
        replace_file(place, fetched[path])
    replace_file(folder / INDEX, json.dumps({str(name): stamp for name, stamp in there.items()}).encode())


def _relative(root: str, path: str) -> PurePosixPath:
    """Return the path below the root. Raises ValueError for one that would lead out of it, or that no system has."""
    name = PurePosixPath(path).relative_to(root)
    if ".." in name.parts or not name.parts or "\0" in path:
        raise ValueError(f"{path!a} is no name of a file")
    return name


def _stamp(said: dict[str, Any]) -> tuple[int, str]:
    """Return the size, and what tells one content from another of that size."""
    return int(said.get("size") or 0), str(said.get("ETag") or said.get("LastModified") or said.get("mtime") or "")


def _read_index(folder: Path) -> dict[str, list[Any]]:
    """Return the stamps of what was fetched before; nothing where that is not known, so that all is fetched anew."""
    make_private_folder(folder)
    if not (folder / INDEX).is_file():
        return {}
    try:
        known = json.loads((folder / INDEX).read_bytes())
        return {name: stamp for name, stamp in known.items() if (folder / name).is_file()}
    except (OSError, ValueError, AttributeError):
        return {}

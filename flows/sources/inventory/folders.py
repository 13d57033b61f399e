"""What each folder under `hosts/` holds: whether it is a node, and where the files of its services are (SEMANTICS 2)."""

import re
from fnmatch import fnmatchcase
from typing import NamedTuple

from flows.sources.inventory.files import (
    CAPABILITIES_FILE,
    COMPOSE_FILES,
    HOSTS,
    NODE_FILE,
    NODE_FILES,
    InventoryFiles,
    is_compose_path,
)
from flows.sources.names import is_name, normalize_name
from schemas.rules import Rules

MOST_CHARACTERS = 63
_NO_PROJECT = re.compile(r"[^a-z0-9_-]")


class NodeFiles(NamedTuple):
    """One folder under `hosts/`."""

    folder: str
    is_node: bool
    """It holds one of a node's files, or what it holds could not be seen."""
    stacks: tuple[tuple[str, str | None], ...]
    """The compose file of each stack, and the stack's name: that of its folder, as Compose would have it."""
    unreadable: tuple[str, ...]
    """What is there, may ask for services, and could not be read."""


def find_node_files(files: InventoryFiles, rules: Rules) -> dict[str, NodeFiles]:
    """Return what each folder under `hosts/` holds, by its name as it is written; compose files where they are read."""
    held: dict[str, list[str]] = {path.split("/")[1]: [] for path in files.folders}
    for path in (*files.contents, *files.taken, *files.unreadable, *files.near_misses, *files.marks):
        if path.startswith(f"{HOSTS}/"):
            held.setdefault(path.split("/")[1], []).append(path)
    return {folder: _find(folder, paths, files, rules) for folder, paths in held.items()}


def _find(folder: str, paths: list[str], files: InventoryFiles, rules: Rules) -> NodeFiles:
    simple = f"{HOSTS}/{folder}/"
    if all(path[len(simple) :] in NODE_FILES and path not in files.unreadable for path in paths):
        return NodeFiles(folder, bool(paths), (), ())
    ours = [path for path in paths if not _is_ignored(path, rules)]
    stacks = _first_of_each([path for path in ours if is_compose_path(path)])
    asking = [path for path in ours if path in stacks.values() or not (is_compose_path(path) or _is_side_file(path))]
    unreadable = tuple(sorted(path for path in asking if path in files.unreadable))
    named = tuple((path, _project(place)) for place, path in sorted(stacks.items()))
    return NodeFiles(folder, any(not _is_inner_folder(path) for path in ours), named, unreadable)


def _is_side_file(path: str) -> bool:
    """Return whether the file at a path asks for no service."""
    return path.count("/") == 2 and path.rpartition("/")[2] in {CAPABILITIES_FILE, NODE_FILE}


def _is_inner_folder(path: str) -> bool:
    """Return whether a path is a folder within a node's: such a path is only here where the folder could not be read."""
    name = path.rpartition("/")[2]
    return path.count("/") == 2 and not name.lower().endswith((".yaml", ".yml"))


def _is_ignored(path: str, rules: Rules) -> bool:
    """Return whether settings keep a path out: compose files are off, or its folder within the node's is passed over."""
    if not rules.compose and (is_compose_path(path) or _is_inner_folder(path)):
        return True
    parts = path.split("/")
    inner = parts[2] if len(parts) == 4 or _is_inner_folder(path) else None
    return inner is not None and any(fnmatchcase(inner, pattern) for pattern in rules.ignore_hosts)


def _first_of_each(paths: list[str]) -> dict[str, str]:
    """Return the compose file of each folder that Compose would take: the first of its names."""
    found: dict[str, str] = {}
    for path in sorted(paths, key=lambda path: COMPOSE_FILES.index(path.rpartition("/")[2])):
        found.setdefault(path.rpartition("/")[0], path)
    return found


def _project(folder: str) -> str | None:
    name = normalize_name(folder.rpartition("/")[2])
    if is_name(name, MOST_CHARACTERS):
        return name
    plain = _NO_PROJECT.sub("", name).lstrip("_-")[:MOST_CHARACTERS]
    return plain or None

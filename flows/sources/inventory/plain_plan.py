"""What the lines below a service's name mean by their keys and their nesting, whatever their values: where each thing is said."""

from functools import lru_cache
from typing import Any, NamedTuple

from flows.sources.inventory.dependency_lists import SCOPES
from flows.sources.inventory.entry_hash import NULL
from flows.sources.inventory.services_file import KNOWN, SPECIAL, TEXTS
from flows.sources.inventory.tree_reader import suggest
from schemas.words import DependencyScope

MAX_DEPTH = 6
"""Levels below a service; what is deeper is left to the strict reader."""
AMBIGUOUS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_SCOPES: dict[tuple[str, ...], DependencyScope] = {(): DependencyScope.ANYWHERE}
_SCOPES |= {(name,): scope for name, scope in SCOPES.items()}


class Plan(NamedTuple):
    """Where a service with a certain sequence of keys says what: its lines, the one below its name being 0."""

    switches: tuple[int, ...]
    texts: tuple[int | None, ...]
    """The line of each of `TEXTS`."""
    template: str
    """The entry as canonical JSON, with a place for each value."""
    values: tuple[int, ...]
    """The lines whose values stand in these places."""
    declared: tuple[tuple[int, DependencyScope], ...]
    """Lines that hold dependencies: a list in brackets, or one behind a dash."""


@lru_cache(maxsize=4096)
def plan_entry(leads: tuple[str, ...]) -> Plan | None:
    """Return what the lines below a service's name mean, or None where their nesting has not one meaning.

    Services of one fleet share a few sequences of leads, so that each is understood once.
    """
    paths = find_paths(leads)
    if paths is None or not all(_is_known(path[0]) for _, path in paths):
        return None
    if any(path[0] in SPECIAL for _, path in paths):
        return None
    switches = [index for index, path in paths if path in {("monitor",), ("enabled",)}]
    lines = {path: index for index, path in paths if len(path) == 1 and leads[index].endswith(" ")}
    declared = []
    for index, path in paths:
        if path[0] != "depends_on":
            continue
        is_item = path[-1] == "-"
        scope = _SCOPES.get(path[1:-1] if is_item else path[1:])
        if scope is None:
            return None
        if leads[index].endswith(" "):
            declared.append((index, scope))
    texts = tuple(lines.get((key,)) for key in TEXTS)
    return Plan(tuple(switches), texts, *_template(leads, paths), tuple(declared))


def _template(leads: tuple[str, ...], paths: list[tuple[int, tuple[str, ...]]]) -> tuple[str, tuple[int, ...]]:
    """Return the entry as canonical JSON with a place for each value, and the lines of these values in their order."""
    if not paths:
        return NULL, ()
    root: dict[str, Any] = {}
    for index, path in paths:
        at: Any = root
        for key in path[:-1]:
            at = at[key]
        if path[-1] == "-":
            at.append(index)
        else:
            at[path[-1]] = index if leads[index].endswith(" ") else _opened(index, path, paths)
    places: list[int] = []
    return _write(root, places), tuple(places)


def _opened(index: int, path: tuple[str, ...], paths: list[tuple[int, tuple[str, ...]]]) -> Any:
    """Return what begins below a key without a value: a list, a mapping, or nothing."""
    below = next((other for number, other in paths if number > index), ())
    if below[: len(path)] != path or len(below) == len(path):
        return None
    return [] if below[len(path)] == "-" else {}


def _write(value: Any, places: list[int]) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f'"{key}":{_write(value[key], places)}' for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_write(item, places) for item in value) + "]"
    if value is None:
        return NULL
    places.append(value)
    return "%s"


def _is_known(key: str) -> bool:
    """Return whether it is a service's key that is read, or one so different that it is nobody's misspelling."""
    return key != "-" and (key in KNOWN or suggest(key, KNOWN) is None)


def find_paths(leads: tuple[str, ...]) -> list[tuple[int, tuple[str, ...]]] | None:
    """Return line and path of keys of each key or dash; None for a nesting that is not plain, or a key twice."""
    paths: list[tuple[int, tuple[str, ...]]] = []
    path: tuple[str, ...] = ()
    is_open = True
    for index, lead in enumerate(leads):
        if not lead:
            continue
        word = lead.strip(" ").removesuffix(":")
        indentation = len(lead) - len(lead.lstrip(" "))
        level = indentation // 2 - 2
        has_value = lead.endswith(" ")
        if indentation % 2 or not 0 <= level <= min(len(path), MAX_DEPTH) or word in AMBIGUOUS:
            return None
        if not _fits(path, level, word, is_open=is_open, has_value=has_value):
            return None
        path = (*path[:level], word)
        paths.append((index, path))
        is_open = not has_value
    keys = [path for _, path in paths if path[-1] != "-"]
    return paths if len(set(keys)) == len(keys) else None


def _fits(path: tuple[str, ...], level: int, word: str, *, is_open: bool, has_value: bool) -> bool:
    """Return whether a key or a dash can stand there: below a key without a value, or beside others of its kind."""
    is_item = word == "-"
    if level == len(path):
        return is_open and (has_value or not is_item)
    return (path[level] == "-") == is_item and (has_value or not is_item)

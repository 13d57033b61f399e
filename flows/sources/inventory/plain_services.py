"""Read a `services.yaml` of the plain block shape without a YAML parser: only what has one meaning, or nothing at all.

The platform's inventories are written in one verbose shape: two spaces a level, a key and at most one plain value on
a line. A regular expression reads such a file many times faster than a YAML parser does. Anything else (a tab, an
anchor, a folded text, a repeated or misspelt key, a word such as `yes` that YAML 1.1 and 1.2 read differently) is not
judged here: the answer is None, and the strict reader, which is the reference, reads the file.
"""

import re
from functools import lru_cache
from string import ascii_letters
from typing import Any, NamedTuple

from flows.sources.formats.yaml_scalars import read_scalar
from flows.sources.inventory.dependency_lists import SCOPES
from flows.sources.inventory.entry_hash import NULL, dump_canonical
from flows.sources.inventory.services_file import KNOWN, SPECIAL, TEXTS
from flows.sources.inventory.tree_reader import suggest
from schemas.limits import Limits
from schemas.words import ALL, DependencyScope

MAX_DEPTH = 6
"""Levels below a service; what is deeper is left to the strict reader."""

_KEY = r"[a-z][a-z0-9_-]*+"
_COMMENT = r"(?: ++#[\x20-\x7e\xa1-\u024f]*+| *+)\n"
_BLANK = r"(?: *+#[\x20-\x7e\xa1-\u024f]*+| *+)\n"
_INNER = r"[A-Za-z0-9_./,()=@%+~-]++(?::[A-Za-z0-9_./]++)*+"
_UNCLEAR = r"(?![tTfFnNyYoO](?i:rue|alse|ull|o|es|n|ff|)(?: *+\n| ++#| *+[,\]]))"
_PLAIN = rf"{_UNCLEAR}(?=[A-Za-z/]){_INNER}(?: (?=[A-Za-z0-9_./(+~-]){_INNER})*+"
_NUMBER = r"(?:0|[1-9][0-9]{0,14}+)(?:\.[0-9]{1,15}+)?+"
_QUOTED = r"\"[\x20\x21\x23-\x5b\x5d-\x7e]*+\"|'[\x20-\x26\x28-\x7e]*+'"
_ITEM = rf" *+{_UNCLEAR}[A-Za-z][A-Za-z0-9_.-]*+ *+"
_LIST = rf"\[(?:\]|{_ITEM}(?:,{_ITEM})*+\])"
_VALUE = rf"{_PLAIN}|true|false|null|{_NUMBER}|{_LIST}|{_QUOTED}|\{{\}}"

_HEAD = re.compile(rf"(?:---\n)?+(?:{_BLANK})*+services:{_COMMENT}(?:{_BLANK})*+")
_SERVICE = re.compile(rf"  ({_KEY}):{_COMMENT}((?:(?:    .*+| *+#.*+| *+)\n)*+)")
_LINE = re.compile(
    rf"^(?:( *+(?:{_KEY}:|-)(?: (?=[^ #\n]))?+)(?:(?<= )({_VALUE}))?+{_COMMENT}|{_BLANK})",
    re.MULTILINE,
)
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*+")
_AMBIGUOUS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_CONSTANTS = frozenset({"true", "false", "null"})
_WORD_START = frozenset(f"{ascii_letters}/")
"""No plain value that begins so holds what JSON escapes."""
_SCOPES: dict[tuple[str, ...], DependencyScope] = {(): DependencyScope.ANYWHERE}
_SCOPES |= {(name,): scope for name, scope in SCOPES.items()}


class PlainServices(NamedTuple):
    """What a plain file says, by columns: its services in file order, and the dependencies that they declare."""

    services: list[str]
    lines: list[int]
    are_monitored: list[bool]
    texts: tuple[list[str | None], ...]
    """Of each of `TEXTS`, what each service says."""
    entries: list[str]
    """All that the file says of each service, as canonical JSON."""
    dependents: list[str]
    """The service that declares the dependency of the same place in the lists below."""
    dependencies: list[str]
    scopes: list[DependencyScope]
    dependency_lines: list[int]


class Plan(NamedTuple):
    """Where a service with a certain sequence of keys says what: its lines, the one below its name being 0."""

    switches: tuple[int, ...]
    texts: tuple[int | None, ...]
    """The line of each of `TEXTS`."""
    template: str
    """The entry as canonical JSON, with a place for each value."""
    values: tuple[int, ...]
    """The lines whose values stand in these places."""
    lists: tuple[tuple[int, DependencyScope], ...]
    """Lines that hold a list of dependencies, in brackets."""
    items: tuple[tuple[int, DependencyScope], ...]
    """Lines that hold one dependency, behind a dash."""


class Entry(NamedTuple):
    """What is said below a service's name."""

    line_count: int
    is_monitored: bool
    texts: tuple[str | None, ...]
    """Of each of `TEXTS`, what it says."""
    whole: str
    """All of it, as canonical JSON."""
    dependencies: tuple[tuple[int, DependencyScope, str], ...]
    """Each with its line, the one below the service's name being 0."""


def recognise_services(data: bytes, limits: Limits) -> PlainServices | None:
    """Return the services of a file of the plain shape, or None where the strict reader must decide."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    text = text if text.endswith("\n") else text + "\n"
    most_values = 2 * text.count("\n") + text.count(",") + 2
    if most_values > limits.max_yaml_nodes or limits.max_yaml_depth < MAX_DEPTH + 3:
        return None
    head = _HEAD.match(text)
    found = _read_services(text, head.end()) if head else None
    return found if found is not None and _are_names(found, limits.max_name_length) else None


def _are_names(found: PlainServices, max_length: int) -> bool:
    """Return whether the services have different names, and each name, which has the right characters, is usable."""
    names = {*found.services}
    if len(names) != len(found.services) or not names:
        return False
    names.update(found.dependencies)
    return ALL not in names and max(map(len, names)) <= max_length and names.isdisjoint(_AMBIGUOUS)


def _read_services(text: str, position: int) -> PlainServices | None:
    found = PlainServices([], [], [], tuple([] for _ in TEXTS), [], [], [], [], [])
    line = text.count("\n", 0, position) + 1
    for service in _SERVICE.finditer(text, position):
        name, body = service.groups()
        entry = _read_entry(body)
        if service.start() != position or entry is None:
            return None
        _add_service(found, name, line, entry)
        position = service.end()
        line += entry.line_count + 1
    return found if position == len(text) else None


def _add_service(found: PlainServices, name: str, line: int, entry: Entry) -> None:
    found.services.append(name)
    found.lines.append(line)
    found.are_monitored.append(entry.is_monitored)
    for texts, text in zip(found.texts, entry.texts, strict=True):
        texts.append(text)
    found.entries.append(entry.whole)
    for index, scope, word in entry.dependencies:
        found.dependents.append(name)
        found.dependencies.append(word)
        found.scopes.append(scope)
        found.dependency_lines.append(line + 1 + index)


@lru_cache(maxsize=16_384)
def _read_entry(body: str) -> Entry | None:
    """Return what the lines below a service's name say, or None where not all of it has one meaning.

    Of a fleet's services many are alike but for their names, so that each entry is understood once.
    """
    parts = _LINE.findall(body)
    leads, values = zip(*parts, strict=True) if parts else ((), ())
    plan = _plan(leads)
    if len(parts) != body.count("\n") or plan is None:
        return None
    dependencies = _read_dependencies(plan, values)
    if dependencies is None or not all(values[index] in {"true", "false"} for index in plan.switches):
        return None
    return Entry(
        len(parts),
        all(values[index] == "true" for index in plan.switches),
        tuple([None if place is None else _to_text(values[place]) for place in plan.texts]),
        plan.template % tuple([_to_json(values[index]) for index in plan.values]),
        dependencies,
    )


def _read_dependencies(plan: Plan, values: tuple[str, ...]) -> tuple[tuple[int, DependencyScope, str], ...] | None:
    """Return the line, the scope and the name of each dependency; None where one comes twice, or is no plain word."""
    if not all(values[index].startswith("[") for index, _ in plan.lists):
        return None
    if not all(_WORD.fullmatch(values[index]) for index, _ in plan.items):
        return None
    found = [(index, scope, word.lower()) for index, scope in plan.lists for word in _WORD.findall(values[index])]
    found += [(index, scope, values[index].lower()) for index, scope in plan.items]
    return tuple(found) if len({word for _, _, word in found}) == len(found) else None


def _to_json(value: str) -> str:
    """Return what a value behind a key or a dash says, as canonical JSON: of nearly all, it is plain what that is."""
    first = value[0]
    if first == '"':
        return value
    if first in _WORD_START:
        return value if value in _CONSTANTS else f'"{value}"'
    return _dump(value)


@lru_cache(maxsize=4096)
def _dump(value: str) -> str:
    return dump_canonical(_to_plain(value))


@lru_cache(maxsize=65_536)
def _to_text(value: str) -> str | None:
    plain = _to_plain(value)
    return (plain.strip() or None) if isinstance(plain, str) else None


def _to_plain(value: str) -> object:
    if value[0] in "\"'":
        return value[1:-1]
    if value[0] == "[":
        return [word.strip(" ") for word in value[1:-1].split(",")] if value != "[]" else []
    return {} if value == "{}" else read_scalar(value)


@lru_cache(maxsize=4096)
def _plan(leads: tuple[str, ...]) -> Plan | None:
    """Return what the lines below a service's name mean, or None where their nesting has not one meaning.

    A lead is a line's indentation and key (or dash), with a space at its end where a value follows; a line without a
    key is "". Services of one fleet share a few such sequences, so that each is understood once.
    """
    paths = _paths(leads)
    if paths is None or not all(_is_known(path[0]) for _, path in paths):
        return None
    if any(path[0] in SPECIAL for _, path in paths):
        return None
    switches = [index for index, path in paths if path in {("monitor",), ("enabled",)}]
    lines = {path: index for index, path in paths if len(path) == 1 and leads[index].endswith(" ")}
    lists, items = [], []
    for index, path in paths:
        if path[0] != "depends_on":
            continue
        is_item = path[-1] == "-"
        scope = _SCOPES.get(path[1:-1] if is_item else path[1:])
        if scope is None:
            return None
        if is_item:
            items.append((index, scope))
        elif leads[index].endswith(" "):
            lists.append((index, scope))
    texts = tuple(lines.get((key,)) for key in TEXTS)
    return Plan(tuple(switches), texts, *_template(leads, paths), tuple(lists), tuple(items))


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


def _paths(leads: tuple[str, ...]) -> list[tuple[int, tuple[str, ...]]] | None:
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
        if indentation % 2 or not 0 <= level <= min(len(path), MAX_DEPTH) or word in _AMBIGUOUS:
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

"""Read a `services.yaml` of the plain block shape without a YAML parser: only what has one meaning, or nothing at all.

The platform's inventories are written in one verbose shape: two spaces a level, a key and at most one plain value on
a line. A regular expression reads such a file many times faster than a YAML parser does. Anything else (a tab, an
anchor, a folded text, a repeated or misspelt key, a word such as `yes` that YAML 1.1 and 1.2 read differently) is not
judged here: the answer is None, and the strict reader, which is the reference, reads the file.
"""

import re
from functools import lru_cache
from operator import itemgetter
from string import ascii_letters
from typing import NamedTuple

from flows.sources.formats.yaml_scalars import read_scalar
from flows.sources.inventory.entry import Entry, EntryDependency
from flows.sources.inventory.entry_hash import NULL, dump_canonical, hash_list
from flows.sources.inventory.plain_plan import AMBIGUOUS, MAX_DEPTH, Plan, plan_entry
from schemas.limits import Limits
from schemas.words import ALL, RunMode

_KEY = r"[a-z][a-z0-9_-]*+"
_COMMENT = r"#[\x20-\x7e\xa1-\u024f]*+"
_REST = rf"(?: ++{_COMMENT}| *+)"
_BLANK = rf"(?: *+{_COMMENT}| *+)"
_INNER = r"[A-Za-z0-9_./,()=@%+~-]++(?::[A-Za-z0-9_./]++)*+"
_UNCLEAR = r"(?![tTfFnNyYoO](?i:rue|alse|ull|o|es|n|ff|)(?: *+\Z| ++#| *+[,\]]))"
_PLAIN = rf"{_UNCLEAR}(?=[A-Za-z/]){_INNER}(?: (?=[A-Za-z0-9_./(+~-]){_INNER})*+"
_NUMBER = r"(?:0|[1-9][0-9]{0,14}+)(?:\.[0-9]{1,15}+)?+"
_QUOTED = r"\"[\x20\x21\x23-\x5b\x5d-\x7e]*+\"|'[\x20-\x26\x28-\x7e]*+'"
_ITEM = rf" *+{_UNCLEAR}[A-Za-z][A-Za-z0-9_.-]*+ *+"
_LIST = rf"\[(?:\]|{_ITEM}(?:,{_ITEM})*+\])"
_VALUE = rf"{_PLAIN}|true|false|null|{_NUMBER}|{_LIST}|{_QUOTED}|\{{\}}"

_HEAD = re.compile(rf"(?:---\n)?+(?:{_BLANK}\n)*+({_KEY}):{_REST}(?:\n{_BLANK})*+")
_BEGIN = re.compile(rf"\n  ({_KEY}):(?![^ \n])".encode())
"""Where an entry begins, if its file is plain; what stands between two names is one, and is judged as one."""
_NAMED = re.compile(_REST)
_LINE = re.compile(rf"( *+(?:{_KEY}:|-)(?: (?=[^ #]))?+)(?:(?<= )({_VALUE}))?+{_REST}|{_BLANK}")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*+")
_UNUSABLE = AMBIGUOUS | {ALL}
_CONSTANTS = frozenset({"true", "false", "null"})
_WORD_START = frozenset(f"{ascii_letters}/")
"""No plain value that begins so holds what JSON escapes."""
_LEAD = itemgetter(0)


class PlainServices(NamedTuple):
    """What a plain file says, by columns: its services in file order."""

    services: list[str]
    numbers: list[int]
    """The place of each service's entry among those of the reader."""
    first_line: int
    """That of the first service."""


class PlainEntries(NamedTuple):
    """A plain file, cut."""

    names: list[str]
    texts: list[bytes]
    """What stands behind each name, in its line and in those below it."""
    first_line: int
    """That of the first name."""


class Line(NamedTuple):
    """One line below a service's name."""

    lead: str
    """Its indentation and key (or dash), with a space at its end where a value follows; of a line without a key, ""."""
    value: str
    """As it is written."""
    text: str | None
    """What it says, if that is a text."""
    told: str
    """What it says, as canonical JSON."""
    names: tuple[str, ...] | None
    """What it can name: all of a list in brackets, or the one word behind a dash; none where that is no list of names."""


class NotPlainError(Exception):
    """The strict reader must decide."""


class Names(dict[bytes, str]):
    """Each name that was met, by its bytes, which are of the right characters."""

    def __init__(self, max_length: int) -> None:
        self._max_length = max_length

    def __missing__(self, written: bytes) -> str:
        name = written.decode("ascii")
        if name in _UNUSABLE or len(name) > self._max_length:
            raise NotPlainError
        return self.setdefault(written, name)


class _Numbers(dict[bytes, int]):
    """The number of each entry that was met, by the bytes behind the service's name."""

    def __init__(self, max_name_length: int) -> None:
        self.entries: list[Entry] = []
        self.heights: list[int] = []
        """How many lines each of them has, that of the name with them: the next service is so much further down."""
        self._max_name_length = max_name_length

    def __missing__(self, written: bytes) -> int:
        entry = _read_entry(written.decode(), self._max_name_length)
        number = self[written] = len(self.entries)
        self.entries.append(entry)
        self.heights.append(written.count(b"\n") + 1)
        return number


class PlainReader:
    """Reads files one after the other, and each entry once: of a fleet's services many are alike but for their names."""

    def __init__(self, limits: Limits) -> None:
        """Begin with no entry."""
        self._limits = limits
        self._names = Names(limits.max_name_length)
        self._numbers = _Numbers(limits.max_name_length)
        self.entries, self.heights = self._numbers.entries, self._numbers.heights

    def read(self, data: bytes) -> PlainServices | None:
        """Return the services of a file of the plain shape, or None where the strict reader must decide."""
        try:
            return self._read(data) if is_small(data, self._limits) else None
        except (NotPlainError, UnicodeDecodeError):
            return None

    def _read(self, data: bytes) -> PlainServices:
        services, texts, first_line = cut_entries(data, "services", self._names)
        return PlainServices(services, [*map(self._numbers.__getitem__, texts)], first_line)


def is_small(data: bytes, limits: Limits) -> bool:
    """Return whether a plain file is below the limits of a YAML file, whatever it says."""
    most_values = 2 * len(data) + 2
    if most_values > limits.max_yaml_nodes:
        most_values = 2 * data.count(b"\n") + data.count(b",") + 4
    return most_values <= limits.max_yaml_nodes and limits.max_yaml_depth >= MAX_DEPTH + 3


def cut_entries(data: bytes, key: str, names: Names) -> PlainEntries:
    """Return the entries below the key that the file begins with, each of another name; raises `NotPlainError`."""
    # Nothing is decoded before it is known to be new: most of it is not.
    head, *parts = _BEGIN.split(data)
    found, named = _HEAD.fullmatch(head.decode()), [*map(names.__getitem__, parts[::2])]
    if not found or found[1] != key or not named or len({*named}) < len(named):
        raise NotPlainError
    parts[-1] = parts[-1].removesuffix(b"\n")
    return PlainEntries(named, parts[1::2], head.count(b"\n") + 2)


def read_lines(text: str) -> list[Line]:
    """Return the lines below a name, behind which only a comment stands; raises `NotPlainError`."""
    rest, *lines = text.split("\n")
    if rest and not _NAMED.fullmatch(rest):
        raise NotPlainError
    return [*map(_read_line, lines)]


def _read_entry(text: str, max_name_length: int) -> Entry:
    """Return what stands behind a service's name, in its line and in those below it."""
    lines = read_lines(text)
    plan = plan_entry(tuple(map(_LEAD, lines)))
    if plan is None:
        raise NotPlainError
    is_monitored = not plan.switches or _are_on({lines[index].value for index in plan.switches})
    role, exposure, model = [None if place is None else lines[place].text for place in plan.texts]
    whole = plan.template % tuple([lines[index].told for index in plan.values])
    dependencies = _read_dependencies(plan, lines, max_name_length)
    return Entry(
        is_monitored, RunMode.SERVICE, False, role, exposure, model, whole, hash_list(whole, NULL), dependencies
    )


def _are_on(switches: set[str]) -> bool:
    if not switches <= {"true", "false"}:
        raise NotPlainError
    return "false" not in switches


@lru_cache(maxsize=65_536)
def _read_line(text: str) -> Line:
    """Return what a line below a service's name says."""
    found = _LINE.fullmatch(text)
    if found is None:
        raise NotPlainError
    lead, value = found.groups("")
    if not value:
        return Line(lead, "", None, "", None)
    return Line(lead, value, _to_text(value), _to_json(value), _read_names(lead, value))


def _read_names(lead: str, value: str) -> tuple[str, ...] | None:
    if not (_WORD.fullmatch(value) if lead.endswith("- ") else value.startswith("[")):
        return None
    names = tuple(_WORD.findall(value.lower()))
    return names if _UNUSABLE.isdisjoint(names) else None


def _read_dependencies(plan: Plan, lines: list[Line], max_name_length: int) -> tuple[EntryDependency, ...]:
    """Return what an entry declares: no dependency twice, and each a usable name."""
    found: list[EntryDependency] = []
    for index, scope in plan.declared:
        names = lines[index].names
        if names is None:
            raise NotPlainError
        for name in names:
            if len(name) > max_name_length:
                raise NotPlainError
            found.append(EntryDependency(name, scope, False, index + 1))
    if len(found) > 1 and len({one.dependency for one in found}) < len(found):
        raise NotPlainError
    return tuple(found)


def _to_json(value: str) -> str:
    """Return what a value behind a key or a dash says, as canonical JSON: of nearly all, it is plain what that is."""
    first = value[0]
    if first == '"':
        return value
    if first in _WORD_START:
        return value if value in _CONSTANTS else f'"{value}"'
    if first == "[":
        return "[" + ",".join([f'"{word}"' for word in _WORD.findall(value)]) + "]"
    return dump_canonical(_to_plain(value))


def _to_text(value: str) -> str | None:
    plain = _to_plain(value) if value[0] != "[" else None
    return (plain.strip() or None) if isinstance(plain, str) else None


def _to_plain(value: str) -> object:
    if value[0] in "\"'":
        return value[1:-1]
    return {} if value == "{}" else read_scalar(value)

"""A tree of YAML values with their places, built from the parser's events without recursion."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from yaml import events

from flows.sources.formats.yaml_scalars import Scalar, read_scalar
from flows.sources.names import quote
from schemas.limits import Limits

UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")


class Fault(NamedTuple):
    """One fault of a file; line and column count from 1, and are none where the fault is about the whole file."""

    line: int | None
    column: int | None
    problem: str


class Node(NamedTuple):
    """A value and where it stands; a value under a key stands where its key does. Line and column count from 1."""

    value: "Scalar | list[Node] | dict[str, Node]"
    line: int
    column: int


class _Level:
    """An open mapping or list, and for a mapping the key whose value comes next."""

    __slots__ = ("column", "items", "key", "key_column", "key_line", "line")

    def __init__(self, items: list[Node] | dict[str, Node], line: int, column: int) -> None:
        self.items = items
        self.line = line
        self.column = column
        self.key: str | None = None
        self.key_line = 0
        self.key_column = 0


class TreeBuilder:
    """Takes events one by one; keeps the faults that do not stop it, and says when one does."""

    def __init__(self, limits: Limits) -> None:
        """Begin without a document."""
        self.root: Node | None = None
        self.faults: list[Fault] = []
        self.is_stopped = False
        self._limits = limits
        self._levels: list[_Level] = []
        self._count = 0
        self._has_document = False
        self._actions: dict[type, Callable[[Any], None]] = {
            events.ScalarEvent: self._take_scalar,
            events.MappingStartEvent: self._open,
            events.SequenceStartEvent: self._open,
            events.MappingEndEvent: self._close,
            events.SequenceEndEvent: self._close,
            events.AliasEvent: self._refuse_alias,
            events.DocumentStartEvent: self._begin_document,
        }

    def take(self, event: events.Event) -> None:
        """Take the next event of the file."""
        action = self._actions.get(type(event))
        if action is not None:
            action(event)

    def _take_scalar(self, event: Any) -> None:
        mark = event.start_mark
        line, column = mark.line + 1, mark.column + 1
        if event.anchor or event.tag:
            self._refuse_properties(event, line, column)
        text: str = event.value
        is_plain = event.implicit[0]
        # Raw control characters never come here; an escape in double quotes can still write one.
        if not is_plain and not text.isprintable() and UNSAFE.search(text):
            self._fault(line, column, "a control character or half a surrogate pair, written as an escape")
        if self._levels and isinstance(self._levels[-1].items, dict) and self._levels[-1].key is None:
            self._take_key(text, line, column, is_plain=is_plain)
        else:
            self._add(self._resolve(text, line, column) if is_plain else text, line, column)

    def _resolve(self, text: str, line: int, column: int) -> Scalar:
        try:
            return read_scalar(text)
        except ValueError as error:
            self._fault(line, column, str(error))
            return None

    def _take_key(self, text: str, line: int, column: int, *, is_plain: bool) -> None:
        level = self._levels[-1]
        if is_plain and text == "<<":
            self._fault(line, column, "merge keys are not read; write the keys out")
        earlier = level.items.get(text) if isinstance(level.items, dict) else None
        if earlier is not None:
            self._fault(line, column, f"the key {quote(text)} comes twice, first in line {earlier.line}; remove one")
        level.key, level.key_line, level.key_column = text, line, column

    def _add(self, value: "Scalar | list[Node] | dict[str, Node]", line: int, column: int) -> None:
        self._count += 1
        if self._count > self._limits.max_yaml_nodes:
            self._stop(line, column, f"more than {self._limits.max_yaml_nodes} values")
        if not self._levels:
            self.root = Node(value, line, column)
            return
        level = self._levels[-1]
        if isinstance(level.items, list):
            level.items.append(Node(value, line, column))
        elif level.key is not None:
            level.items.setdefault(level.key, Node(value, level.key_line, level.key_column))
            level.key = None

    def _open(self, event: Any) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if event.anchor or event.tag:
            self._refuse_properties(event, line, column)
        if self._levels and isinstance(self._levels[-1].items, dict) and self._levels[-1].key is None:
            self._stop(line, column, "a key must be text, not a list or a mapping")
        if len(self._levels) >= self._limits.max_yaml_depth:
            self._stop(line, column, f"nested deeper than {self._limits.max_yaml_depth} levels")
        items: list[Node] | dict[str, Node] = {} if isinstance(event, events.MappingStartEvent) else []
        self._levels.append(_Level(items, line, column))

    def _close(self, _: events.CollectionEndEvent) -> None:
        level = self._levels.pop()
        self._add(level.items, level.line, level.column)

    def _refuse_alias(self, event: Any) -> None:
        mark = event.start_mark
        self._stop(mark.line + 1, mark.column + 1, "aliases are not read; write the value out")

    def _refuse_properties(self, event: Any, line: int, column: int) -> None:
        if event.anchor:
            self._fault(line, column, "anchors are not read; remove the '&' and its name")
        if event.tag:
            self._fault(line, column, f"the tag {quote(event.tag)} is not read; remove it")

    def _begin_document(self, event: Any) -> None:
        mark = event.start_mark
        if self._has_document:
            self._stop(mark.line + 1, mark.column + 1, "more than one document; a file holds one")
        self._has_document = True

    def _stop(self, line: int, column: int, problem: str) -> None:
        self._fault(line, column, problem)
        self.is_stopped = True

    def _fault(self, line: int, column: int, problem: str) -> None:
        if not self.is_stopped:
            self.faults.append(Fault(line, column, problem))
            self.is_stopped = len(self.faults) >= self._limits.max_faults_per_file

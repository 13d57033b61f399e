"""A tree of YAML values with their places, built from the parser's events without recursion."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from yaml import events

from flows.sources.formats.yaml_scalars import Scalar, read_scalar
from flows.sources.names import quote

MERGE = "<<"
MAX_GROWTH = 10
"""A file with aliases may come to so many times the values that it is written with."""
UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")


class Bounds(Protocol):
    """What a file may be at most; the settings' limits are such."""

    @property
    def max_yaml_depth(self) -> int:
        """Levels of mappings and lists."""

    @property
    def max_yaml_nodes(self) -> int:
        """Values."""

    @property
    def max_faults_per_file(self) -> int:
        """Faults that are listed."""


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

    __slots__ = (
        "anchor",
        "column",
        "height",
        "is_merging",
        "items",
        "key",
        "key_column",
        "key_line",
        "line",
        "merged",
        "size",
    )

    def __init__(self, items: list[Node] | dict[str, Node], line: int, column: int, anchor: str | None) -> None:
        self.items = items
        self.line = line
        self.column = column
        self.anchor = anchor
        self.size = 1
        """Values in it, itself included, were each alias written out."""
        self.height = 1
        """Levels in it, itself included."""
        self.is_merging = False
        """Its key is the merge key."""
        self.merged: list[Node] = []
        """What stands under that."""
        self.key: str | None = None
        self.key_line = 0
        self.key_column = 0


class _Anchored(NamedTuple):
    """A value that an alias may stand for."""

    node: Node
    size: int
    height: int


class TreeBuilder:
    """Takes events one by one; keeps the faults that do not stop it, and says when one does.

    An alias is the value that it stands for, shared and not copied, and a merge key is only noted: what they would come
    to is counted first, and `finish` fills in the merged keys where the file keeps within its bounds.
    """

    def __init__(self, limits: Bounds, *, with_aliases: bool = False) -> None:
        """Begin without a document."""
        self.root: Node | None = None
        self.faults: list[Fault] = []
        self.is_stopped = False
        self._limits = limits
        self._with_aliases = with_aliases
        self._levels: list[_Level] = []
        self._anchors: dict[str, _Anchored | None] = {}
        """What each anchor names; none while that is still open."""
        self._merges: list[tuple[dict[str, Node], list[Node]]] = []
        self._count = 0
        self._whole_size = 0
        self._has_document = False
        self._actions: dict[type, Callable[[Any], None]] = {
            events.ScalarEvent: self._take_scalar,
            events.MappingStartEvent: self._open,
            events.SequenceStartEvent: self._open,
            events.MappingEndEvent: self._close,
            events.SequenceEndEvent: self._close,
            events.AliasEvent: self._take_alias,
            events.DocumentStartEvent: self._begin_document,
        }

    def take(self, event: events.Event) -> None:
        """Take the next event of the file."""
        action = self._actions.get(type(event))
        if action is not None:
            action(event)

    def finish(self) -> None:
        """Fill in what merge keys name, once it is known how much that is; in place, so that aliases see it as well."""
        most = min(MAX_GROWTH * self._count, self._limits.max_yaml_nodes)
        if self._whole_size > most:
            at = self.root or Node(None, 1, 1)
            what = f"{self._count} values, written out {self._whole_size}"
            self._stop(at.line, at.column, f"its aliases make {what}; at most {most} are read: write some of it out")
            return
        for items, sources in self._merges:
            for source in sources:
                if isinstance(source.value, dict):
                    for key, node in source.value.items():
                        items.setdefault(key, node)

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
            value: Scalar = text
        else:
            value = self._resolve(text, line, column) if is_plain else text
            self._add(value, line, column)
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(Node(value, line, column), 1, 0)

    def _resolve(self, text: str, line: int, column: int) -> Scalar:
        try:
            return read_scalar(text)
        except ValueError as error:
            self._fault(line, column, str(error))
            return None

    def _take_key(self, text: str, line: int, column: int, *, is_plain: bool) -> None:
        level = self._levels[-1]
        is_merge = is_plain and text == MERGE
        if is_merge and not self._with_aliases:
            is_merge = False
            self._fault(line, column, "merge keys are not read; write the keys out")
        earlier = level.items.get(text) if isinstance(level.items, dict) else None
        if earlier is not None or (is_merge and level.merged):
            first = earlier.line if earlier else level.merged[0].line
            self._fault(line, column, f"the key {quote(text)} comes twice, first in line {first}; remove one")
        level.key, level.key_line, level.key_column = text, line, column
        level.is_merging = is_merge

    def _add(
        self, value: "Scalar | list[Node] | dict[str, Node]", line: int, column: int, size: int = 1, height: int = 0
    ) -> None:
        self._count += 1
        if self._count > self._limits.max_yaml_nodes:
            self._stop(line, column, f"more than {self._limits.max_yaml_nodes} values")
        if not self._levels:
            self.root = Node(value, line, column)
            self._whole_size = size
            return
        level = self._levels[-1]
        level.size += size
        level.height = max(level.height, height + 1)
        if isinstance(level.items, list):
            level.items.append(Node(value, line, column))
        elif level.is_merging:
            self._take_merge(level, Node(value, level.key_line, level.key_column))
        elif level.key is not None:
            level.items.setdefault(level.key, Node(value, level.key_line, level.key_column))
        level.key = None

    def _take_merge(self, level: _Level, node: Node) -> None:
        sources = node.value if isinstance(node.value, list) else [node]
        if not all(isinstance(source.value, dict) for source in sources):
            self._fault(node.line, node.column, "'<<': expected an alias of a mapping, or a list of such")
        level.merged = [Node(source.value, node.line, node.column) for source in sources]

    def _open(self, event: Any) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if event.anchor or event.tag:
            self._refuse_properties(event, line, column)
        if self._levels and isinstance(self._levels[-1].items, dict) and self._levels[-1].key is None:
            self._stop(line, column, "a key must be text, not a list or a mapping")
        if len(self._levels) >= self._limits.max_yaml_depth:
            self._stop(line, column, f"nested deeper than {self._limits.max_yaml_depth} levels")
        items: list[Node] | dict[str, Node] = {} if isinstance(event, events.MappingStartEvent) else []
        self._levels.append(_Level(items, line, column, event.anchor))
        if event.anchor:
            self._anchors[event.anchor] = None

    def _close(self, _: events.CollectionEndEvent) -> None:
        level = self._levels.pop()
        if level.merged and isinstance(level.items, dict):
            # What is closed earlier is merged earlier, and an alias stands for what was closed before it.
            self._merges.append((level.items, level.merged))
        self._add(level.items, level.line, level.column, level.size, level.height)
        if level.anchor:
            node = Node(level.items, level.line, level.column)
            self._anchors[level.anchor] = _Anchored(node, level.size, level.height)

    def _take_alias(self, event: Any) -> None:
        mark = event.start_mark
        line, column = mark.line + 1, mark.column + 1
        if not self._with_aliases:
            self._stop(line, column, "aliases are not read; write the value out")
            return
        anchored = self._anchors.get(event.anchor)
        if anchored is None:
            problem = (
                "stands for what it is a part of" if event.anchor in self._anchors else "stands for nothing before it"
            )
            self._stop(line, column, f"the alias {quote(event.anchor)} {problem}; write the value out")
            return
        if self._levels and isinstance(self._levels[-1].items, dict) and self._levels[-1].key is None:
            self._stop(line, column, "a key must be text, not an alias")
            return
        if len(self._levels) + anchored.height > self._limits.max_yaml_depth:
            self._stop(line, column, f"nested deeper than {self._limits.max_yaml_depth} levels")
            return
        self._add(anchored.node.value, line, column, anchored.size, anchored.height)

    def _refuse_properties(self, event: Any, line: int, column: int) -> None:
        if event.anchor and not self._with_aliases:
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

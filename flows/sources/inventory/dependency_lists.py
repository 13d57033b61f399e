"""The forms in which a dependency is declared (CONTRACT 1.1 and 1.3, SEMANTICS 2)."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from flows.sources.formats.yaml_tree import Node
from flows.sources.inventory.tree_reader import Mapping, TreeReader, describe, suggest
from flows.sources.names import explain_name, normalize_name, quote
from schemas.words import DependencyScope

SCOPES = {"local": DependencyScope.LOCAL, "external": DependencyScope.EXTERNAL}
COMPLETION = "service_completed_successfully"
NAMESPACES = ("network_mode", "ipc", "pid")
"""What a container may share with another one, which must be there first."""


class Declared(NamedTuple):
    """One declared dependency of the service that the reader is at."""

    dependency: str
    scope: DependencyScope
    is_completion: bool
    line: int


def read_dependencies(reader: TreeReader, node: Node | None) -> Iterator[Declared]:
    """Yield the dependencies of a list (same node first), of lists under `local:` and `external:`, or of Compose's long form."""
    if node is None or node.value is None:
        return
    if isinstance(node.value, list):
        yield from _read_list(reader, node.value, DependencyScope.ANYWHERE)
    elif isinstance(node.value, dict):
        for key, item in node.value.items():
            yield from _read_key(reader, key, item)
    else:
        reader.fault(node, f"expected a list, or 'local' and 'external' with a list each, found {describe(node.value)}")


def read_shared(reader: TreeReader, options: Mapping) -> Iterator[Declared]:
    """Yield the services of the same node that an entry is linked to, or shares a namespace or volumes with."""
    for item in _items(options.get("links")):
        yield from _read_name(reader, item, str(item.value).partition(":")[0])
    for key in NAMESPACES:
        for item in _items(options.get(key)):
            kind, colon, name = str(item.value).partition(":")
            if colon and kind in {"service", "container"}:
                yield from _read_name(reader, item, name)
    for item in _items(options.get("volumes_from")):
        yield from _read_name(reader, item, str(item.value).removeprefix("container:").partition(":")[0])


def merge_declared(declared: Iterable[Declared]) -> list[Declared]:
    """Return each dependency once: where several forms name it, the first, which waits for completion if any does."""
    found: dict[tuple[str, DependencyScope], Declared] = {}
    for one in declared:
        key = one.dependency, one.scope
        first = found.setdefault(key, one)
        found[key] = first._replace(is_completion=first.is_completion or one.is_completion)
    return list(found.values())


def _items(node: Node | None) -> list[Node]:
    """Return the texts of a list, or the one text in place of a list."""
    if node is None:
        return []
    items = node.value if isinstance(node.value, list) else [node]
    return [item for item in items if isinstance(item.value, str)]


def _read_name(reader: TreeReader, at: Node, text: str) -> Iterator[Declared]:
    problem = explain_name(text, reader.limits.max_name_length, "service")
    if problem is None:
        yield Declared(normalize_name(text), DependencyScope.LOCAL, False, at.line)
    else:
        reader.warn(at, f"{problem}; not read as a dependency")


def _read_key(reader: TreeReader, key: str, item: Node) -> Iterator[Declared]:
    if key in SCOPES and (item.value is None or isinstance(item.value, list)):
        yield from _read_list(reader, item.value or [], SCOPES[key])
        return
    if key in SCOPES and not isinstance(item.value, dict):
        reader.fault(item, f"'{key}': expected a list of services, found {describe(item.value)}")
        return
    if not isinstance(item.value, dict | None):
        meant = suggest(key, tuple(SCOPES))
        hint = f"did you mean '{meant}'?" if meant else "expected a mapping such as {condition: service_started}"
        reader.warn(item, f"{quote(key)} is read as the name of a service; {hint}")
    name = reader.name(key, item, "service")
    if name is not None:
        condition = item.value.get("condition") if isinstance(item.value, dict) else None
        is_completion = condition is not None and condition.value == COMPLETION
        yield Declared(name, DependencyScope.LOCAL, is_completion, item.line)


def _read_list(reader: TreeReader, items: list[Node], scope: DependencyScope) -> Iterator[Declared]:
    for item in items:
        name = reader.name(item.value, item, "service")
        if name is not None:
            yield Declared(name, scope, False, item.line)

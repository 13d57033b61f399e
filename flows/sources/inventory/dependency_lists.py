"""The forms in which a dependency is declared (CONTRACT 1.1 and 1.3)."""

from collections.abc import Iterator
from typing import NamedTuple

from flows.sources.formats.yaml_tree import Node
from flows.sources.inventory.tree_reader import TreeReader, describe, suggest
from flows.sources.names import quote
from schemas.words import DependencyScope

SCOPES = {"local": DependencyScope.LOCAL, "external": DependencyScope.EXTERNAL}


class Declared(NamedTuple):
    """One declared dependency of the service that the reader is at."""

    dependency: str
    scope: DependencyScope
    line: int


def read_dependencies(reader: TreeReader, node: Node | None) -> Iterator[Declared]:
    """Yield the dependencies of a list (same node first), or of lists under `local:` and `external:`."""
    if node is None or node.value is None:
        return
    if isinstance(node.value, list):
        yield from _read_list(reader, node.value, DependencyScope.ANYWHERE)
    elif isinstance(node.value, dict):
        for key, item in node.value.items():
            yield from _read_scope(reader, key, item)
    else:
        reader.fault(node, f"expected a list, or 'local' and 'external' with a list each, found {describe(node.value)}")


def _read_scope(reader: TreeReader, key: str, item: Node) -> Iterator[Declared]:
    if key not in SCOPES:
        meant = suggest(key, tuple(SCOPES))
        hint = f"; did you mean '{meant}'?" if meant else "; expected 'local' or 'external'"
        reader.warn(item, f"{quote(key)} is not read under depends_on{hint}")
    elif isinstance(item.value, list):
        yield from _read_list(reader, item.value, SCOPES[key])
    elif item.value is not None:
        reader.fault(item, f"'{key}': expected a list of services, found {describe(item.value)}")


def _read_list(reader: TreeReader, items: list[Node], scope: DependencyScope) -> Iterator[Declared]:
    for item in items:
        name = reader.name(item.value, item, "service")
        if name is not None:
            yield Declared(name, scope, item.line)

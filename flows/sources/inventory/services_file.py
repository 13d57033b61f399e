"""`hosts/<node>/services.yaml`: the services that one node should run (CONTRACT 1.1)."""

from collections.abc import Iterator
from typing import NamedTuple

from flows.sources.formats.yaml_tree import Fault, Node
from flows.sources.inventory.dependency_lists import read_dependencies
from flows.sources.inventory.tree_reader import Mapping, TreeReader, describe, describe_word, suggest
from flows.sources.names import quote
from schemas.limits import Limits
from schemas.words import DependencyScope

KNOWN = ("name", "depends_on", "monitor", "enabled")
"""What is read of an entry; every other key is for other readers."""


class ServiceRow(NamedTuple):
    """One service that the file asks for."""

    service: str
    is_monitored: bool
    line: int


class DependencyRow(NamedTuple):
    """One dependency that the file declares."""

    service: str
    dependency: str
    scope: DependencyScope
    line: int


class ParsedServices(NamedTuple):
    """What the bytes of a `services.yaml` say, whichever node it is of; with a fault there are no rows at all."""

    services: tuple[ServiceRow, ...]
    dependencies: tuple[DependencyRow, ...]
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]


class _Entry(NamedTuple):
    """A service before its name is checked."""

    name: object
    at: Node
    options: Mapping


def parse_services(data: bytes, limits: Limits) -> ParsedServices:
    """Return the services and dependencies of one file, or every fault of it.

    A faulty entry spoils the file: a list that only looks complete would withdraw what it lacks.
    """
    reader = TreeReader(limits)
    root = reader.parse(data)
    if root is None and not reader.faults:
        reader.faults.append(Fault(None, None, "the file is empty; write 'services: {}' where the node runs none"))
    lines: dict[str, int] = {}
    services: list[ServiceRow] = []
    dependencies: list[DependencyRow] = []
    for entry in _list_entries(reader, root) if root is not None else ():
        name = _read_name(reader, entry, lines)
        services.append(ServiceRow(name, _read_monitoring(reader, entry), entry.at.line))
        declared = read_dependencies(reader, entry.options.get("depends_on"))
        dependencies += [DependencyRow(name, *row) for row in declared]
    faults = reader.listed_faults()
    if faults:
        return ParsedServices((), (), faults, tuple(reader.warnings))
    return ParsedServices(tuple(services), tuple(dependencies), (), tuple(reader.warnings))


def _list_entries(reader: TreeReader, root: Node) -> Iterator[_Entry]:
    """Yield the entries of every accepted form: under `services:` or at the top, a mapping or a list."""
    if isinstance(root.value, dict):
        yield from _list_top(reader, root, root.value)
    elif isinstance(root.value, list):
        yield from _list_items(reader, root.value)
    else:
        reader.fault(root, f"expected a list or a mapping, found {describe(root.value)}")


def _list_top(reader: TreeReader, root: Node, items: Mapping) -> Iterator[_Entry]:
    listed = items.get("services")
    if listed is None:
        if _is_services(items):
            yield from _list_pairs(reader, items)
        else:
            meant = next((node for key, node in items.items() if suggest(key, ("services",))), root)
            reader.fault(meant, "there is no key 'services'; write the services under 'services:'")
    elif isinstance(listed.value, dict):
        yield from _list_pairs(reader, listed.value)
    elif isinstance(listed.value, list):
        yield from _list_items(reader, listed.value)
    else:
        hint = "; write 'services: {}' where the node runs none" if listed.value is None else ""
        reader.fault(listed, f"'services': expected a mapping or a list, found {describe(listed.value)}{hint}")


def _is_services(items: Mapping) -> bool:
    """Return whether a mapping without the key `services` plainly is one from services to their options."""
    are_options = all(node.value is None or isinstance(node.value, dict) for node in items.values())
    has_options = any(isinstance(node.value, dict) for node in items.values())
    return are_options and has_options and not any(suggest(key, ("services",)) for key in items)


def _list_pairs(reader: TreeReader, items: Mapping) -> Iterator[_Entry]:
    for name, node in items.items():
        if node.value is None or isinstance(node.value, dict):
            yield _Entry(name, node, node.value or {})
        else:
            problem = f"{quote(name)}: expected a mapping of options, or nothing, found {describe(node.value)}"
            reader.fault(node, problem)


def _list_items(reader: TreeReader, items: list[Node]) -> Iterator[_Entry]:
    for index, node in enumerate(items):
        if not isinstance(node.value, dict):
            yield _Entry(node.value, node, {})
        elif "name" in node.value:
            named = node.value["name"]
            yield _Entry(named.value, named, node.value)
        else:
            reader.fault(node, f"item {index} has no 'name'; expected a name, or a mapping with 'name'")


def _read_name(reader: TreeReader, entry: _Entry, lines: dict[str, int]) -> str:
    """Return the service's name; where it is a fault, what comes back only keeps its place."""
    name = reader.name(entry.name, entry.at, "service")
    if name is None:
        return ""
    if name in lines:
        problem = f"the service '{name}' comes twice, first in line {lines[name]}; remove or rename one"
        reader.fault(entry.at, problem)
    lines.setdefault(name, entry.at.line)
    return name


def _read_monitoring(reader: TreeReader, entry: _Entry) -> bool:
    """Return whether findings about the service are drawn: neither `monitor` nor `enabled` is false."""
    reader.warn_of_near_misses(entry.options, KNOWN)
    if "dependencies" in entry.options:
        reader.warn(entry.options["dependencies"], "'dependencies' is not read here; did you mean 'depends_on'?")
    is_monitored = True
    for key in ("monitor", "enabled"):
        node = entry.options.get(key)
        if node is not None and not isinstance(node.value, bool):
            reader.fault(node, f"'{key}': expected true or false, found {describe_word(node.value)}")
        is_monitored &= node is None or node.value is True
    return is_monitored

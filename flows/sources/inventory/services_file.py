"""The services that one node should run: of `hosts/<node>/services.yaml` (CONTRACT 1.1), and of its compose files."""

from collections.abc import Iterator
from typing import NamedTuple

from flows.sources.formats.yaml_tree import Fault, Node
from flows.sources.inventory.dependency_lists import NAMESPACES, merge_declared, read_dependencies, read_shared
from flows.sources.inventory.entry_hash import to_canonical
from flows.sources.inventory.entry_options import (
    WindowRow,
    is_asked_for,
    is_never_restarted,
    read_container_names,
    read_monitoring,
    read_run_mode,
    read_text,
    read_windows,
)
from flows.sources.inventory.tree_reader import Mapping, TreeReader, describe, suggest
from flows.sources.names import quote
from schemas.limits import Limits
from schemas.rules import Rules
from schemas.words import DependencyScope, RunMode

TEXTS = ("role", "exposure", "deployment_model")
SPECIAL = (
    *("run", "restart", "container_name", "containers", "maintenance", "profiles", "deploy", "scale", "links"),
    *(*NAMESPACES, "volumes_from"),
)
KNOWN = ("name", "depends_on", "monitor", "enabled", *TEXTS, *SPECIAL)
"""What is read of an entry; every other key is for other readers."""
RULES = Rules()


class ServiceRow(NamedTuple):
    """One service that the file asks for."""

    service: str
    is_monitored: bool
    run: RunMode
    is_never_restarted: bool
    """`restart: no`: a job, where somebody waits for its completion."""
    role: str | None
    exposure: str | None
    deployment_model: str | None
    entry: str
    """All that the file says of it, as canonical JSON."""
    line: int


class DependencyRow(NamedTuple):
    """One dependency that the file declares."""

    service: str
    dependency: str
    scope: DependencyScope
    is_completion: bool
    line: int


class ParsedServices(NamedTuple):
    """What the bytes of a file of services say, whichever node it is of."""

    services: tuple[ServiceRow, ...]
    dependencies: tuple[DependencyRow, ...]
    faults: tuple[Fault, ...] = ()
    """They leave open what else the file asks for."""
    warnings: tuple[Fault, ...] = ()
    bad: tuple[tuple[str, Fault], ...] = ()
    """Services whose entry cannot be read, and why: they are asked for, and nothing more is known of them."""
    shut: tuple[Fault, ...] = ()
    """Windows of maintenance that cannot be read."""
    names: tuple[tuple[str, str], ...] = ()
    """Services, and a container's name of each."""
    windows: tuple[tuple[str, WindowRow], ...] = ()

    def is_plain(self) -> bool:
        """Return whether services, dependencies and warnings are all that it says."""
        return not (self.faults or self.bad or self.shut or self.names or self.windows)


class _Entry(NamedTuple):
    """A service before its name is checked."""

    name: object
    at: Node
    options: Mapping
    whole: Node
    """All that the file says of it."""
    problem: str = ""
    """Why it cannot be read at all."""


class _Found:
    """What was read of a file so far."""

    def __init__(self) -> None:
        self.lines: dict[str, int] = {}
        self.services: dict[str, ServiceRow] = {}
        self.dependencies: list[DependencyRow] = []
        self.bad: list[tuple[str, Fault]] = []
        self.shut: list[Fault] = []
        self.names: list[tuple[str, str]] = []
        self.windows: list[tuple[str, WindowRow]] = []

    def drop_bad(self, limit: int) -> None:
        """Leave out what was read of services that have a bad entry; of each, so many faults are kept."""
        names = {name for name, _ in self.bad}
        self.services = {name: row for name, row in self.services.items() if name not in names}
        self.dependencies = [row for row in self.dependencies if row.service not in names]
        self.names = [pair for pair in self.names if pair[0] not in names]
        self.windows = [pair for pair in self.windows if pair[0] not in names]
        kept: dict[str, list[tuple[str, Fault]]] = {}
        for pair in self.bad:
            kept.setdefault(pair[0], []).append(pair)
        self.bad = [pair for pairs in kept.values() for pair in pairs[:limit]]


def parse_services(data: bytes, limits: Limits, rules: Rules = RULES, *, is_compose: bool = False) -> ParsedServices:
    """Return the services and dependencies of one file, and every fault of it.

    A bad entry costs its service, and an entry without a name leaves open what else the file asks for.
    """
    reader = TreeReader(limits)
    root = reader.parse(data)
    if root is None and not reader.faults:
        reader.faults.append(Fault(None, None, "the file is empty; write 'services: {}' where the node runs none"))
    found = _Found()
    for entry in _list_entries(reader, root, is_compose=is_compose) if root is not None else ():
        before = len(reader.faults)
        name = _read_name(reader, found, entry)
        if name is None:
            continue
        _read_entry(reader, found, name, entry, rules)
        found.bad += [(name, fault) for fault in reader.faults[before:]]
        del reader.faults[before:]
    found.drop_bad(limits.max_faults_per_file)
    return ParsedServices(
        tuple(found.services.values()),
        tuple(found.dependencies),
        reader.listed_faults(),
        tuple(reader.warnings),
        tuple(found.bad),
        tuple(found.shut),
        tuple(found.names),
        tuple(found.windows),
    )


def _read_entry(reader: TreeReader, found: _Found, name: str, entry: _Entry, rules: Rules) -> None:
    if entry.problem:
        reader.fault(entry.at, entry.problem)
        return
    options = entry.options
    reader.warn_of_near_misses(options, KNOWN)
    if "dependencies" in options:
        reader.warn(options["dependencies"], "'dependencies' is not read here; did you mean 'depends_on'?")
    row = ServiceRow(
        name,
        read_monitoring(reader, options),
        read_run_mode(reader, options.get("run")),
        is_never_restarted(options.get("restart")),
        read_text(options, "role"),
        read_text(options, "exposure"),
        read_text(options, "deployment_model"),
        to_canonical(entry.whole),
        entry.at.line,
    )
    declared = [*read_dependencies(reader, options.get("depends_on")), *read_shared(reader, options)]
    names = read_container_names(reader, options)
    windows, shut = read_windows(options.get("maintenance"), rules.naive_timezone)
    found.shut += shut
    if is_asked_for(options, rules.profiles):
        found.services[name] = row
        found.dependencies += [DependencyRow(name, *one) for one in merge_declared(declared)]
        found.names += [(name, container) for container in names]
        found.windows += [(name, window) for window in windows]


def _read_name(reader: TreeReader, found: _Found, entry: _Entry) -> str | None:
    """Return the service's name; none where it is a fault, or the name was there before, which costs that service."""
    name = reader.name(entry.name, entry.at, "service")
    if name is None:
        return None
    if name in found.lines:
        problem = f"the service '{name}' comes twice, first in line {found.lines[name]}; remove or rename one"
        found.bad.append((name, Fault(entry.at.line, entry.at.column, problem)))
        return None
    found.lines[name] = entry.at.line
    return name


def _list_entries(reader: TreeReader, root: Node, *, is_compose: bool) -> Iterator[_Entry]:
    """Yield the entries of every accepted form: under `services:` or at the top, a mapping or a list."""
    if isinstance(root.value, dict):
        yield from _list_top(reader, root, root.value, is_compose=is_compose)
    elif isinstance(root.value, list) and not is_compose:
        yield from _list_items(reader, root.value)
    else:
        reader.fault(root, f"expected a list or a mapping, found {describe(root.value)}")


def _list_top(reader: TreeReader, root: Node, items: Mapping, *, is_compose: bool) -> Iterator[_Entry]:
    listed = items.get("services")
    if listed is None:
        if not is_compose and _is_services(items):
            yield from _list_pairs(items)
        else:
            meant = next((node for key, node in items.items() if suggest(key, ("services",))), root)
            reader.fault(meant, "there is no key 'services'; write the services under 'services:'")
    elif isinstance(listed.value, dict):
        yield from _list_pairs(listed.value)
    elif isinstance(listed.value, list) and not is_compose:
        yield from _list_items(reader, listed.value)
    else:
        hint = "; write 'services: {}' where the node runs none" if listed.value is None else ""
        wanted = "a mapping" if is_compose else "a mapping or a list"
        reader.fault(listed, f"'services': expected {wanted}, found {describe(listed.value)}{hint}")


def _is_services(items: Mapping) -> bool:
    """Return whether a mapping without the key `services` plainly is one from services to their options."""
    are_options = all(node.value is None or isinstance(node.value, dict) for node in items.values())
    has_options = any(isinstance(node.value, dict) for node in items.values())
    return are_options and has_options and not any(suggest(key, ("services",)) for key in items)


def _list_pairs(items: Mapping) -> Iterator[_Entry]:
    for name, node in items.items():
        if node.value is None or isinstance(node.value, dict):
            yield _Entry(name, node, node.value or {}, node)
        else:
            problem = f"{quote(name)}: expected a mapping of options, or nothing, found {describe(node.value)}"
            yield _Entry(name, node, {}, node, problem)


def _list_items(reader: TreeReader, items: list[Node]) -> Iterator[_Entry]:
    for index, node in enumerate(items):
        if not isinstance(node.value, dict):
            yield _Entry(node.value, node, {}, node)
        elif "name" in node.value:
            named = node.value["name"]
            yield _Entry(named.value, named, node.value, node)
        else:
            reader.fault(node, f"item {index} has no 'name'; expected a name, or a mapping with 'name'")

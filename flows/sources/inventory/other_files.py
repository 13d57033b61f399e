"""The inventory's other files: what a node is capable of, the topology, and what each service needs."""

from typing import NamedTuple

from flows.sources.formats.yaml_tree import Fault, Node
from flows.sources.inventory.dependency_lists import Declared, merge_declared, read_dependencies
from flows.sources.inventory.entry_hash import to_canonical
from flows.sources.inventory.entry_options import WindowRow, read_monitoring, read_windows
from flows.sources.inventory.tree_reader import Mapping, TreeReader, describe, describe_word
from flows.sources.names import is_name, normalize_name, quote
from schemas.limits import Limits

CONNECTIVITY = ("stable", "intermittent")
AVAILABILITY = ("high", "medium", "best-effort")


class ParsedCapabilities(NamedTuple):
    """What a `capabilities.yaml` says; with a fault the longer grace holds, since silence may be normal."""

    connectivity: str | None
    is_intermittent: bool
    is_best_effort: bool
    document: str
    """All that it says, as canonical JSON."""
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]


class ParsedNode(NamedTuple):
    """What a `node.yaml` says; a fault hides nothing: the node is monitored, and no window is open."""

    is_monitored: bool
    windows: tuple[WindowRow, ...]
    document: str
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]


class TopologyNode(NamedTuple):
    """One node of the topology, with the services that are listed there for the reader's information."""

    node: str
    services: tuple[tuple[str, int], ...]
    """Each listed service and its line."""
    has_services: bool
    """The entry has the key `services`."""
    roles: tuple[str, ...]
    is_monitored: bool
    document: str
    line: int


class ParsedTopology(NamedTuple):
    """What a `topology.yaml` says."""

    nodes: tuple[TopologyNode, ...]
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]


class ParsedService(NamedTuple):
    """What a `service.yaml` declares for every node that runs the service."""

    dependencies: tuple[Declared, ...]
    document: str
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]


def parse_capabilities(data: bytes, limits: Limits) -> ParsedCapabilities:
    """Read `operational.connectivity` and `availability_target`, under `capabilities:` or at the top."""
    reader = TreeReader(limits)
    root = reader.parse(data)
    top = _mapping(reader, root, "capabilities")
    nested = top.get("capabilities")
    if nested is not None and nested.value is not None:
        top = _mapping(reader, nested, "capabilities")
    reader.warn_of_near_misses(top, ("operational",))
    operational = _mapping(reader, top.get("operational"), "operational")
    reader.warn_of_near_misses(operational, ("connectivity", "availability_target"))
    connectivity = _read_word(reader, operational, "connectivity", CONNECTIVITY)
    is_best_effort = _read_word(reader, operational, "availability_target", AVAILABILITY) == "best-effort"
    return ParsedCapabilities(
        "intermittent" if reader.faults else connectivity if connectivity in CONNECTIVITY else None,
        connectivity == "intermittent" or bool(reader.faults),
        is_best_effort,
        to_canonical(root),
        reader.listed_faults(),
        tuple(reader.warnings),
    )


def _read_word(reader: TreeReader, items: Mapping, key: str, known: tuple[str, ...]) -> str | None:
    node = items.get(key)
    if node is None or node.value is None:
        return None
    word = node.value.strip().lower().replace("_", "-") if isinstance(node.value, str) else None
    if word not in known:
        reader.warn(node, f"'{key}': expected {' or '.join(known)}, found {describe_word(node.value)}")
    return word


def parse_node(data: bytes, limits: Limits, zone: str = "UTC") -> ParsedNode:
    """Read `monitor` and `maintenance`, under `node:` or at the top; everything else is for other readers."""
    reader = TreeReader(limits)
    root = reader.parse(data)
    top = _mapping(reader, root, "node")
    nested = top.get("node")
    if nested is not None and isinstance(nested.value, dict):
        top = {**top, **nested.value}
    reader.warn_of_near_misses(top, ("monitor", "maintenance"))
    before = len(reader.faults)
    is_monitored = read_monitoring(reader, top, ("monitor",)) or len(reader.faults) > before
    windows, shut = read_windows(top.get("maintenance"), zone)
    reader.faults += shut
    return ParsedNode(is_monitored, tuple(windows), to_canonical(root), reader.listed_faults(), tuple(reader.warnings))


def parse_topology(data: bytes, limits: Limits) -> ParsedTopology:
    """Read the nodes of the topology: under `nodes:`, a mapping, or a list of names; faulty ones are left out."""
    reader = TreeReader(limits)
    root = reader.parse(data)
    top = _mapping(reader, root, "nodes")
    reader.warn_of_near_misses(top, ("nodes",))
    listed = top.get("nodes")
    if listed is None or listed.value is None:
        if not reader.faults:
            at = listed or root or Node(None, 1, 1)
            reader.fault(at, "there are no 'nodes'; write 'nodes: {}', or remove the file")
        return ParsedTopology((), reader.listed_faults(), tuple(reader.warnings))
    nodes: dict[str, TopologyNode] = {}
    for text, at, options in _topology_entries(reader, listed):
        name = reader.name(text, at, "node")
        if name in nodes:
            reader.fault(at, f"the node '{name}' comes twice, first in line {nodes[name].line}; remove one")
        elif name is not None:
            nodes[name] = _topology_node(reader, name, at, options)
    return ParsedTopology(tuple(nodes.values()), reader.listed_faults(), tuple(reader.warnings))


def _topology_node(reader: TreeReader, name: str, at: Node, options: Mapping) -> TopologyNode:
    before = len(reader.faults)
    is_monitored = read_monitoring(reader, options, ("monitor",)) or len(reader.faults) > before
    services = _topology_services(reader, options.get("services"))
    roles = _topology_roles(options.get("roles"))
    return TopologyNode(name, services, "services" in options, roles, is_monitored, to_canonical(at), at.line)


def _topology_roles(node: Node | None) -> tuple[str, ...]:
    items = node.value if node is not None and isinstance(node.value, list) else [node] if node else []
    return tuple(sorted({item.value.strip() for item in items if isinstance(item.value, str) and item.value.strip()}))


def _topology_entries(reader: TreeReader, listed: Node) -> list[tuple[object, Node, Mapping]]:
    if isinstance(listed.value, dict):
        return [(name, node, _mapping(reader, node, name)) for name, node in listed.value.items()]
    if isinstance(listed.value, list):
        named = [(item, item.value if isinstance(item.value, dict) else {}) for item in listed.value]
        return [(options["name"].value if "name" in options else item.value, item, options) for item, options in named]
    reader.fault(listed, f"'nodes': expected a mapping or a list, found {describe(listed.value)}")
    return []


def _topology_services(reader: TreeReader, listed: Node | None) -> tuple[tuple[str, int], ...]:
    """Return the listed services that are names; the list is informative, so that a fault of it is a warning."""
    if listed is None or listed.value is None:
        return ()
    items = listed.value if isinstance(listed.value, list) else []
    lines = {normalize_name(item.value): item.line for item in reversed(items) if isinstance(item.value, str)}
    names = tuple((name, line) for name, line in lines.items() if is_name(name, reader.limits.max_name_length))
    if len(names) != len(items):
        reader.warn(listed, "'services': expected a list of names, each once")
    return names[::-1]


def parse_service(data: bytes, limits: Limits, service: str | None = None) -> ParsedService:
    """Read the dependencies of a service, under `service:` or at the top; `service` is what its folder calls it."""
    reader = TreeReader(limits)
    root = reader.parse(data)
    top = _mapping(reader, root, "service")
    nested = top.get("service")
    if nested is not None:
        top = _mapping(reader, nested, "service")
    reader.warn_of_near_misses(top, ("dependencies", "service"))
    name = top.get("name")
    if service is not None and name is not None and normalize_name(str(name.value)) != service:
        reader.warn(name, f"'name' says {quote(str(name.value))}, the folder '{service}'; the folder counts")
    dependencies = tuple(merge_declared(read_dependencies(reader, top.get("dependencies"))))
    faults = reader.listed_faults()
    return ParsedService(() if faults else dependencies, to_canonical(root), faults, tuple(reader.warnings))


def _mapping(reader: TreeReader, node: Node | None, what: str) -> Mapping:
    """Return the mapping that is there, empty where there is nothing; anything else is a fault."""
    if node is None or node.value is None:
        return {}
    if isinstance(node.value, dict):
        return node.value
    reader.fault(node, f"{quote(what)}: expected a mapping, found {describe(node.value)}")
    return {}

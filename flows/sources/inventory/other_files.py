"""The inventory's other files: what a node is capable of, the topology, and what each service needs."""

from typing import NamedTuple

from flows.sources.formats.yaml_tree import Fault, Node
from flows.sources.inventory.dependency_lists import Declared, read_dependencies
from flows.sources.inventory.tree_reader import Mapping, TreeReader, describe, describe_word
from flows.sources.names import is_name, normalize_name, quote
from schemas.limits import Limits

CONNECTIVITY = ("stable", "intermittent")


class ParsedCapabilities(NamedTuple):
    """What a `capabilities.yaml` says; with a fault the longer grace holds, since silence may be normal."""

    is_intermittent: bool
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]


class TopologyNode(NamedTuple):
    """One node of the topology, with the services that are listed there for the reader's information."""

    node: str
    services: tuple[tuple[str, int], ...]
    """Each listed service and its line."""
    line: int


class ParsedTopology(NamedTuple):
    """What a `topology.yaml` says."""

    nodes: tuple[TopologyNode, ...]
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]


class ParsedService(NamedTuple):
    """What a `service.yaml` declares for every node that runs the service."""

    dependencies: tuple[Declared, ...]
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]


def parse_capabilities(data: bytes, limits: Limits) -> ParsedCapabilities:
    """Read `operational.connectivity`, under `capabilities:` or at the top."""
    reader = TreeReader(limits)
    root = reader.parse(data)
    top = _mapping(reader, root, "capabilities")
    nested = top.get("capabilities")
    if nested is not None and nested.value is not None:
        top = _mapping(reader, nested, "capabilities")
    reader.warn_of_near_misses(top, ("operational",))
    operational = _mapping(reader, top.get("operational"), "operational")
    reader.warn_of_near_misses(operational, ("connectivity",))
    is_intermittent = _read_connectivity(reader, operational.get("connectivity"))
    return ParsedCapabilities(is_intermittent or bool(reader.faults), reader.listed_faults(), tuple(reader.warnings))


def _read_connectivity(reader: TreeReader, node: Node | None) -> bool:
    if node is None or node.value is None:
        return False
    word = node.value.strip().lower() if isinstance(node.value, str) else None
    if word not in CONNECTIVITY:
        reader.warn(node, f"'connectivity': expected stable or intermittent, found {describe_word(node.value)}")
    return word == "intermittent"


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
            nodes[name] = TopologyNode(name, _topology_services(reader, options.get("services")), at.line)
    return ParsedTopology(tuple(nodes.values()), reader.listed_faults(), tuple(reader.warnings))


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
    top = _mapping(reader, reader.parse(data), "service")
    nested = top.get("service")
    if nested is not None:
        top = _mapping(reader, nested, "service")
    reader.warn_of_near_misses(top, ("dependencies", "service"))
    name = top.get("name")
    if service is not None and name is not None and normalize_name(str(name.value)) != service:
        reader.warn(name, f"'name' says {quote(str(name.value))}, the folder '{service}'; the folder counts")
    dependencies = tuple(read_dependencies(reader, top.get("dependencies")))
    faults = reader.listed_faults()
    return ParsedService(() if faults else dependencies, faults, tuple(reader.warnings))


def _mapping(reader: TreeReader, node: Node | None, what: str) -> Mapping:
    """Return the mapping that is there, empty where there is nothing; anything else is a fault."""
    if node is None or node.value is None:
        return {}
    if isinstance(node.value, dict):
        return node.value
    reader.fault(node, f"{quote(what)}: expected a mapping, found {describe(node.value)}")
    return {}

"""Read a topology of the plain block shape: of nodes that are alike but for their names, the strict reader reads one.

What is not plain is left to that reader as a whole, and so is what holds a fault, or anything to warn of.
"""

from flows.sources.inventory.other_files import ParsedTopology, TopologyNode, parse_topology
from flows.sources.inventory.plain_plan import find_paths
from flows.sources.inventory.plain_services import Names, NotPlainError, cut_entries, is_small, read_lines
from flows.sources.names import RESERVED
from schemas.limits import Limits


def read_topology(data: bytes, limits: Limits) -> ParsedTopology:
    """Return what `parse_topology` returns."""
    try:
        return _read_plain(data, limits) if is_small(data, limits) else parse_topology(data, limits)
    except (NotPlainError, UnicodeDecodeError):
        return parse_topology(data, limits)


def _read_plain(data: bytes, limits: Limits) -> ParsedTopology:
    names, texts, line = cut_entries(data, "nodes", Names(limits.max_name_length))
    if RESERVED["node"] in names:
        raise NotPlainError
    alike = {text: _read_node(text, limits) for text in {*texts}}
    nodes = []
    for name, text in zip(names, texts, strict=True):
        node = alike[text]
        services = tuple((service, line + below) for service, below in node.services)
        nodes.append(node._replace(node=name, line=line, services=services))
        line += text.count(b"\n") + 1
    return ParsedTopology(tuple(nodes), (), ())


def _read_node(text: bytes, limits: Limits) -> TopologyNode:
    """Return what stands behind a node's name, with lines that count from that of the name."""
    if find_paths(tuple([line.lead for line in read_lines(text.decode())])) is None:
        raise NotPlainError
    nodes, faults, warnings = parse_topology(b"nodes:\n  x:" + text, limits)
    if len(nodes) != 1 or faults or warnings:
        raise NotPlainError
    return nodes[0]._replace(services=tuple((service, line - nodes[0].line) for service, line in nodes[0].services))

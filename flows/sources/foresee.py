"""The process that decodes a world ahead, while the inventory is still read: which nodes there will be, it foresees."""

import os
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from flows.errors import SupervisorError
from flows.files.foreign import FileFaultError, read_file
from flows.files.processes import end_with
from flows.sources.ahead import Answer, Work
from flows.sources.inventory.cache_file import frame_to_bytes
from flows.sources.inventory.files import TOPOLOGY, InventoryFiles
from flows.sources.inventory.listing import look_at_inventory
from flows.sources.inventory.other_files import ParsedCapabilities, ParsedNode, ParsedService
from flows.sources.inventory.rows import InventoryRows, Parsers
from flows.sources.world.actual import load_world
from flows.sources.world.memory import WorldMemory
from schemas.limits import Limits
from schemas.rules import Rules


def foresee_nodes(root: Path, limits: Limits, rules: Rules) -> frozenset[str]:
    """Return the names of the nodes that reading the inventory comes to, if all its files can be read.

    Of the files only the topology is read. Raises `InventoryError` where there is no inventory.
    """
    look = look_at_inventory(root, limits)
    contents = dict.fromkeys(look.stamps, b"")
    with suppress(FileFaultError):
        topology = read_file(Path(TOPOLOGY), max_bytes=limits.max_inventory_file_bytes, root=root)
        contents[TOPOLOGY] = topology.data
    files = InventoryFiles(contents, look.unreadable, look.folders, look.near_misses, "", look.marks)
    parsers = Parsers(
        capabilities=lambda *_: ParsedCapabilities(None, False, False, "", (), ()),
        node=lambda *_: ParsedNode(True, (), "", (), ()),
        service=lambda *_: ParsedService((), "", (), ()),
    )
    rows = InventoryRows(files, limits, rules, parsers, contents)
    rows.gather()
    return frozenset(rows.nodes)


def answer(work: Work) -> Answer:
    """Return the frames of the world that is asked for; raises what reading an inventory and a world raises."""
    limits, rules = work.limits, work.rules
    inventory, world = (Path(os.fsdecode(path)) for path in (work.inventory, work.world))
    summary = Path(os.fsdecode(work.summary)) if work.summary is not None else None
    nodes = foresee_nodes(inventory, limits, rules)
    memory = WorldMemory()
    as_of = datetime.fromisoformat(work.as_of)
    actual = load_world(world, as_of, work.aliases, nodes, limits, summary, memory, rules).actual
    assert memory.key is not None  # noqa: S101 - it keeps each world
    return Answer(dict(memory.key.digests), memory.key.source, nodes, [frame_to_bytes(frame) for frame in actual])


def main() -> None:
    """Answer what the standard input asks."""
    work = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Work)
    end_with(work.parent)
    with suppress(SupervisorError):
        sys.stdout.buffer.write(msgspec.msgpack.encode(answer(work)))

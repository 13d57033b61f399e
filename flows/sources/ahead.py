"""Decode a large world in a process of its own, while this one reads the inventory anew.

The other process tells which bytes, names and rules its frames are of, and a world's memory gives them to whoever reads
that world. Should it fail, or foresee other nodes than the inventory comes to, the world is decoded here, as ever.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Self

import msgspec
import polars as pl

from flows.errors import SupervisorError
from flows.files.foreign import FileFaultError, read_file, stamp_file
from flows.files.processes import collect_seldom, count_cores, end_with, spell_worker
from flows.sources.inventory.cache_file import frame_of_bytes, frame_to_bytes
from flows.sources.inventory.files import TOPOLOGY, InventoryFiles, look_at_inventory
from flows.sources.inventory.other_files import ParsedCapabilities, ParsedNode, ParsedService
from flows.sources.inventory.rows import InventoryRows, Parsers
from flows.sources.world.actual import load_world
from flows.sources.world.files import SERVICES
from flows.sources.world.memory import MemoryKey, WorldMemory
from schemas.actual import Actual
from schemas.limits import Limits
from schemas.rules import Rules

AHEAD_BYTES = 32 * 1024 * 1024
"""A world whose services take less is decoded before another process has begun."""


class Work(msgspec.Struct):
    """What the other process is asked."""

    inventory: bytes
    world: bytes
    summary: bytes | None
    """The path of `runtime-summary.json`, where it is not in the world's folder."""
    aliases: Mapping[str, str]
    as_of: str
    """In ISO 8601."""
    limits: bytes
    """As JSON."""
    rules: bytes
    """As JSON."""
    parent: int = 0


class Answer(msgspec.Struct):
    """A world's frames, and what they depend on."""

    digests: dict[str, bytes]
    source: str
    nodes: frozenset[str]
    frames: list[bytes]


class WorldAhead:
    """The other process, if there is one; the end of the block is its end."""

    def __init__(self, work: Work) -> None:
        """Begin nothing yet."""
        self._work = work
        self._process: subprocess.Popen[bytes] | None = None
        self._threads = ThreadPoolExecutor(1)
        self._answer: Future[tuple[bytes, bytes]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            with self._process as process:
                process.kill()
                self._threads.shutdown()

    def begin(self) -> None:
        """Let the other process begin, where that is worth it."""
        services = stamp_file(Path(os.fsdecode(self._work.world)) / SERVICES)
        if services is None or services.size_bytes < AHEAD_BYTES or count_cores() < 2 or not sys.executable:
            return
        self._work.parent = os.getpid()
        command, environment = spell_worker(__name__)
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
        with suppress(OSError, RuntimeError):  # where no process can be had, or no thread
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere, env=environment)
            # A thread takes the answer as it comes, so that the memory of the other process is soon free.
            self._answer = self._threads.submit(self._process.communicate, msgspec.msgpack.encode(self._work))

    def teach(self, memory: WorldMemory) -> None:
        """Wait for the other process, and let the memory know what it found."""
        if self._answer is None:
            return
        try:
            answer = msgspec.msgpack.decode(self._answer.result()[0], type=Answer)
            frames = Actual._make(map(frame_of_bytes, answer.frames))
        except (OSError, msgspec.DecodeError, pl.exceptions.PolarsError):
            return
        limits, rules = _read_models(self._work)
        nodes, aliases = answer.nodes, dict(self._work.aliases)
        key = MemoryKey(answer.digests, answer.source, aliases, nodes, limits, rules)
        memory.keep(key, frames, datetime.fromisoformat(self._work.as_of))


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
    limits, rules = _read_models(work)
    inventory, world = (Path(os.fsdecode(path)) for path in (work.inventory, work.world))
    summary = Path(os.fsdecode(work.summary)) if work.summary is not None else None
    nodes = foresee_nodes(inventory, limits, rules)
    memory = WorldMemory()
    as_of = datetime.fromisoformat(work.as_of)
    actual = load_world(world, as_of, work.aliases, nodes, limits, summary, memory, rules).actual
    assert memory.key is not None  # noqa: S101 - it keeps each world
    return Answer(dict(memory.key.digests), memory.key.source, nodes, [frame_to_bytes(frame) for frame in actual])


def _read_models(work: Work) -> tuple[Limits, Rules]:
    return Limits.model_validate_json(work.limits), Rules.model_validate_json(work.rules)


def main() -> None:
    """Answer what the standard input asks."""
    work = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Work)
    end_with(work.parent)
    collect_seldom()
    with suppress(SupervisorError):
        sys.stdout.buffer.write(msgspec.msgpack.encode(answer(work)))


if __name__ == "__main__":
    main()

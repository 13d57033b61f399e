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

from flows.files.foreign import stamp_file
from flows.files.processes import count_cores, spell_worker
from flows.sources.inventory.cache_file import frame_of_bytes
from flows.sources.world.files import SERVICES
from flows.sources.world.memory import MemoryKey, WorldMemory
from schemas.actual import Actual
from schemas.limits import Limits
from schemas.rules import Rules

AHEAD_BYTES = 32 * 1024 * 1024
"""A world whose services take less is decoded before another process has begun."""
WORKER = "flows.sources.foresee"


class Work(msgspec.Struct):
    """What the other process is asked."""

    inventory: bytes
    world: bytes
    summary: bytes | None
    """The path of `runtime-summary.json`, where it is not in the world's folder."""
    aliases: Mapping[str, str]
    as_of: str
    """In ISO 8601."""
    limits: Limits
    rules: Rules
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
        command, environment = spell_worker(WORKER)
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
        # where no process can be had, no message written to it (a setting of more than 64 bits), or no thread
        with suppress(OSError, OverflowError, RuntimeError):
            message = msgspec.msgpack.encode(self._work)
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere, env=environment)
            # A thread takes the answer as it comes, so that the memory of the other process is soon free.
            self._answer = self._threads.submit(self._process.communicate, message)

    def teach(self, memory: WorldMemory) -> None:
        """Wait for the other process, and let the memory know what it found."""
        if self._answer is None:
            return
        try:
            answer = msgspec.msgpack.decode(self._answer.result()[0], type=Answer)
            frames = Actual._make(map(frame_of_bytes, answer.frames))
        except (OSError, msgspec.DecodeError, pl.exceptions.PolarsError):
            return
        aliases, limits, rules = dict(self._work.aliases), self._work.limits, self._work.rules
        key = MemoryKey(answer.digests, answer.source, aliases, answer.nodes, limits, rules)
        memory.keep(key, frames, datetime.fromisoformat(self._work.as_of))

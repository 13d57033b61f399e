"""Parts: a look that a node took of itself and ships, where nobody can reach it (OBSERVER 5)."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from flows.engines.address import parse_address
from flows.engines.looked import RawLook, SourceLook
from flows.engines.probes import ProbePlan, probe
from flows.engines.reasons import LookError
from flows.engines.ssh import run_remote
from flows.files.foreign import FileFaultError, MissingFileError, UnsafeFileError, read_file
from flows.observer.node_plan import SSH, NodePlan
from schemas.look_words import ReasonClass

SCHEMA = 1
MOST_BYTES = 64 * 2**20
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
SOURCE, PROBES = "part", "probes"
KEPT_BOOTS = 5


class Part(msgspec.Struct, frozen=True):
    """One look, with what tells it from others: its number grows within a boot."""

    schema: int
    node: str
    seq: int
    boot_id: str
    taken_at: float
    look: RawLook


class _Taken(NamedTuple):
    """The last part that was taken."""

    boots: tuple[str, ...]
    """The newest last."""
    seq: int
    arrived_at: float

    def is_new(self, part: Part) -> bool:
        if self.boots and part.boot_id == self.boots[-1]:
            return part.seq > self.seq
        return part.boot_id not in self.boots


def make_part(look: RawLook) -> bytes:
    """Return a look as a part; nothing is in it that the world would not show."""
    boot_id = BOOT_ID.read_text(encoding="ascii").strip() if BOOT_ID.exists() else "unknown"
    part = Part(SCHEMA, look.node, time.monotonic_ns() // 1_000_000, boot_id, look.ended_at, look)
    return msgspec.json.encode(part) + b"\n"


class PartLooker:
    """Takes the parts of one node; each counts once, and is dated by its arrival."""

    def __init__(self, plan: NodePlan, probes: tuple[ProbePlan, ...], taken: str = "") -> None:
        """Take none yet; `taken` is what the memory says of the last one."""
        self.plan = plan
        self._probes = probes
        self._taken = _parse(taken)

    @property
    def key(self) -> object:
        """Return what this looker was made of."""
        return self.plan, (), self._probes

    async def look(self) -> RawLook:
        """Return a new part's look; where none came lately, that is silence."""
        answers = await asyncio.gather(*(probe(plan) for plan in self._probes))
        now = time.time()
        try:
            part = await self._read()
            if not self._taken.is_new(part):
                if now - self._taken.arrived_at <= 2 * self.plan.every.total_seconds() + 20:
                    return RawLook(self.plan.node, now, is_idle=True)
                raise LookError(ReasonClass.TIMEOUT, "no new part has come")
            look = self._take(part, now)
        except LookError as error:
            failed = SourceLook(SOURCE, reason_class=error.reason_class, reason=error.text)
            look = RawLook(self.plan.node, now, sources=(failed,))
        probed = (SourceLook(PROBES, probes=tuple(answers)),) if answers else ()
        return msgspec.structs.replace(look, sources=(*look.sources, *probed))

    def _take(self, part: Part, now: float) -> RawLook:
        boots = (*(boot for boot in self._taken.boots if boot != part.boot_id), part.boot_id)[-KEPT_BOOTS:]
        self._taken = _Taken(boots, part.seq, now)
        return msgspec.structs.replace(
            part.look,
            node=self.plan.node,
            ended_at=now,
            offset_s=part.taken_at - now,
            part=f"{' '.join(boots)} {part.seq} {now}",
        )

    async def _read(self) -> Part:
        where = self.plan.part or ""
        data = await self._fetch(where) if where.startswith(SSH) else _read_file(where)
        try:
            part = msgspec.json.decode(data, type=Part)
        except msgspec.DecodeError:
            raise LookError(ReasonClass.PROTOCOL, "the part is not what 'supervisor observe --part' writes") from None
        if part.schema != SCHEMA or part.node != self.plan.node:
            raise LookError(ReasonClass.PROTOCOL, "the part is of another node, or of another version")
        return part

    async def _fetch(self, where: str) -> bytes:
        """Return what the other host's forced command prints; any command that we would send is ignored there."""
        said = await run_remote(parse_address(where), "supervisor observe --part", most_bytes=MOST_BYTES)
        return said.encode()

    async def listen(self, _tell: Callable[[], None]) -> None:
        """Do nothing: a file tells of itself when it is read."""

    async def close(self) -> None:
        """Do nothing: nothing is kept open."""


def _read_file(where: str) -> bytes:
    try:
        return read_file(Path(where), max_bytes=MOST_BYTES).data
    except MissingFileError:
        raise LookError(ReasonClass.NO_SOCKET, f"{where}: no part has come yet") from None
    except UnsafeFileError as error:
        raise LookError(ReasonClass.CONFIG, str(error)) from None
    except FileFaultError as error:
        raise LookError(ReasonClass.TIMEOUT, str(error)) from None


def _parse(taken: str) -> _Taken:
    *boots, seq, arrived_at = taken.split() if taken else ("0", "0.0")
    return _Taken(tuple(boots), int(seq), float(arrived_at))

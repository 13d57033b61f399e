"""Looking at one node: its engines, systemd, and probes from here; what fails has a reason, and nothing is raised."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from flows.engines.address import Address, Way, find_local_address, list_local_addresses, parse_address
from flows.engines.dial import Dialer
from flows.engines.engine import Engine, look_at
from flows.engines.events import follow_events
from flows.engines.http import HttpClient
from flows.engines.looked import Pressure, RawLook, SourceLook
from flows.engines.probes import ProbePlan, probe
from flows.engines.reasons import LookError
from flows.engines.ssh import Tunnel, make_tunnel_folder, tell_apart
from flows.engines.units import look_at_units, measure_here
from flows.observer.node_plan import NodePlan
from schemas.look_words import ReasonClass

PROBES = "probes"
SECOND_LOOK_S = 3600.0
PRESSURE_S = 300.0
BROKEN = frozenset({ReasonClass.RESET, ReasonClass.TIMEOUT, ReasonClass.REFUSED, ReasonClass.NO_SOCKET})
"""Reasons by which a tunnel is opened anew."""


class EngineSource:
    """One engine of a node, and the way to it."""

    def __init__(self, address: Address, *, compress: bool = False) -> None:
        """Connect to nothing yet."""
        self.address = address
        self._compress = compress
        self._folder: Path | None = None
        self._tunnel: Tunnel | None = None
        self._dialer: Dialer | None = None
        """In place of the tunnel, where it was shown to work and that not."""
        self._engine: Engine | None = None
        self._told_apart_at: float | None = None
        self._told: LookError | None = None
        self.was_connected = asyncio.Event()

    async def look(self) -> SourceLook:
        """Return what the engine says, or why it does not."""
        try:
            engine = await self._connect()
        except LookError as error:
            return self._fail(error)
        found = await look_at(engine)
        if found.reason_class is None:
            return found
        if self._dialer is not None:
            return self._fail(self._dialer.fault) if self._dialer.fault else found
        return found if self._tunnel is None else await self._explain(self._tunnel, found)

    async def _explain(self, tunnel: Tunnel, found: SourceLook) -> SourceLook:
        """Return why nothing came through the tunnel, or what comes by dialling where only sockets are forbidden."""
        refusal = tunnel.explain_refusal() if found.reason_class in BROKEN else None
        if refusal is not None:
            told = await self._tell_apart()
            dialled = await self._dial() if told.reason_class is ReasonClass.SOCKET else None
            return dialled or self._fail(told)
        if not tunnel.is_open:
            return self._fail(tunnel.explain())
        if found.reason_class is ReasonClass.TIMEOUT:
            await tunnel.close()
        return found

    def _fail(self, error: LookError) -> SourceLook:
        return SourceLook(self.address.text, reason_class=error.reason_class, reason=error.text)

    async def _connect(self) -> Engine:
        if self._dialer is not None:
            await self._dialer.open()
        elif self.address.way is Way.SSH:
            if self._tunnel is None:
                self._folder = make_tunnel_folder()
                self._tunnel = Tunnel(self.address, self._folder, compress=self._compress)
            await self._tunnel.open()
        if self._engine is None:
            client = HttpClient(self.address, self._tunnel.socket if self._tunnel else None)
            self._engine = Engine(self.address.text, client)
            self.was_connected.set()
        return self._engine

    async def _dial(self) -> SourceLook | None:
        """Return a look by `docker system dial-stdio`, which is kept as the way; None where that does not lead there."""
        assert self._folder is not None  # noqa: S101 - there was a tunnel
        dialer = Dialer(self.address, self._folder, compress=self._compress)
        try:
            await dialer.open()
            engine = Engine(self.address.text, HttpClient(self.address, dialer.socket, is_dear=True))
        except LookError:
            return None
        found = await look_at(engine)
        if found.reason_class is not None:
            await engine.client.close()
            await dialer.close()
            return None
        await self._end()
        self._engine, self._dialer = engine, dialer
        return found

    async def _tell_apart(self) -> LookError:
        """Look a second time, once an hour."""
        now = time.monotonic()
        if self._told is None or self._told_apart_at is None or now - self._told_apart_at >= SECOND_LOOK_S:
            self._told, self._told_apart_at = await tell_apart(self.address), now
        return self._told

    @property
    def engine(self) -> Engine | None:
        """Return the engine, once there was a look."""
        return self._engine

    async def _end(self) -> None:
        """End what leads to the engine."""
        if self._engine is not None:
            await self._engine.client.close()
        for way in (self._tunnel, self._dialer):
            if way is not None:
                await way.close()
        self._engine = self._tunnel = self._dialer = None

    async def close(self) -> None:
        """End connections and tunnel."""
        await self._end()
        if self._folder is not None:
            with contextlib.suppress(OSError):
                self._folder.rmdir()


class NodeLooker:
    """Looks at one node again and again."""

    def __init__(self, plan: NodePlan, units: tuple[str, ...], probes: tuple[ProbePlan, ...]) -> None:
        """Connect to nothing yet."""
        self.plan = plan
        self._units = units
        self._probes = probes
        self._sources: list[EngineSource] = []
        self._faults: list[SourceLook] = []
        self._pressure, self._pressure_at = Pressure(), -PRESSURE_S
        for text in self._list_addresses():
            try:
                self._sources.append(EngineSource(parse_address(text, plan.tls), compress=plan.is_intermittent))
            except LookError as error:
                self._faults.append(SourceLook(text[:80], reason_class=error.reason_class, reason=error.text))
        if not (self._sources or self._faults or self._has_units or probes):
            self._faults.append(_nothing_to_look_at(plan))

    @property
    def key(self) -> object:
        """Return what this looker was made of: of another plan another one is made."""
        return self.plan, self._units, self._probes

    @property
    def sources(self) -> list[EngineSource]:
        """Return its engines."""
        return self._sources

    @property
    def _has_units(self) -> bool:
        return self.plan.has_systemd or bool(self._units)

    def _list_addresses(self) -> tuple[str, ...]:
        if self.plan.addresses is not None:
            return self.plan.addresses
        if not self.plan.is_here:
            return (f"ssh://{self.plan.node}",)
        found = find_local_address()
        return (found,) if found else ()

    async def look(self) -> RawLook:
        """Return what there is to see; each source has its own deadline."""
        begun = time.monotonic()
        looks = [source.look() for source in self._sources]
        asked = asyncio.gather(*looks)
        systemd = self._look_at_units()
        answers = asyncio.gather(*(probe(plan) for plan in self._probes))
        engines, (units, pressure), probes = await asyncio.gather(asked, systemd, answers)
        found = [*self._faults, *engines, *([units] if units else [])]
        if probes:
            found.append(SourceLook(PROBES, probes=tuple(probes)))
        if not (self._sources or self._faults or units) and probes and not any(row.is_ok for row in probes):
            # Nothing but probes tells of this node, and none is answered: it is silent.
            found.append(SourceLook("node", reason_class=ReasonClass.TIMEOUT, reason="no probe of it is answered"))
        took_ms = round((time.monotonic() - begun) * 1000)
        return RawLook(self.plan.node, time.time(), took_ms, tuple(found), pressure)

    async def _look_at_units(self) -> tuple[SourceLook | None, Pressure]:
        """Return what systemd says where it is asked, and the pressure where something measures it."""
        remote = next((source.address for source in self._sources if source.address.way is Way.SSH), None)
        is_local = any(source.address.way is Way.UNIX for source in self._sources) or self.plan.is_here
        if self._has_units:
            way = remote or (None if is_local else parse_address(f"ssh://{self.plan.node}"))
            return await look_at_units(self._units, way)
        if is_local:
            return None, measure_here()
        if remote is not None and time.monotonic() - self._pressure_at >= PRESSURE_S:
            self._pressure_at = time.monotonic()
            self._pressure = (await look_at_units((), remote))[1]
        return None, self._pressure

    async def listen(self, tell: Callable[[], None]) -> None:
        """Tell of each event of an engine that is on a socket here or on the network, until cancelled."""
        near = [source for source in self._sources if source.address.way is not Way.SSH]
        await asyncio.gather(*(self._listen(source, tell) for source in near))

    async def _listen(self, source: EngineSource, tell: Callable[[], None]) -> None:
        await source.was_connected.wait()
        if source.engine is not None:
            await follow_events(source.engine, tell)

    async def close(self) -> None:
        """End all connections."""
        await asyncio.gather(*(source.close() for source in self._sources))


def _nothing_to_look_at(plan: NodePlan) -> SourceLook:
    if plan.problem:
        return SourceLook("observe", reason_class=ReasonClass.CONFIG, reason=plan.problem)
    if plan.addresses is None:
        tried = ", ".join(list_local_addresses())
        return SourceLook(
            "docker", reason_class=ReasonClass.NO_SOCKET, reason=f"no engine was found on this host; looked for {tried}"
        )
    return SourceLook(
        "observe", reason_class=ReasonClass.CONFIG, reason="nothing to look at: name docker, systemd, a unit or a probe"
    )

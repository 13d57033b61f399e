"""The observer: looks at the nodes of the inventory, concludes, publishes; once, or until it is stopped (OBSERVER 5)."""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import polars as pl

from flows.engines.looked import RawLook
from flows.engines.probes import ProbePlan
from flows.errors import SupervisorError
from flows.files.lock import hold_lock
from flows.files.own import make_private_folder
from flows.observer.conclude import Conclusion, conclude, list_notes
from flows.observer.documents import (
    describe_deployments,
    describe_incidents,
    describe_nodes,
    describe_services,
    read_back,
)
from flows.observer.hooks import read_hooks
from flows.observer.looker import NodeLooker
from flows.observer.memory import Memory
from flows.observer.pace import Clocks, pause_after
from flows.observer.parts import PartLooker
from flows.observer.plan import Plan, read_plan
from flows.observer.publish import Publisher
from flows.observer.recall import recall_asked
from flows.observer.state import LOCK, load_memory, save_memory, sweep
from flows.settings import Settings
from flows.sources.world.generations import read_generation
from schemas.look_words import SelectorKind
from schemas.observed import Evidence
from stages.world_summary import summarize_world

AT_ONCE = 32
PUBLISH_EVERY_S, PUBLISH_LEAST_S = 2.0, 60.0
READ_PLAN_S = 5.0
DEPLOY_DEADLINE_S = 600.0
Complain = Callable[[str], None]


class Observer:
    """One observer of one world folder; it holds the lock while it is open."""

    def __init__(self, settings: Settings, complain: Complain) -> None:
        """Read and write nothing yet; what goes wrong on the way is told to `complain`."""
        self.settings = settings
        self.complain = complain
        self._host = socket.gethostname()
        self._started_at = time.time()
        self._publisher = Publisher(settings.world, self._host, os.getpid())
        self._state_dir = settings.state_dir
        self._lookers: dict[str, NodeLooker | PartLooker] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._published: tuple[float, Any] = (0.0, None)
        self.memory = Memory()
        self.plan: Plan | None = None
        self.next_looks: dict[str, float] = {}

    @asynccontextmanager
    async def opened(self, *, take_over: bool = False) -> AsyncIterator[None]:
        """Hold the lock and what is remembered; raises `BusyError` where another observer is at work, or `EmitError`."""
        self._state_dir = make_private_folder(self.settings.state_dir)
        with hold_lock(self._state_dir / LOCK, 0.0):
            sweep(self._state_dir)
            generation = self._publisher.open(take_over=take_over)
            self.memory = load_memory(self._state_dir) or self._read_back()
            self.memory = replace(self.memory, generation=max(generation, self.memory.generation))
            self.read_plan()
            try:
                yield
            finally:
                await self.close()

    async def close(self) -> None:
        """End all connections."""
        await asyncio.gather(*(looker.close() for looker in self._lookers.values()))

    def _read_back(self) -> Memory:
        """Return what the last generation tells, where the memory is lost."""
        limits = self.settings.limits
        names = ("nodes.json", "services.json", "incidents.json", "deployments.json")
        with contextlib.suppress(SupervisorError):
            found = read_generation(self._publisher.world, dict.fromkeys(names, limits.max_world_file_bytes))
            return read_back(found.contents) if found else Memory()
        return Memory()

    def read_plan(self) -> Plan:
        """Read the inventory, and make lookers for what is new or changed; raises `InventoryError`."""
        plan, self.memory = recall_asked(read_plan(self.settings), self.memory)
        self.plan = plan
        return plan

    async def refresh_lookers(self) -> Mapping[str, NodeLooker | PartLooker]:
        """Return the lookers of the plan; those of nodes that are no more, or are looked at otherwise, are closed."""
        assert self.plan is not None  # noqa: S101 - it is read when the observer is opened
        made: dict[str, NodeLooker | PartLooker] = {}
        for name in self.plan.nodes:
            looker = self._make_looker(self.plan, name)
            known = self._lookers.pop(name, None)
            if known is not None and known.key == looker.key:
                made[name] = known
            else:
                made[name] = looker
                if known is not None:
                    await known.close()
        await asyncio.gather(*(looker.close() for looker in self._lookers.values()))
        self._lookers = made
        return made

    def _make_looker(self, plan: Plan, node: str) -> NodeLooker | PartLooker:
        of_node = plan.nodes[node]
        rows = plan.selectors.filter(pl.col("node") == node)
        probes = rows.filter(pl.col("kind") == SelectorKind.PROBE)
        units = tuple(sorted(set(rows.filter(pl.col("kind") == SelectorKind.UNIT)["value"])))
        asked = tuple(ProbePlan(*row) for row in probes.select("service", "value", "expect").iter_rows())
        if of_node.part:
            return PartLooker(of_node, asked, self.memory.parts.get(node, ""))
        return NodeLooker(of_node, units, asked)

    async def look_at(self, node: str) -> RawLook:
        """Return one look at a node; never raises."""
        async with self._gate:
            return await self._lookers[node].look()

    async def look_once(self) -> Conclusion:
        """Look at every node at once, conclude and publish; raises `EmitError`."""
        lookers = await self.refresh_lookers()
        looks = await asyncio.gather(*(self.look_at(node) for node in lookers))
        concluded = self.conclude(list(looks))
        self.publish(time.time())
        return concluded

    def conclude(self, looks: list[RawLook]) -> Conclusion:
        """Take in looks."""
        assert self.plan is not None  # noqa: S101 - it is read when the observer is opened
        at = max([time.time(), *(look.ended_at for look in looks)])
        hooks = read_hooks(self._state_dir, at)
        concluded = conclude(self.memory, self.plan, looks, hooks, at, DEPLOY_DEADLINE_S)
        self.memory = concluded.memory
        return concluded

    def is_due(self, now: float) -> bool:
        """Return whether there is something new to publish, or nothing was published for a minute."""
        published_at, content = self._published
        if now - published_at >= PUBLISH_LEAST_S:
            return True
        return now - published_at >= PUBLISH_EVERY_S and content != self._content()

    def _content(self) -> object:
        """Return what makes a generation worth writing: all but moments that only say that nothing changed."""
        memory = self.memory
        services = [
            replace(one, last_seen=0.0, is_settled=False)
            for of_node in memory.services.values()
            for one in of_node.values()
        ]
        nodes = [(one.node, one.status, one.failures, one.online_since) for one in memory.nodes.values()]
        return services, nodes, memory.incidents, memory.deployments, memory.notes

    def publish(self, at: float) -> None:
        """Write the next generation and what is remembered; raises `EmitError`, and the last one stays whole."""
        assert self.plan is not None  # noqa: S101 - it is read when the observer is opened
        memory = replace(self.memory, generation=self.memory.generation + 1)
        services = [service for of_node in memory.services.values() for service in of_node.values()]
        summary = summarize_world(
            list(memory.nodes.values()),
            services,
            memory.incidents.values(),
            list_notes(memory, self.plan),
            self._facts(memory.generation, at),
        )
        documents = {
            "deployments.json": describe_deployments(memory),
            "incidents.json": describe_incidents(memory),
            "services.json": describe_services(memory, self._host),
            "nodes.json": describe_nodes(memory, self.plan, self._host, self.next_looks),
            "runtime-summary.json": summary,
        }
        self._publisher.publish(memory.generation, documents, at)
        self.memory = memory
        save_memory(self._state_dir, memory)
        self._published = (at, self._content())

    def _facts(self, generation: int, at: float) -> dict[str, Any]:
        from importlib.metadata import version

        started_at = datetime.fromtimestamp(self._started_at, UTC).isoformat(timespec="seconds")
        return {
            "last_update": at,
            "interval_s": self.settings.observe_every.total_seconds(),
            "generation": generation,
            "observer": {
                "name": "runtime-supervisor",
                "version": version("runtime-supervisor"),
                "host": self._host,
                "pid": os.getpid(),
                "started_at": started_at,
            },
        }

    def start_afresh(self) -> None:
        """Forget failures and evidence: our own host slept, or its clock was set, and nobody else is to blame."""
        nodes = {name: replace(node, failures=0, failing_since=None) for name, node in self.memory.nodes.items()}
        evidence: dict[str, Evidence] = {}
        self.memory = replace(self.memory, nodes=nodes, evidence=evidence, starts={})


async def observe_until(observer: Observer, stop: asyncio.Event) -> None:
    """Look at each node in its own time, conclude and publish, until `stop` is set."""
    await _Loop(observer, stop).run()


class _Loop:
    """One task a node; none waits for another, and the publisher waits for none of them."""

    def __init__(self, observer: Observer, stop: asyncio.Event) -> None:
        self._observer = observer
        self._stop = stop
        self._looks: asyncio.Queue[RawLook] = asyncio.Queue()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wake: dict[str, asyncio.Event] = {}
        self._clocks = Clocks()
        self._quiet: set[str] = set()
        """Nodes whose first look after our host slept is not concluded from, where it fails."""
        self._read_plan_at = time.monotonic()

    async def run(self) -> None:
        """Run until it is time to stop."""
        try:
            await self._follow_plan()
            first = await self._gather_first()
            self._take(first)
            while not self._stop.is_set():
                self._publish()
                looks = await self._gather(PUBLISH_EVERY_S)
                if self._clocks.have_jumped():
                    self._observer.start_afresh()
                    self._quiet = set(self._tasks)
                self._take(looks)
                await self._follow_plan()
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _gather_first(self) -> list[RawLook]:
        """Return the looks of all nodes, or of those that answered within ten seconds."""
        looks: list[RawLook] = []
        until = time.monotonic() + 10.0
        while len(looks) < len(self._tasks) and time.monotonic() < until and not self._stop.is_set():
            looks += await self._gather(0.5)
        return looks

    async def _gather(self, most_s: float) -> list[RawLook]:
        """Return the looks that ended by then; at once as soon as it is to stop."""
        looks: list[RawLook] = []
        until = time.monotonic() + most_s
        while (left_s := until - time.monotonic()) > 0 and not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                looks.append(await asyncio.wait_for(self._looks.get(), min(left_s, 0.2)))
        return looks

    def _take(self, looks: list[RawLook]) -> None:
        """Conclude from looks, one after the other where there are several of one node."""
        while looks:
            batch = {look.node: look for look in reversed(looks)}
            looks = [look for look in looks if batch[look.node] is not look]
            told = [look for look in batch.values() if not self._is_hushed(look)]
            concluded = self._observer.conclude(told)
            for node, seconds in concluded.look_again.items():
                asyncio.get_running_loop().call_later(seconds, self._wake_up, node)

    def _is_hushed(self, look: RawLook) -> bool:
        was_quiet = look.node in self._quiet
        self._quiet.discard(look.node)
        return was_quiet and any(source.reason_class for source in look.sources)

    def _wake_up(self, node: str) -> None:
        if node in self._wake:
            self._wake[node].set()

    def _publish(self) -> None:
        now = time.time()
        if not self._observer.is_due(now):
            return
        try:
            self._observer.publish(now)
        except SupervisorError as error:
            self._observer.complain(str(error))

    async def _follow_plan(self) -> None:
        """Read the inventory again every few seconds, and begin and end tasks as it says."""
        if self._tasks and time.monotonic() - self._read_plan_at < READ_PLAN_S:
            return
        self._read_plan_at = time.monotonic()
        try:
            self._observer.read_plan()
        except SupervisorError as error:
            self._observer.complain(f"{error}; going on with the inventory as it was")
        lookers = await self._observer.refresh_lookers()
        for node in [node for node in self._tasks if node not in lookers]:
            self._tasks.pop(node).cancel()
        for node in lookers:
            if node not in self._tasks:
                self._wake[node] = asyncio.Event()
                self._tasks[node] = asyncio.create_task(self._look_again_and_again(node))

    async def _look_again_and_again(self, node: str) -> None:
        while True:
            self._wake[node].clear()
            look = await self._observer.look_at(node)
            await self._looks.put(look)
            # What was concluded from it decides on the pause; the publisher takes it in within two seconds.
            await asyncio.sleep(0.3)
            plan = self._observer.plan
            every = plan.nodes[node].every if plan and node in plan.nodes else self._observer.settings.observe_every
            pause_s = pause_after(self._observer.memory.nodes.get(node), every)
            self._observer.next_looks[node] = round(time.time() + pause_s, 1)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake[node].wait(), pause_s)

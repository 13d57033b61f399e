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

from flows.engines.looked import RawLook, SourceLook
from flows.engines.probes import ProbePlan
from flows.errors import SupervisorError
from flows.files.foreign import stamp_file
from flows.files.lock import hold_lock
from flows.files.own import make_private_folder
from flows.observer.conclude import Conclusion, conclude
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
from flows.observer.notes import list_notes
from flows.observer.parts import PartLooker
from flows.observer.plan import Plan, read_plan
from flows.observer.plan_faults import warn_of_plain
from flows.observer.publish import Publisher
from flows.observer.recall import recall_asked
from flows.observer.state import LOCK, load_memory, save_memory, sweep
from flows.settings import Settings
from flows.sources.inventory.files import HOSTS
from flows.sources.inventory.listing import look_at_inventory
from flows.sources.world.generations import read_generation
from schemas.look_words import ReasonClass, SelectorKind
from schemas.observed import Evidence, tell_sight
from stages.world_summary import summarize_world

AT_ONCE = 32
PUBLISH_EVERY_S, PUBLISH_LEAST_S = 2.0, 57.0
"""Whether it is due is asked every two seconds: so a world is written within each minute, before `watch` runs without one."""
DEPLOY_DEADLINE_S = 600.0
Complain = Callable[[str], None]
Looker = NodeLooker | PartLooker


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
        self.lookers: dict[str, Looker] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._published: tuple[float, Any] = (0.0, None)
        self.memory = Memory()
        self.plan: Plan | None = None
        self._inventory: object = None
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
        await asyncio.gather(*(looker.close() for looker in self.lookers.values()))

    def _read_back(self) -> Memory:
        """Return what the last generation tells, where the memory is lost."""
        limits = self.settings.limits
        names = ("nodes.json", "services.json", "incidents.json", "deployments.json")
        with contextlib.suppress(SupervisorError):
            found = read_generation(self._publisher.world, dict.fromkeys(names, limits))
            return read_back(found.contents) if found else Memory()
        return Memory()

    def read_plan(self) -> Plan:
        """Read the inventory, and make lookers for what is new or changed; raises `InventoryError`."""
        self._inventory = self._look_at_inventory()
        plan, self.memory = recall_asked(read_plan(self.settings), self.memory)
        self.plan = plan
        return plan

    def warnings(self) -> list[str]:
        """Return what of the plan is a danger, once."""
        return warn_of_plain(self.plan) if self.plan else []

    def has_plan_changed(self) -> bool:
        """Return whether a file of the inventory is another than when it was read; raises `InventoryError`."""
        return self._look_at_inventory() != self._inventory

    def _look_at_inventory(self) -> object:
        """Return what is another value as soon as a file of the inventory is another."""
        root = self.settings.inventory.absolute()
        stamps = [(path, stamp_file(path)) for path in sorted((root / HOSTS).glob("*/node.yaml"))]
        return look_at_inventory(root, self.settings.limits), stamps

    async def refresh_lookers(self) -> Mapping[str, Looker]:
        """Return the lookers of the plan; those of nodes that are no more, or are looked at otherwise, are closed."""
        assert self.plan is not None  # noqa: S101 - it is read when the observer is opened
        made: dict[str, Looker] = {}
        for name in self.plan.nodes:
            looker = self._make_looker(self.plan, name)
            known = self.lookers.pop(name, None)
            if known is not None and known.key == looker.key:
                made[name] = known
            else:
                made[name] = looker
                if known is not None:
                    await known.close()
        await asyncio.gather(*(looker.close() for looker in self.lookers.values()))
        self.lookers = made
        return made

    def _make_looker(self, plan: Plan, node: str) -> Looker:
        of_node = plan.nodes[node]
        rows = plan.selectors.filter(pl.col("node") == node)
        probes = rows.filter(pl.col("kind") == SelectorKind.PROBE)
        units = tuple(sorted(set(rows.filter(pl.col("kind") == SelectorKind.UNIT)["value"])))
        asked = tuple(ProbePlan(*row) for row in probes.select("service", "value", "expect").iter_rows())
        if of_node.part:
            return PartLooker(of_node, asked, self.memory.parts.get(node, ""))
        return NodeLooker(of_node, units, asked)

    async def look_at(self, looker: Looker) -> RawLook:
        """Return one look at a node; never raises: a bug about one node must not hide the others."""
        async with self._gate:
            try:
                return await looker.look()
            except Exception as error:  # noqa: BLE001 - as said
                text = f"the look failed by a bug of ours ({type(error).__name__}); please report it"
                fault = SourceLook("observer", reason_class=ReasonClass.RESET, reason=text)
                return RawLook(looker.plan.node, time.time(), sources=(fault,))

    async def look_once(self) -> Conclusion:
        """Look at every node at once, conclude and publish; raises `EmitError`."""
        lookers = await self.refresh_lookers()
        looks = await asyncio.gather(*(self.look_at(looker) for looker in lookers.values()))
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
        """Return whether there is something new to publish, or a minute without is nearly over."""
        published_at, content = self._published
        if now - published_at >= PUBLISH_LEAST_S:
            return True
        return now - published_at >= PUBLISH_EVERY_S and content != self._content()

    def _content(self) -> object:
        """Return what makes a generation worth writing: all but moments that only say that nothing changed."""
        memory = self.memory
        services = [(one.since, *tell_sight(one)) for of_node in memory.services.values() for one in of_node.values()]
        nodes = [(one.node, one.status, one.failures, one.online_since) for one in memory.nodes.values()]
        return services, nodes, memory.incidents, memory.deployments, memory.notes

    def publish(self, at: float) -> None:
        """Write the next generation and what is remembered; raises `EmitError`, and the last one stays whole."""
        assert self.plan is not None  # noqa: S101 - it is read when the observer is opened
        # A number is used once, also where writing fails after the manifest has named it.
        self.memory = memory = replace(self.memory, generation=self.memory.generation + 1)
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

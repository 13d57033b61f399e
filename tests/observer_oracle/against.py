"""The same answers, taken in by the supervisor's observer and by the oracle, and where the two differ."""

import asyncio
import json
import shutil
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import msgspec

from flows.engines import engine as engine_module
from flows.engines.engine import Engine, look_at
from flows.engines.http import Answer
from flows.engines.looked import Pressure, RawLook, SeenProbeRow, SourceLook
from flows.engines.reasons import LookError
from flows.engines.units import read_pressure, read_units
from flows.observer import parts as parts_module
from flows.observer.conclude import conclude
from flows.observer.documents import (
    describe_deployments,
    describe_incidents,
    describe_nodes,
    describe_services,
    read_back,
)
from flows.observer.memory import Memory
from flows.observer.notes import list_notes
from flows.observer.parts import PartLooker, make_part
from flows.observer.plan import Plan, read_plan
from flows.observer.recall import recall_asked
from flows.observer.state import load_memory, save_memory
from flows.settings import Settings
from schemas.look_words import ReasonClass
from schemas.observed import Hook
from tests.observer_oracle.generate import Case
from tests.observer_oracle.names import runtime
from tests.observer_oracle.words import Json
from tests.observer_oracle.world import World


class Client:
    """Answers in place of a socket: `HttpClient.get` of one engine at one moment."""

    def __init__(self) -> None:
        self.answer: Json = {}
        self.skew = self.at = 0.0

    async def get(self, path: str, until: float) -> Answer:
        if "fail" in self.answer:
            raise LookError(ReasonClass(self.answer["fail"]), "as the case has it")
        if path == "/_ping":
            server = "Libpod/4.3.1 (linux)" if self.answer["is_podman"] else "Docker/26.1.5 (linux)"
            api = "1.60" if self.answer["has_health"] else "1.45"
            headers = {"api-version": api, "server": server, "date": formatdate(self.at + self.skew, usegmt=True)}
            return Answer(200, headers, b"OK")
        if path.endswith("/containers/json?all=1"):
            return Answer(200, {}, json.dumps([row["list"] for row in self.answer["containers"]]).encode())
        return self._inspect(path.split("/")[-2])

    def _inspect(self, name: str) -> Answer:
        found = next(row["inspect"] for row in self.answer["containers"] if row["list"]["Id"] == name)
        if found == "hang":
            raise TimeoutError
        if found == "reset":
            raise LookError(ReasonClass.RESET, "as the case has it")
        if found == "gone":
            return Answer(404, {}, b"{}")
        return Answer(200, {}, b'{"half": ' if found == "bad" else json.dumps(found).encode())


class Real:
    """The supervisor's observer, with engines that answer from a case."""

    def __init__(self, inventory: dict[str, Json], folder: Path) -> None:
        write_inventory(inventory, folder)
        self.inventory, self.folder, self.memory = inventory, folder, Memory()
        self.plan: Plan
        self.read_plan()
        self._connect()
        self.notes: list[str] = []

    def read_plan(self) -> None:
        plan = read_plan(Settings(inventory=self.folder, world=self.folder / "world"))
        assert not plan.problems, plan.problems
        self.plan, self.memory = recall_asked(plan, self.memory)

    def change_inventory(self, inventory: dict[str, Json]) -> None:
        shutil.rmtree(self.folder / "hosts")
        write_inventory(inventory, self.folder)
        self.inventory = inventory
        self.read_plan()

    def restart(self) -> None:
        """Remember what a process remembers of the one before."""
        save_memory(self.folder, self.memory)
        loaded = load_memory(self.folder)
        assert loaded is not None
        self.memory = loaded
        self._connect()

    def lose(self) -> None:
        """Remember what the world's files say alone."""
        memory = self.memory
        documents = {
            "nodes.json": describe_nodes(memory, self.plan, "host", {}),
            "services.json": describe_services(memory, "host"),
            "incidents.json": describe_incidents(memory),
            "deployments.json": describe_deployments(memory),
        }
        read = read_back({name: json.dumps(document).encode() for name, document in documents.items()})
        self.memory = replace(read, parts=memory.parts)  # else the last part of each node would count again
        self._connect()

    def start_afresh(self) -> None:
        nodes = {name: replace(node, failures=0, failing_since=None) for name, node in self.memory.nodes.items()}
        self.memory = replace(self.memory, nodes=nodes, evidence={}, starts={})

    def _connect(self) -> None:
        self.clients = {name: Client() for name in self.inventory}
        self.hubs: dict[str, PartLooker] = {}
        self.engines = {name: Engine("docker", self.clients[name]) for name in self.inventory}  # type: ignore[arg-type]

    def look(self, at: float, answers: dict[str, Json], hooks: list[Json]) -> None:
        looks = asyncio.run(self._look(at, answers))
        concluded = conclude(self.memory, self.plan, looks, [Hook(**hook) for hook in hooks], at)
        self.memory = concluded.memory
        self.notes = list_notes(self.memory, self.plan)

    async def _look(self, at: float, answers: dict[str, Json]) -> list[RawLook]:
        loop = asyncio.get_running_loop()
        loop.time = lambda: at  # type: ignore[method-assign]
        return [await self._look_at(name, at, answer) for name, answer in answers.items()]

    async def _look_at(self, name: str, at: float, answer: Json) -> RawLook:
        """Return a look at a node; one that ships parts looks by its own clock, and we take what came."""
        if answer["delay"] is None:
            look = await self._look_from(name, at, answer["skew"], answer)
            return msgspec.structs.replace(look, sources=(*look.sources, *self._probe(name, answer)))
        path = self.folder / f"{name}.part"
        if not answer["is_old"]:
            own = await self._look_from(name, at - answer["delay"] + answer["skew"], 0.0, answer)
            path.write_bytes(make_part(own))
        if name not in self.hubs:
            plan = replace(self.plan.nodes[name], part=str(path))
            self.hubs[name] = PartLooker(plan, (), self.memory.parts.get(name, ""))
        with patch.object(parts_module, "time", SimpleNamespace(time=lambda: at)):
            look = await self.hubs[name].look()
        return (
            look if look.is_idle else msgspec.structs.replace(look, sources=(*look.sources, *self._probe(name, answer)))
        )

    async def _look_from(self, name: str, at: float, skew: float, answer: Json) -> RawLook:
        client = self.clients[name]
        client.answer, client.skew, client.at = answer["engine"], skew, at
        clock = SimpleNamespace(time=lambda: at, monotonic=lambda: at)
        with patch.object(engine_module, "time", clock):
            sources, pressure = [await look_at(self.engines[name])], Pressure()
        if answer["units"] is not None:
            if "fail" in answer["units"]:
                sources.append(SourceLook("systemd", reason_class=ReasonClass(answer["units"]["fail"]), reason="x"))
            else:
                rows = tuple(read_units(answer["units"]["text"], ["unit.service"]))
                sources.append(SourceLook("systemd", units=rows))
                pressure = read_pressure(*answer["units"]["pressure"])
        return RawLook(name, at, 1, tuple(sources), pressure)

    def _probe(self, name: str, answer: Json) -> tuple[SourceLook, ...]:
        entries = self.inventory[name]["services"]
        asked = {service: runtime(entries[service])["probe"] for service in answer["probes"]}
        probes = [SeenProbeRow(s, asked[s], asked[s].split(":")[0], is_ok) for s, is_ok in answer["probes"].items()]
        return (SourceLook("probes", probes=tuple(probes)),) if probes else ()


def write_inventory(inventory: dict[str, Json], folder: Path) -> None:
    for name, node in inventory.items():
        place = folder / "hosts" / name
        place.mkdir(parents=True)
        (place / "services.yaml").write_text(json.dumps({"services": node["services"]}))
        if node["intermittent"]:
            (place / "capabilities.yaml").write_text("operational: {connectivity: intermittent}\n")


def compare(seed: int, nodes: int, looks: int, folder: Path) -> list[str]:
    """Let both look at a case, and return where they differ: of each node what differs first."""
    case = Case(seed, nodes)
    oracle, real = World(case.inventory), Real(case.inventory, folder)
    found: dict[str, str] = {}
    for number in range(looks):
        befall(case, number, oracle, real)
        at, answers = case.look()
        oracle.look(at, answers, case.hooks)
        real.look(at, answers, case.hooks)
        for node, text in differ(oracle, real, set(answers)).items():
            found.setdefault(node, f"seed {seed}, {node}, look {number}: {text}")
    return list(found.values())


def befall(case: Case, number: int, oracle: World, real: Real) -> None:
    """Let something happen to both observers before a look."""
    what = case.dice.choice(["restart", "lose", "start_afresh", "change_inventory", None, None]) if number else None
    if what == "change_inventory":
        case.change_inventory()
        oracle.inventory = case.inventory
        real.change_inventory(case.inventory)
    elif what:
        getattr(oracle, what)()
        getattr(real, what)()


def differ(oracle: World, real: Real, looked: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for of, mine, theirs in (
        ("nodes", nodes_of(oracle), real_nodes(real)),
        ("services", services_of(oracle), real_services(real)),
        ("incidents", incidents_of(oracle), real_incidents(real)),
        ("deployments", deployments_of(oracle), real_deployments(real)),
    ):
        for key in sorted(mine.keys() | theirs.keys()):
            node = key.split("/")[0]
            is_unlooked = of == "nodes" and real.memory.nodes[key].look is None
            if mine.get(key) != theirs.get(key) and not is_unlooked:
                found.setdefault(node, f"{of} {key}: {tell(mine.get(key), theirs.get(key))}")
    for node in looked:
        notes = "\n".join(real.memory.notes.get(node, ())) + "\n".join(real.notes)
        lacking = [note for note in oracle.notes[node] if not is_told(note, node, notes)]
        if lacking:
            found.setdefault(node, f"notes: {lacking} not in {notes!r}")
    return found


def is_told(note: str, node: str, notes: str) -> bool:
    words = {
        "clock": f"the clock of {node} ", "unknown_state": "no list knows", "declare_job": "supervisor.run: once",
    }  # fmt: skip
    return words.get(note, note) in notes


def tell(mine: Any, theirs: Any) -> str:
    if isinstance(mine, dict) and isinstance(theirs, dict):
        parts = [key for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key)]
        return "; ".join(f"{key}: oracle {mine.get(key)!r}, real {theirs.get(key)!r}" for key in sorted(parts))
    return f"oracle {mine!r}, real {theirs!r}"


# ---- as both are compared ----


def nodes_of(oracle: World) -> dict[str, Json]:
    return {name: node.show() for name, node in oracle.nodes.items()}


def real_nodes(real: Real) -> dict[str, Json]:
    left_out = ("roles", "engine", "source", "observed_by", "clock_skew_s", "took_ms", "next_look_at", "reason")
    return {
        name: {key: value for key, value in record.items() if key not in left_out}
        for name, record in describe_nodes(real.memory, real.plan, "host", {}).items()
        if real.memory.nodes[name].look is not None
    }


def services_of(oracle: World) -> dict[str, Json]:
    found = {}
    for (node, name), row in oracle.shown().items():
        told = {key: value for key, value in row.shown.items() if key not in ("words", "asked for", "slots")}
        told |= {"since": row.since, "last_seen": row.last_seen}
        open_one = oracle.incidents.open_of((node, name))
        told |= {"stale_since": row.stale_since} if row.stale_since is not None else {}
        found[f"{node}/{name}"] = told | ({"incident_id": open_one["id"]} if open_one else {})
    return {key: rounded(record) for key, record in found.items()}


def real_services(real: Real) -> dict[str, Json]:
    found = {}
    for key, record in describe_services(real.memory, "host").items():
        told = {name: value for name, value in record.items() if name not in ("detail", "source", "observed_by")}
        own = [one for one in told["containers"] if "id" in one]
        found[key] = told | {"containers": sorted(own, key=lambda row: (row["name"], row["id"]))}
    return {key: rounded(record) for key, record in found.items()}


def rounded(record: Json) -> Json:
    containers = [
        row | ({"started_at": round(row["started_at"], 3)} if "started_at" in row else {})
        for row in record["containers"]
    ]
    return record | {"containers": containers}


def incidents_of(oracle: World) -> dict[str, Json]:
    return by_id(oracle.incidents.all, ())


def real_incidents(real: Real) -> dict[str, Json]:
    return by_id(describe_incidents(real.memory), ("severity", "detail"))


def by_id(records: dict[str, Json], left_out: tuple[str, ...]) -> dict[str, Json]:
    return {
        f"{record['node']}/{key}": {
            name: round(value, 3) if isinstance(value, float) else value
            for name, value in record.items()
            if name not in left_out and value is not None
        }
        for key, record in records.items()
    }


def deployments_of(oracle: World) -> dict[str, Json]:
    return by_id(oracle.deployments.all, ("slots", "word"))


def real_deployments(real: Real) -> dict[str, Json]:
    found = by_id(describe_deployments(real.memory), ("diagnostics",))
    for key, record in describe_deployments(real.memory).items():
        if "diagnostics" in record:
            found[f"{record['node']}/{key}"]["step"] = record["diagnostics"]["step"]
    return found

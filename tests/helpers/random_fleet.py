"""Random fleets on disk: a small one in agreement, and then some of everything that can be different.

Each *twist* is one thing that an operator, an observer or an evening does to a fleet. `make_fleet` applies a few of
them and names those that found something to do, so that whoever counts knows what was tried.
"""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import yaml

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
NODES = ["piha", "vps", "nas", "saturn", "a", "a-b", "attic", "nuc_1", "SATURN2"]
SERVICES = ["web", "db", "cache", "mqtt", "app", "b-c", "c", "my_db", "worker", "log"]
MINUTES = [0, 1, 2, 4, 6, 9, 11, 14, 16, 30, 58, 62, 90, 130, 1400, 1500, 4320]
"""Ages on both sides of every limit."""
Twist = Callable[["Fleet", Random], bool]
TWISTS: dict[str, Twist] = {}


@dataclass
class Fleet:
    """One input: what the inventory's and the world's files hold, and the settings that differ."""

    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Each node's services, as its `services.yaml` has them."""
    extra: dict[str, str] = field(default_factory=dict)
    """Further files of the inventory, by their path."""
    nodes: list[tuple[str, Any]] = field(default_factory=list)
    services: list[tuple[str, Any]] = field(default_factory=list)
    deployments: list[tuple[str, Any]] = field(default_factory=list)
    incidents: list[tuple[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    acknowledged: list[str] = field(default_factory=list)
    as_of: datetime = NOON
    twists: list[str] = field(default_factory=list)

    def targets(self) -> list[tuple[str, str]]:
        """Return what the files of services ask for."""
        return [(node, name) for node, services in self.hosts.items() for name in services]

    def replace_service(self, key: str, change: Any) -> None:
        """Give the record of a key, in its place, other fields, or another record where the change is no mapping."""
        self.services = [(k, changed(row, change) if k == key else row) for k, row in self.services]

    def drop_services(self, keys: set[str]) -> None:
        """Leave records out."""
        self.services = [(key, row) for key, row in self.services if key not in keys]

    def replace_node(self, key: str, change: Any) -> None:
        """Give the record of a node other fields, or another record."""
        self.nodes = [(k, changed(row, change) if k == key else row) for k, row in self.nodes]

    def write(self, folder: Path) -> None:
        """Write the inventory and the world."""
        for node, services in self.hosts.items():
            write(folder / "hosts" / node / "services.yaml", yaml.safe_dump({"services": services}))
        for path, text in self.extra.items():
            write(folder / path, text)
        for name in ("nodes", "services", "deployments", "incidents"):
            write(folder / "world" / f"{name}.json", dump(getattr(self, name), self.settings.get(f"_{name}_as_list")))
        write(folder / "world" / "runtime-summary.json", json.dumps(self.summary))

    @property
    def given(self) -> dict[str, Any]:
        """Return the settings that are no matter of the writing."""
        return {name: value for name, value in self.settings.items() if not name.startswith("_")}


def changed(row: Any, change: Any) -> Any:
    """Return a record with other fields; None takes one away, and what is no mapping takes its place."""
    if not isinstance(change, dict):
        return change
    fields = row if isinstance(row, dict) else {}
    return {key: value for key, value in {**fields, **change}.items() if value is not GONE}


GONE = object()


def dump(rows: list[tuple[str, Any]], as_list: str | None) -> str:
    """Return the text of records: an object, in which a key may come twice, or a list."""
    if as_list:
        return json.dumps([listed(key, row, as_list) for key, row in rows])
    return "{" + ",\n ".join(f"{json.dumps(key)}: {json.dumps(row)}" for key, row in rows) + "}"


def listed(key: str, row: Any, kind: str) -> Any:
    """Return a record that says itself whose it is."""
    node, _, service = key.partition("/")
    names = {"services": {"node": node, "service": service}, "nodes": {"node": key}}[kind]
    return {**names, **row} if isinstance(row, dict) else row


def write(path: Path, text: str) -> None:
    """Write a file, and the folders that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def ago(minutes: float) -> str:
    """Return a moment before noon as the observer writes it."""
    return (NOON - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def make_fleet(seed: int, twists: dict[str, Twist]) -> Fleet:
    """Return the fleet of a seed, with a few of the twists."""
    draw = Random(seed)
    fleet = agreeing_fleet(draw)
    count = min(1 + int(draw.expovariate(0.3)), 12)
    for name in draw.choices(list(twists), k=count):
        if twists[name](fleet, draw):
            fleet.twists.append(name)
    return fleet


def agreeing_fleet(draw: Random) -> Fleet:
    """Return a fleet of one to six nodes with some dependencies, in which all is as asked."""
    fleet = Fleet(summary={"last_update": ago(1)})
    for node in draw.sample(NODES, draw.choice([1, 1, 2, 3, 3, 4, 5, 6])):
        names = draw.sample(SERVICES, draw.choice([1, 2, 3, 4, 4, 6]))
        fleet.hosts[node] = {name: entry_of(draw, names) for name in names}
    world_of(fleet)
    return fleet


def world_of(fleet: Fleet) -> None:
    """Give the fleet the world that its files of services ask for."""
    fleet.nodes = [(node.lower(), {"status": "online", "last_seen": ago(1)}) for node in fleet.hosts]
    rows = [(f"{node.lower()}/{name}", {"status": "ok", "last_seen": ago(1)}) for node, name in fleet.targets()]
    fleet.services = rows


def entry_of(draw: Random, beside: list[str]) -> dict[str, Any]:
    """Return the entry of a service, which may need others."""
    if draw.random() < 0.55:
        return {}
    few = [draw.choice([*beside, *SERVICES]) for _ in range(draw.choice([1, 1, 2]))]
    form = draw.choice(["list", "local", "external", "both", "long"])
    forms: dict[str, Any] = {
        "list": few,
        "local": {"local": few},
        "external": {"external": few},
        "both": {"local": few[:1], "external": few[1:]},
        "long": {name: {"condition": draw.choice(["service_started", COMPLETION])} for name in few},
    }
    return {"depends_on": forms[form]}


COMPLETION = "service_completed_successfully"


def twist(function: Twist) -> Twist:
    """Register a twist under its sentence."""
    TWISTS[(function.__doc__ or "").strip().rstrip(".")] = function
    return function


def some_service(fleet: Fleet, draw: Random) -> str | None:
    """Return the key of one record of a service."""
    return draw.choice(fleet.services)[0] if fleet.services else None


def some_node(fleet: Fleet, draw: Random) -> str | None:
    """Return the key of one record of a node."""
    return draw.choice(fleet.nodes)[0] if fleet.nodes else None


def some_target(fleet: Fleet, draw: Random) -> tuple[str, str] | None:
    """Return node and name of one service that is asked for."""
    return draw.choice(fleet.targets()) if fleet.targets() else None


def entry(fleet: Fleet, target: tuple[str, str]) -> dict[str, Any]:
    """Return the entry of a service, to be changed; an unreadable one is replaced."""
    services = fleet.hosts[target[0]]
    if not isinstance(services[target[1]], dict):
        services[target[1]] = {}
    found: dict[str, Any] = services[target[1]]
    return found


def make_sequence(seed: int, twists: dict[str, Twist]) -> list[Fleet]:
    """Return the fleets of some runs in a row, each the last one with something changed."""
    draw = Random(f"sequence {seed}")
    fleet = make_fleet(seed, twists)
    found, minutes = [(0, fleet)], 0
    is_deployed_once = draw.random() < 0.5
    for _ in range(draw.choice([1, 2, 3, 4])):
        minutes += draw.choice([1, 1, 4, 4, 5, 9, 11, 30, 1440])
        fleet = deepcopy(fleet)
        fleet.twists = []
        change = draw.choice(["same", "more", "more", "mended", "mended and more"])
        if "mended" in change:
            mend(fleet)
        for name in draw.choices(list(twists), k=draw.choice([1, 2]) if "more" in change else 0):
            if twists[name](fleet, draw):
                fleet.twists.append(name)
        found.append((minutes, fleet))
    lags = [draw.choice([0, 0, 0, 0, 0, 20]) if minutes else 0 for minutes, _ in found]
    names = ("nodes", "services", "incidents", "summary", *(() if is_deployed_once else ("deployments",)))
    return [shifted(fleet, minutes, minutes - lag, names) for (minutes, fleet), lag in zip(found, lags, strict=True)]


def mend(fleet: Fleet) -> None:
    """Let the world have what the files of services ask for, and nothing else."""
    world_of(fleet)
    fleet.deployments, fleet.incidents = [], []


def shifted(fleet: Fleet, minutes: int, world_minutes: int, names: tuple[str, ...]) -> Fleet:
    """Return the fleet so many minutes later, with the moments of those parts of its world moved."""
    later = deepcopy(fleet)
    later.as_of = NOON + timedelta(minutes=minutes)
    for name in names:
        setattr(later, name, moved(getattr(later, name), timedelta(minutes=world_minutes)))
    return later


def moved(value: Any, by: timedelta) -> Any:
    """Return a value with the moments that `ago` wrote moved."""
    if isinstance(value, dict):
        return {key: moved(inner, by) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(moved(inner, by) for inner in value)
    if isinstance(value, str) and AGO.fullmatch(value):
        return (datetime.fromisoformat(value) + by).isoformat().replace("+00:00", "Z")
    return value


AGO = re.compile(r"2026-0[56]-[0-3][0-9]T(?:[01][0-9]|2[0-3]):[0-5][0-9]:00Z")

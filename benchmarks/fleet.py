"""Seeded fleets of any size: an inventory in the platform's verbose shape, a world beside it, and worlds of the past.

    python -m benchmarks.fleet --nodes 50 --services 20 --seed 1 FOLDER
    python -m benchmarks.fleet --nodes 6 --services 40 --snapshots 105120 --pack tar.zst FOLDER

The same arguments give the same bytes. A drifting world has every finding about a node or a service at a few per mille;
`stale_world` is had by judging it later than `AS_OF`. Files are laid out in FOLDER as the supervisor expects them, with
`supervisor.yaml` (the aliases of the world) and the worlds in `world/` and `archive/`.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple

from flows.past.invented import PACKS, write_archive

AS_OF = datetime(2026, 5, 12, 12, 0, tzinfo=UTC)
"""The moment that a generated world is to be judged at."""
EPOCH = int(AS_OF.timestamp())
ZONE = timezone(timedelta(hours=2))
State = Literal["drifting", "nominal"]


class Fleet(NamedTuple):
    """Where a fleet was written, and what it is to be judged with."""

    inventory: Path
    world: Path
    as_of: datetime
    rules: dict[str, dict[str, str]]


@dataclass
class Plan:
    """What a fleet is to be, before anything is written."""

    nodes: int
    services: int
    """Services of each node."""
    seed: int
    state: State
    first: int = 0
    """The number of its first node: a site of a larger fleet begins in the middle."""
    of: int = 0
    """Nodes of the whole fleet, on which dependencies lean; as many as it has itself where it is whole."""
    random: Random = field(init=False)
    is_drifting: bool = field(init=False)

    def __post_init__(self) -> None:
        """Seed the one random number generator."""
        begin = f" {self.first}" if self.first else ""
        self.random = Random(f"{self.seed} {self.nodes} {self.services}{begin}")
        self.of = self.of or self.nodes
        self.is_drifting = self.state == "drifting"

    @property
    def numbers(self) -> range:
        """Return the numbers of its nodes."""
        return range(self.first, self.first + self.nodes)

    def chance(self, per_mille: float) -> bool:
        """Return whether a rare thing happens."""
        return self.random.random() * 1000 < per_mille


def write_fleet(folder: Path, nodes: int, services: int, seed: int = 1, state: State = "drifting") -> Fleet:
    """Write an inventory and a world of `nodes` x `services` into a folder, and return where they are."""
    return write_plan(folder, Plan(nodes, services, seed, state))


def write_sites(folder: Path, sites: int, nodes: int, services: int, seed: int = 1) -> list[Fleet]:
    """Write a drifting fleet as sites of `nodes` x `services`, each a folder whose services lean on those of others."""
    plans = (Plan(nodes, services, seed, "drifting", site * nodes, sites * nodes) for site in range(sites))
    fleets = []
    for number, plan in enumerate(plans):
        site = folder / f"site-{number:03d}"
        fleets.append(write_plan(site, plan))
        places = {"inventory": ".", "world": "world", "state_dir": "state"}
        places |= {"checkpoint": "state/checkpoint.json", "event_log": "state/events.log"}
        with (site / "supervisor.yaml").open("a", encoding="utf-8") as file:
            file.writelines(f"{name}: {site / place}\n" for name, place in places.items())
        (site / "state").mkdir(mode=0o700)
    return fleets


def write_plan(folder: Path, plan: Plan) -> Fleet:
    """Write what is planned, and return where it is."""
    write_inventory(folder, plan)
    write_world(folder / "world", plan)
    aliases = {alias_of(n): node_name(n) for n in plan.numbers if alias_of(n) != node_name(n)}
    lines = [f"  {alias}: {node}\n" for alias, node in aliases.items()]
    write(folder / "supervisor.yaml", "node_alias_map:\n" + "".join(lines) if lines else "node_alias_map: {}\n")
    return Fleet(folder, folder / "world", AS_OF, {"node_alias_map": aliases})


def write(path: Path, text: str) -> None:
    """Write a file of the fleet, and its folder where it is the first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def node_name(n: int) -> str:
    """Return the inventory's name of a node."""
    return f"node-{n:05d}"


def alias_of(n: int) -> str:
    """Return what the world calls a node: every fiftieth by an older name."""
    return f"box-{n:05d}" if n % 50 == 7 else node_name(n)


def service_name(n: int, k: int) -> str:
    """Return the name of a node's k-th service: some run everywhere, some on three nodes, some on one."""
    if k == 0:
        return "node-agent"
    if k == 1:
        return f"gateway-{n:05d}"
    return f"shared-{n // 3:05d}" if k == 2 else f"svc-{k:04d}"


SPARE = "spare"
"""A node that the topology has, whose services nobody asks for any more."""


# ---- inventory ----


def write_inventory(folder: Path, plan: Plan) -> None:
    """Write `hosts/`, `inventory/topology.yaml` and `services/`."""
    topology = ["nodes:\n"]
    for n in plan.numbers:
        host = folder / "hosts" / node_name(n)
        write(host / "services.yaml", "services:\n" + "".join(service_block(n, k, plan) for k in range(plan.services)))
        connectivity = "intermittent" if n % 20 == 3 else "stable"
        write(host / "capabilities.yaml", f"capabilities:\n  operational:\n    connectivity: {connectivity}\n")
        topology.append(f"  {node_name(n)}:\n    roles: [worker]\n")
    if plan.is_drifting and not plan.first:
        topology.append(f"  {SPARE}:\n    services: [web]\n")
    write(folder / "inventory" / "topology.yaml", "".join(topology))
    for k in range(7, plan.services, 40):
        name, dependency = service_name(0, k), service_name(0, k - 1)
        fields = f"  name: {name}\n  exposure: private\n  dependencies: [{dependency}]\n"
        write(folder / "services" / name / "service.yaml", f"service:\n{fields}")


def service_block(n: int, k: int, plan: Plan) -> str:
    """Return a service's entry in its node's `services.yaml`."""
    name = service_name(n, k)
    local, external = dependencies_of(n, k, plan)
    monitor = "    monitor: false\n" if is_unmonitored(n, k) else ""
    return (
        f"  {name}:\n    role: app\n    deployment_model: docker-compose\n    exposure: private\n"
        f"    offline_required: false\n    depends_on:\n      local: [{local}]\n      external: [{external}]\n"
        f"    runtime:\n      config_path: /opt/homelab/config/{name}\n{monitor}"
    )


def is_unmonitored(n: int, k: int) -> bool:
    """Return whether a service says `monitor: false`: about one in a hundred."""
    return k > 2 and (n * 31 + k * 17) % 101 == 0


def is_stricken(n: int, k: int) -> bool:
    """Return whether a service is in a chain whose links all break in a drifting world."""
    return n % 40 == 5 and k in {1, 10, 11, 12, 13}


def dependencies_of(n: int, k: int, plan: Plan) -> tuple[str, str]:
    """Return a service's local and its external dependencies: chains mostly, a cycle here and there."""
    random = plan.random
    if is_stricken(n, k) and k > 1:
        return (service_name(n, k - 1), "") if k > 10 else ("", service_name(n, 1))
    if is_stricken(n, k):
        return "", service_name(n - 40, 1) if n > 40 else ""
    if k == 1:
        # Gateways lean on gateways of lower nodes; two neighbours in five hundred lean on each other.
        partner = n ^ 1 if n % 500 in {10, 11} and n ^ 1 < plan.of else None
        lower = random.randrange(n) if n and random.random() < 0.2 else None
        return "", ", ".join(service_name(other, 1) for other in (partner, lower) if other is not None)
    if k < 3:
        return "", ""
    local = service_name(n, k - 1) if k % 5 and random.random() < 0.3 else ""
    if (n + k) % 400 == 9 and k + 1 < plan.services:
        local = service_name(n, k + 1)
    draw = random.random()
    if draw < 0.04:
        return local, service_name(random.randrange(plan.of), 1)
    return local, service_name(random.randrange(plan.of), 2) if draw < 0.07 and plan.services > 2 else ""


# ---- world ----


def write_world(folder: Path, plan: Plan) -> None:
    """Write the five files of the world, the largest as it is made."""
    nodes: dict[str, object] = {}
    deployments: dict[str, object] = {}
    incidents: dict[str, object] = {}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "services.json").open("w", encoding="utf-8", newline="\n") as file:
        file.write("{")
        separator = "\n"
        for n in plan.numbers:
            nodes[alias_of(n)] = node_record(n, plan, incidents)
            for line in service_lines(n, plan, deployments, incidents):
                file.write(separator + line)
                separator = ",\n"
        for line in left_over(plan):
            file.write(separator + line)
            separator = ",\n"
        file.write("\n}\n")
    if plan.is_drifting and not plan.first:
        nodes |= {name: {"status": "online", "last_seen": stamp(15, 0)} for name in (SPARE, "retired")}
    dump(folder / "nodes.json", {key: record for key, record in nodes.items() if record is not None})
    dump(folder / "deployments.json", deployments)
    dump(folder / "incidents.json", incidents)
    dump(folder / "runtime-summary.json", {"status": "NOMINAL", "last_update": EPOCH - 20.5})


def left_over(plan: Plan) -> Iterator[str]:
    """Yield what runs in a drifting world where nobody asks for it: a gateway of another node, all of the spare one."""
    if plan.is_drifting:
        places = [] if plan.first else [f"{SPARE}/{name}" for name in "xyz"]
        places += [f"{alias_of(n - 1)}/{service_name(n, 1)}" for n in plan.numbers[1:] if is_moved(n)]
        yield from (f'"{place}": {{"status": "ok", "last_seen": {SEEN[0][0]}}}' for place in places)


def is_moved(n: int) -> bool:
    """Return whether a node's gateway runs on the node before it in a drifting world."""
    return n % 120 == 31


def dump(path: Path, records: dict[str, object]) -> None:
    """Write an object with a line for each of its records."""
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(record)}" for key, record in records.items())
    write(path, f"{{\n{lines}\n}}\n")


def stamp(age_s: int, style: int) -> str | int | float | None:
    """Return an instant before `AS_OF` as one of the platform's writers spells it."""
    instant = AS_OF - timedelta(seconds=age_s)
    match style % 10:
        case 5 | 6 | 7:
            return EPOCH - age_s
        case 8:
            return EPOCH - age_s + 0.25
        case 9:
            return instant.astimezone(ZONE).isoformat()
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def node_record(n: int, plan: Plan, incidents: dict[str, object]) -> object:
    """Return a node's record: in a drifting world a few per mille, and always one, are not well."""
    age_s, status = 15 + n % 40, ("online", "Online", "ready", "up")[n % 4]
    draw = plan.random.random() * 1000 if plan.is_drifting else 1000
    if draw < 5 or (plan.is_drifting and n == plan.first + plan.nodes // 3):
        age_s, status = (60 * 90, status) if draw < 2 else (age_s, "offline")
        incidents[f"inc-{EPOCH - 900}-{alias_of(n)}-all"] = incident_record(n, None, n, "incident")
    elif draw < 6:
        return None
    elif draw < 8:
        return "online"
    elif draw < 14:
        age_s = 60 * 40
    pressure = {"disk_pressure": plan.is_drifting and n % 90 == 21, "memory_pressure": False}
    return {"status": status, "roles": ["worker"], "last_seen": stamp(age_s, n), **pressure}


SEEN = [[json.dumps(stamp(15 + age_s, style)) for age_s in range(60)] for style in range(10)]
"""The spellings of `last_seen`, made once: a million of them are needed."""


FAULTS = {
    "missing": 3,
    "unhealthy": 4,
    "restartable": 2,
    "unreadable": 1,
    "failed": 3,
    "in flight": 3,
    "incident": 3,
    "unexpected": 2,
    "history": 6,
}
"""How many of a thousand services have what; `history` is what is over and must not be found."""
FAULT_OF = [fault for fault, share in FAULTS.items() for _ in range(share)]


def service_lines(n: int, plan: Plan, deployments: dict[str, object], incidents: dict[str, object]) -> Iterator[str]:
    """Yield a node's lines of `services.json`, and add what is under way on it to the two other files."""
    node = alias_of(n)
    is_vanished = plan.is_drifting and (plan.chance(3) or n == plan.first + plan.nodes * 2 // 3)
    for k in range(plan.services):
        name = service_name(n, k)
        seen = seen_at(n, k, plan)
        fault = fault_of(n, k, plan)
        if fault in {"failed", "in flight", "history"}:
            add_deployments(n, k, fault, deployments)
        if fault in {"incident", "restartable", "history"}:
            incidents[f"inc-{EPOCH - 600 - k}-{node}-{name}"] = incident_record(n, name, k, fault)
        if fault == "unreadable":
            yield f'"{node}/{name}": "healthy"'
        elif not (is_vanished or fault == "missing" or (fault == "in flight" and k % 2)):
            status = status_word(k, is_healthy=fault not in {"unhealthy", "restartable", "in flight"})
            incident = '"incident_id": null, ' if k % 3 == 0 else ""
            yield f'"{node}/{name}": {{"status": "{status}", {incident}"last_seen": {seen}}}'
        if fault == "unexpected":
            yield f'"{node}/left-over-{k}": {{"status": "exited", "incident_id": null, "last_seen": null}}'


def fault_of(n: int, k: int, plan: Plan) -> str | None:
    """Return what is wrong with a service, drawing once for each in a drifting world."""
    draw = int(plan.random.random() * 1000) if plan.is_drifting else 999
    if plan.is_drifting and is_stricken(n, k):
        return "unhealthy" if k % 2 else "missing"
    if plan.is_drifting and k == 1 and is_moved(n):
        return "missing"
    return FAULT_OF[draw] if draw < len(FAULT_OF) else None


def seen_at(n: int, k: int, plan: Plan) -> str:
    """Return when a service was seen, as JSON: just now, but for one in a thousand of a drifting world."""
    is_old = plan.is_drifting and (n * 13 + k * 7) % 997 == 5
    return json.dumps(stamp(3600 * 72, n)) if is_old else SEEN[(n + k) % 10][(n * 7 + k) % 60]


def status_word(k: int, *, is_healthy: bool) -> str:
    """Return one of the words that the platform's writers use."""
    if is_healthy:
        return "healthy" if k % 4 else ("ok", "Healthy", "OK")[k % 3]
    return ("unhealthy", "exited", "restarting")[k % 3]


def add_deployments(n: int, k: int, fault: str, deployments: dict[str, object]) -> None:
    """Add a service's deployments: a success, and then what the fault says."""
    # Failures: one to four in a row. History: a failure that a success followed, or one out of the window.
    failures = [("failed", 3600 * 2 - 600 * i) for i in range(1 + k % 4)]
    runs = {
        "failed": failures,
        "in flight": [("failed", 3600), ("running", 30 + k % 500)],
        "history": [("failed", 3600 * 40)] if k % 2 else [("error", 3600), ("success", 1800)],
    }[fault]
    for i, (status, age_s) in enumerate([("completed", 3600 * 60), *runs]):
        record: dict[str, object] = {"node": alias_of(n), "service": service_name(n, k), "status": status}
        deployments[f"deploy-{n}-{k}-{i}"] = record | {"started_at": stamp(age_s, n + k + i)}


def incident_record(n: int, service: str | None, k: int, fault: str) -> dict[str, object]:
    """Return an incident of a service, or of the node where there is none; over where the fault is history."""
    is_over = fault == "history"
    record: dict[str, object] = {"node": alias_of(n)}
    if service:
        record["service"] = service
    record |= {"status": "resolved" if is_over else "active", "severity": ("critical", "error", "warning")[k % 3]}
    if k % 5:
        trigger = ("containers_not_running", "mqtt_unreachable")[k % 2] if fault == "restartable" else "disk_usage_high"
        record["trigger_type"] = trigger
    record |= {"started_at": stamp(600 + k, n + k), "occurrence_count": 1 + k % 7}
    return record | ({"resolved_at": stamp(60, k)} if is_over else {})


def main() -> None:
    """Write the fleet that the command line asks for."""
    parser = argparse.ArgumentParser(description="Write a seeded fleet, and on demand an archive of its past.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--nodes", type=int, default=50)
    parser.add_argument("--services", type=int, default=20, help="of each node")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", choices=["drifting", "nominal"], default="drifting")
    parser.add_argument("--snapshots", type=int, default=0, help="how many worlds of the past, five minutes apart")
    parser.add_argument("--pack", choices=list(PACKS), default="folders", help="how a day of them is kept")
    options = parser.parse_args()
    fleet = write_fleet(options.folder, options.nodes, options.services, options.seed, options.state)
    print(f"{fleet.inventory}: {options.nodes} nodes x {options.services} services, as of {AS_OF:%Y-%m-%dT%H:%M:%SZ}")
    if options.snapshots:
        names = {alias_of(n): [service_name(n, k) for k in range(options.services)] for n in range(options.nodes)}
        archive = options.folder / "archive"
        write_archive(archive, names, options.snapshots, options.seed, options.pack)
        print(f"{archive}: {options.snapshots} snapshots")


if __name__ == "__main__":
    main()

"""What the five files of a world show (SEMANTICS 2): names, records, statuses, containers of a service."""

import ipaddress
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.peers.plain.inventory import Desired, Service, Target, name_of
from benchmarks.peers.plain.times import Clock, Seen

NEVER = datetime.min.replace(tzinfo=UTC)
"""Sorts before every instant."""
RANKS = ["looping", "unhealthy", "absent", "unreadable", "settling", "healthy"]
"""From the worst that a container can be to the best; unhealthy and absent are one rank."""


class UnreadableWorldError(ValueError):
    """A file of the world that cannot be read: the run is skipped."""


@dataclass
class Record:
    """One record of a node or a service."""

    target: Target
    key: str
    fields: dict[str, Any]
    status: str
    """The word, empty where there is none."""
    seen: Seen
    is_exact: bool
    is_spelled: bool
    place: int

    def strength(self) -> tuple[bool, datetime, bool, int]:
        """Return what decides between records that come to one target; the greatest counts."""
        return self.is_exact, self.seen.at or NEVER, self.is_spelled, -self.place


@dataclass
class Observation:
    """What is seen of one service, its containers rolled up."""

    status: str
    rank: str
    """One of `RANKS`; `healthy` takes account of whether it is a job."""
    seen_at: datetime | None
    since_at: datetime | None
    parts: int = 1
    healthy_parts: int = 0


@dataclass
class Actual:
    """What the world shows."""

    nodes: dict[str, Record] = field(default_factory=dict)
    services: dict[Target, Record] = field(default_factory=dict)
    observations: dict[Target, Observation] = field(default_factory=dict)
    """Of each service that is asked for and of which there is a record."""
    unexpected: list[Target] = field(default_factory=list)
    """The records that count for no service of the inventory, and for none that it may ask for."""
    uncounted: list[Target] = field(default_factory=list)
    """The records that count for no known service."""
    deployments: dict[Target, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    """In the order that they were begun."""
    incidents: list[dict[str, Any]] = field(default_factory=list)
    unreadable_nodes: set[str] = field(default_factory=set)
    unreadable_services: set[Target] = field(default_factory=set)
    rejected: list[dict[str, str]] = field(default_factory=list)
    world_at: datetime = NEVER
    refreshes: bool = False


class Pairs(dict[str, Any]):
    """An object that remembers the pairs that it was written with."""

    pairs: list[tuple[str, Any]]


def keep_pairs(pairs: list[tuple[str, Any]]) -> Pairs:
    """Return the object of the pairs."""
    found = Pairs(pairs)
    found.pairs = pairs
    return found


def load_json(path: Path, *, is_required: bool = False) -> Any:
    """Return the file's value; an optional file that is absent is an empty object."""
    if not path.exists() and not is_required:
        return keep_pairs([])
    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=keep_pairs)
    except (OSError, ValueError) as error:
        raise UnreadableWorldError(path.name) from error


def read_world(world: Path, desired: Desired, rules: dict[str, Any], clock: Clock) -> Actual:
    """Return what the world shows of what is desired, and beside it."""
    return _Reader(world, desired, rules, clock).read()


class _Reader:
    def __init__(self, world: Path, desired: Desired, rules: dict[str, Any], clock: Clock) -> None:
        self.world, self.desired, self.rules, self.clock = world, desired, rules, clock
        self.known = {*desired.nodes, *desired.unmonitored}
        aliases = {name_of(alias): name_of(node) for alias, node in rules["node_alias_map"].items()}
        self.aliases = {alias: node for alias, node in aliases.items() if node in self.known}
        self.actual = Actual()

    def read(self) -> Actual:
        actual = self.actual
        self.read_nodes()
        self.read_services()
        owner_of = self.roll_up()
        self.read_deployments(owner_of)
        self.read_incidents(owner_of)
        summary = load_json(self.world / "runtime-summary.json")
        if not isinstance(summary, dict):
            raise UnreadableWorldError("runtime-summary.json")
        actual.refreshes = self.rules["refreshes"] or summary.get("refreshes") is True
        times = [record.seen.at for found in (actual.nodes, actual.services) for record in found.values()]
        times.append(self.clock.at(summary.get("last_update")))
        files = (path.stat().st_mtime for path in self.world.glob("*.json"))
        newest = max((time for time in times if time), default=None)
        actual.world_at = newest or datetime.fromtimestamp(max(files), UTC)
        return actual

    # ---- names ----

    def node_of(self, value: object) -> tuple[str, bool]:
        """Return the node that a name of the world means, and whether the name was exact or an alias."""
        name = name_of(value or "")
        if name in self.aliases or name in self.known:
            return self.aliases.get(name, name), True
        bare = re.sub(r"^[a-z][a-z0-9+.-]*://", "", name)
        bare = bare.partition("/")[0] if bare != name else bare
        bare = re.sub(r":[0-9]+$", "", bare).removesuffix(".")
        if bare in self.aliases or bare in self.known:
            return self.aliases.get(bare, bare), False
        label = bare.partition(".")[0]
        if self.rules["match_short_names"] and label in self.known and not is_address(bare):
            return label, False
        return (bare if is_name(bare) else "", False)

    def target_of(self, node: object, service: object) -> Target:
        """Return the target that two names of the world mean; an unusable name is empty."""
        name = name_of(service or "").lstrip("/").strip()
        return self.node_of(node)[0], name if is_name(name) else ""

    # ---- records ----

    def records(self, name: str, *, is_required: bool = False) -> Iterator[tuple[str, Any, bool]]:
        """Yield key, record and whether the key is that of an object of records (else it is a list of them)."""
        content = load_json(self.world / name, is_required=is_required)
        if isinstance(content, Pairs):
            yield from ((key, record, True) for key, record in content.pairs)
        elif isinstance(content, list):
            yield from ((str(place), record, False) for place, record in enumerate(content))
        else:
            raise UnreadableWorldError(name)

    def reject(self, file: str, key: str, reason: str) -> None:
        self.actual.rejected.append({"file": file, "key": key, "reason": reason})

    def record(self, key: str, fields: dict[str, Any], target: Target, spelled: tuple[str, bool], place: int) -> Record:
        status = fields.get("status")
        word = word_of(status) if isinstance(status, str) else ""
        seen = self.clock.read(fields.get("last_seen"))
        return Record(target, key, fields, word, seen, spelled[1], spelled[0] == target[0], place)

    def read_nodes(self) -> None:
        """Add what `nodes.json` shows."""
        found: dict[str, list[Record]] = defaultdict(list)
        rows = list(self.records("nodes.json", is_required=True))
        names = [str(key if keyed else fields_of(row).get("node") or "") for key, row, keyed in rows]
        counts = Counter(names)
        for place, ((key, row, _), name) in enumerate(zip(rows, names, strict=True)):
            node, is_exact = self.node_of(name)
            if not node or not isinstance(row, dict) or counts[name] > 1:
                self.reject("nodes.json", key, "not an object, without a usable key, or twice")
                self.actual.unreadable_nodes.add(node)
            else:
                found[node].append(self.record(key, row, (node, "all"), (name, is_exact), place))
        self.actual.nodes = {node: max(records, key=Record.strength) for node, records in found.items()}
        self.actual.unreadable_nodes -= {"", *found}

    def read_services(self) -> None:
        """Add what `services.json` shows; a record without a usable key is of the service that its fields name."""
        found: dict[Target, list[Record]] = defaultdict(list)
        rows = list(self.records("services.json", is_required=True))
        names = [spelled_target(key, fields_of(row), keyed) for key, row, keyed in rows]
        counts = Counter(names)
        for place, ((key, row, _), (node, service)) in enumerate(zip(rows, names, strict=True)):
            target = self.target_of(node, service)
            claimed = self.target_of(fields_of(row).get("node"), fields_of(row).get("service"))
            status = fields_of(row).get("status")
            if not all(target):
                self.actual.unreadable_services.add(claimed)
                self.reject("services.json", key, "no usable key")
            elif not isinstance(row, dict) or counts[node, service] > 1:
                self.actual.unreadable_services.add(target)
                self.reject("services.json", key, "not an object, or twice")
            elif not isinstance(status, str) or not status.strip():
                self.actual.unreadable_services.add(target)
                self.reject("services.json", key, "without a status")
            else:
                found[target].append(self.record(key, row, target, (node, self.node_of(node)[1]), place))
        self.actual.services = {target: max(records, key=Record.strength) for target, records in found.items()}
        self.actual.unreadable_services -= {*found}

    # ---- containers ----

    def roll_up(self) -> dict[Target, Target]:
        """Add an observation of each service with a record; return whose each name is, whether it counts or not."""
        actual, desired = self.actual, self.desired
        seen = {*actual.services, *actual.unreadable_services}
        own = {*desired.services, *((node.name, bad) for node in desired.nodes.values() for bad in node.bad)}
        by_node: dict[str, list[Service]] = defaultdict(list)
        for service in desired.services.values():
            by_node[service.node].append(service)
        seen_on, told_on = names_by_node(seen), names_by_node(self.told_of())
        counted: set[Target] = set()
        owner_of = {target: target for target in desired.services}
        for service in desired.services.values():
            names = [service.name] if service.target in seen else []
            beside, told = seen_on[service.node], told_on[service.node]
            containers, copies = list(dict.fromkeys(service.containers)), replica_names(service, beside, told)
            for known_by in (containers, copies):
                known = [
                    name
                    for name in known_by
                    if (service.node, name) not in own
                    and not any(claims(other, name) for other in by_node[service.node] if other is not service)
                ]
                if known_by is copies and not found_first({*known} & beside):
                    known = []
                owner_of |= {(service.node, name): service.target for name in known}
                names = names or present(service, known, beside)
            if names:
                counted |= {(service.node, name) for name in names}
                actual.observations[service.target] = self.observe(service, names)
        nodes = desired.unmonitored
        actual.uncounted = [target for target in actual.services if target not in counted]
        actual.unexpected = [
            target for target in actual.uncounted if target[0] not in nodes and not desired.may_ask_for(target)
        ]
        return owner_of

    def observe(self, service: Service, names: list[str]) -> Observation:
        """Return what is seen of a service under those names; a name without a record is an absent container."""
        records = [self.actual.services.get((service.node, name)) for name in names]
        ranks = []
        for name, record in zip(names, records, strict=True):
            if record is not None:
                ranks.append(rank_of(record.status, service.run, self.rules))
            else:
                is_set_aside = (service.node, name) in self.actual.unreadable_services
                ranks.append("unreadable" if is_set_aside else "absent")
        rank = min(ranks, key=lambda rank: RANKS.index("unhealthy" if rank == "absent" else rank))
        alike = {"unhealthy", "absent"} if rank in {"unhealthy", "absent"} else {rank}
        worst = [record for record, its in zip(records, ranks, strict=True) if record is not None and its in alike]
        since = [self.clock.at(record.fields.get("since")) for record in worst]
        seen = [record.seen.at for record in records if record is not None and record.seen.at is not None]
        return Observation(
            worst[0].status if worst else "",
            "unhealthy" if rank == "absent" else rank,
            max(seen, default=None),
            None if None in since else min((time for time in since if time), default=None),
            len(names),
            ranks.count("healthy"),
        )

    # ---- deployments and incidents ----

    def told_of(self) -> set[Target]:
        """Return what deployments and incidents are about, by the names that they give."""
        rows = [fields_of(row) for file in ("deployments", "incidents") for _, row, _ in self.records(f"{file}.json")]
        return {self.target_of(row.get("node"), row.get("service")) for row in rows}

    def read_deployments(self, owner_of: dict[Target, Target]) -> None:
        """Add what `deployments.json` shows, each service's in the order that they were begun."""
        for key, row, _ in self.records("deployments.json"):
            fields = fields_of(row)
            target = self.target_of(fields.get("node"), fields.get("service"))
            if not all(target):
                self.reject("deployments.json", key, "not an object with a node and a service")
                continue
            names = ("started_at", "completed_at", "timestamp", "updated_at")
            begun_at = next(filter(None, (self.clock.at(fields.get(name)) for name in names)), None)
            ended_at = self.clock.at(fields.get("completed_at")) or begun_at
            deployment = {"status": name_of(fields.get("status")), "begun_at": begun_at, "ended_at": ended_at}
            self.actual.deployments[owner_of.get(target, target)].append(deployment)
        for deployments in self.actual.deployments.values():
            deployments.sort(key=lambda row: row["begun_at"] or NEVER)

    def read_incidents(self, owner_of: dict[Target, Target]) -> None:
        """Add what `incidents.json` shows; one that services name is of one of them."""
        naming: dict[str, set[Target]] = defaultdict(set)
        for target, record in self.actual.services.items():
            if record.fields.get("incident_id"):
                naming[str(record.fields["incident_id"])].add(owner_of.get(target, target))
        rows = list(self.records("incidents.json"))
        counts = Counter(str(key if keyed else fields_of(row).get("id")) for key, row, keyed in rows)
        for key, row, keyed in rows:
            fields = fields_of(row)
            node, service = self.target_of(fields.get("node"), str(fields.get("service") or "").strip() or "all")
            identity = str(key if keyed else fields.get("id"))
            if not node or not service or counts[identity] > 1:
                self.reject("incidents.json", key, "not an object with a node, or twice")
                continue
            target = owner_of.get((node, service), (node, service))
            if naming[identity] and target not in naming[identity]:
                target = min(naming[identity])
            self.actual.incidents.append({**fields, "target": target, "id": identity})


def fields_of(record: object) -> dict[str, Any]:
    """Return the fields of a record, none where it is no object."""
    return record if isinstance(record, dict) else {}


def spelled_target(key: str, fields: dict[str, Any], keyed: bool) -> tuple[str, str]:
    """Return node and service as a record of `services.json` spells them."""
    node, _, service = key.partition("/") if keyed else (fields.get("node") or "", "", fields.get("service") or "")
    return str(node), str(service)


def is_name(text: str) -> bool:
    """Return whether a text can be a name."""
    return re.fullmatch(r"[a-z0-9][a-z0-9._-]{,62}", text) is not None


def is_address(name: str) -> bool:
    """Return whether a name is an IP address."""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def word_of(status: str) -> str:
    """Return the word of a status, which may be what `docker ps` prints."""
    text = " ".join(status.split()).lower()
    if text.startswith("up "):
        found = re.search(r"[(](healthy|unhealthy|health: starting|paused)[)]$", text)
        return {"health: starting": "starting"}.get(found[1], found[1]) if found else "up"
    exited = re.match(r"exited [(][0-9]+[)]", text)
    if exited:
        return exited[0]
    return "restarting" if re.match(r"restarting [(][0-9]+[)]", text) else text


def rank_of(word: str, run: str, rules: dict[str, Any]) -> str:
    """Return what a status word is of a service: healthy, settling, looping or unhealthy."""
    if word in rules["healthy_words"] or (run and word in rules["completed_words"]):
        return "healthy"
    if word in rules["settling_words"]:
        return "settling"
    return "looping" if word in rules["looping_words"] else "unhealthy"


def is_listed(word: str, rules: dict[str, Any]) -> bool:
    """Return whether any list knows a status word."""
    lists = ("healthy_words", "settling_words", "looping_words", "completed_words", "unhealthy_words")
    return any(word in rules[name] for name in lists) or bool(re.fullmatch(r"exited [(][0-9]+[)]", word))


def names_by_node(targets: Iterable[Target]) -> dict[str, set[str]]:
    """Return the names on each node."""
    names: dict[str, set[str]] = defaultdict(set)
    for node, name in targets:
        names[node].add(name)
    return names


def claims(service: Service, name: str) -> bool:
    """Return whether a service is known by a name, beside its own."""
    return name in service.containers or any(name in names for names in replicas(service, {name}).values())


def replica_names(service: Service, seen: set[str], told: set[str]) -> list[str]:
    """Return the names seen or told of a service's replicas, where a first one is seen."""
    names = {name for names in replicas(service, seen | told).values() for name in names}
    return sorted(names) if found_first(names & seen) else []


def present(service: Service, known: list[str], seen: set[str]) -> list[str]:
    """Return which names count: of the inventory's all, where one is seen; of replicas those that are seen."""
    there = [name for name in known if name in seen]
    return known if there and set(known) <= set(service.containers) else there


def found_first(names: set[str]) -> bool:
    """Return whether one of the replicas is the first."""
    return any(re.search(r"[-_]0*1$", name) for name in names)


def replicas(service: Service, seen: set[str]) -> dict[str, set[str]]:
    """Return the names seen that could be replicas of a service, by their common beginning."""
    stems = {f"{service.name}-", f"{service.name}_"}
    if service.stack is not None:
        stems |= {f"{service.stack}-{service.given}-", f"{service.stack}_{service.given}_"}
    return {stem: {name for name in seen if name.startswith(stem) and is_number(name[len(stem) :])} for stem in stems}


def is_number(text: str) -> bool:
    """Return whether a text is digits and nothing else."""
    return re.fullmatch("[0-9]+", text) is not None

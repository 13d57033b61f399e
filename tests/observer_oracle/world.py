"""The whole pass: what was seen before, and what a look says, to the records of the world."""

from dataclasses import dataclass, field
from typing import Any

from tests.observer_oracle import container as containers
from tests.observer_oracle import names, unit
from tests.observer_oracle.container import Round, Seen
from tests.observer_oracle.deployments import Deployments, Slots, slots_of
from tests.observer_oracle.engine import Engine
from tests.observer_oracle.incidents import Incidents, Target
from tests.observer_oracle.nodes import Node
from tests.observer_oracle.services import Part, Service, newest, roll_up, short, show
from tests.observer_oracle.words import BAD, GOOD, SETTLING, Json, M, hit

Parts = dict[str, list[Part]]


@dataclass
class Record:
    """A service as the world holds it."""

    service: Service
    slots: Slots
    since: float
    last_seen: float
    shown: Json
    stale_since: float | None = None
    missed: int = 0
    is_whole: bool = True
    """It is known from a look, and not read back from the world, which holds less."""

    @property
    def sources(self) -> set[str]:
        return {part.source for part in self.service.parts}


@dataclass
class Starts:
    """What is remembered of a container's or unit's starts."""

    started: float | None
    count: int | None
    seen: list[float] = field(default_factory=list)


@dataclass
class World:
    """What the oracle remembers, and says."""

    inventory: dict[str, Json]
    engines: dict[str, Engine] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    records: dict[Target, Record] = field(default_factory=dict)
    starts: dict[tuple[str, str], Starts] = field(default_factory=dict)
    incidents: Incidents = field(default_factory=Incidents)
    deployments: Deployments = field(default_factory=Deployments)
    notes: dict[str, set[str]] = field(default_factory=dict)
    arrived: dict[str, float] = field(default_factory=dict)
    """When the last part of a node came."""
    at: float = 0.0

    def look(self, at: float, answers: dict[str, Json], hooks: list[Json]) -> None:
        """Take what the nodes answered at one moment, and what hooks said by then."""
        self.at = at
        self.deployments.tell(hooks, at)
        self._drop_what_nobody_asks_for()
        for name, answer in answers.items():
            self.notes[name] = set()
            if not self._take_part(name, answer):
                continue
            node = self.nodes.setdefault(name, Node(bool(self.inventory[name].get("intermittent"))))
            reason = answer["engine"].get("fail") or (answer["units"] or {}).get("fail")
            self._see(name, answer, is_failing=reason is not None)
            if reason:
                node.fail(reason, at, is_silent="fail" in answer["engine"])
            else:
                node.succeed(at)
                self._judge_node(name, answer)
            node.partial, node.pressure = answer["is_partial"], answer["pressures"]
        self._wait_for_deployments(set(answers))
        self.incidents.forget(at)
        self.deployments.forget(at)

    def entries(self, node: str) -> dict[str, Any]:
        found: dict[str, Any] = self.inventory[node]["services"]
        return found

    def is_asked_for(self, target: Target) -> bool:
        return target[1] in self.entries(target[0])

    def is_monitored(self, target: Target) -> bool:
        """Return whether incidents are opened for a target: a service that is asked for and monitored, or a node."""
        node, service = target
        if node not in self.inventory or service == "all":
            return node in self.inventory
        return self.is_asked_for(target) and (self.entries(node)[service] or {}).get("monitor") is not False

    def shown(self) -> dict[Target, Record]:
        """Return the services that have a record."""
        return {target: row for target, row in self.records.items() if row.missed < 2}

    def _drop_what_nobody_asks_for(self) -> None:
        self.nodes = {name: node for name, node in self.nodes.items() if name in self.inventory}
        self.records = {target: row for target, row in self.records.items() if target[0] in self.inventory}
        self.incidents.withdraw(self.is_monitored, self.at)

    # ---- what befalls the observer itself ----

    def start_afresh(self) -> None:
        """Our own clock jumped: failures, evidence and starts count from now on (5)."""
        hit("5 all counters start afresh")
        for node in self.nodes.values():
            node.failures, node.failing_since = 0, None
        self.starts, self.incidents.evidence = {}, {}

    def restart(self) -> None:
        """The process is another: what it asked engines for is forgotten, all else remembered (6.51)."""
        hit("6.51 restarted")
        self.engines = {}

    def lose(self) -> None:
        """The memory is lost: what the world's files say is left (6.52)."""
        hit("6.52 read back from the world")
        self.engines, self.starts, self.incidents.evidence = {}, {}, {}
        self.records = self.shown()
        for row in self.records.values():
            word = row.service.status
            row.service.word, row.service.cls = word, {"healthy": GOOD, "starting": SETTLING}.get(word, BAD)
            row.slots, row.is_whole, row.missed = {}, False, 0
        for deployment in self.deployments.all.values():
            deployment["slots"] = {}
        for node in self.nodes.values():
            node.pressure, node.partial = {}, False

    def _take_part(self, node: str, answer: Json) -> bool:
        """Return whether something follows from what a node shipped; an old part is silence, after a while (5)."""
        if answer["delay"] is None:
            return True
        if not answer["is_old"]:
            hit("5 a new part")
            self.arrived[node] = self.at
            return True
        every = 120.0 if self.inventory[node]["intermittent"] else 30.0
        if self.at - self.arrived[node] <= 2 * every + 20:
            hit("5 an old part: nothing follows yet")
            return False
        hit("5 an old part: silence")
        answer |= {"engine": {"fail": "timeout"}, "units": None}
        return True

    # ---- one node ----

    def _see(self, node: str, answer: Json, *, is_failing: bool) -> None:
        now = self.at + answer["skew"] - (answer["delay"] or 0)
        parts: Parts = {}
        answered = {"probes"} if answer["probes"] else set()
        answer["is_partial"], answer["pressures"] = False, {}
        if "fail" not in answer["engine"]:
            answered.add("engine")
            self._add_containers(node, answer, now, parts)
        if answer["units"] is not None and "fail" not in answer["units"]:
            answered.add("systemd")
            is_told = "fail" not in answer["engine"] or answer["delay"] is not None
            self._add_units(node, answer["units"]["text"], now if is_told else self.at, parts)
            answer["pressures"] = unit.pressure(*answer["units"]["pressure"])
        self._add_probes(node, answer["probes"], parts)
        for name in sorted({*parts, *(name for of, name in self.records if of == node)}):
            self._follow((node, name), parts.get(name), answered, now, is_failing=is_failing)

    def _follow(
        self, target: Target, parts: list[Part] | None, answered: set[str], now: float, *, is_failing: bool
    ) -> None:
        known = self.records.get(target)
        if known and is_failing and not known.sources <= answered:
            hit("0.5 kept, stale")
            known.stale_since = self.at if known.stale_since is None else known.stale_since
        elif parts is None:
            assert known
            self._miss(target, known)
        else:
            entry = self.entries(target[0]).get(target[1]) or {}
            absent = names.count_absent(entry, parts)
            self._keep(target, roll_up(parts, (entry.get("replicas") or {}).get("min"), absent), now)

    def _miss(self, target: Target, known: Record) -> None:
        known.missed += 1
        known.stale_since = None
        hit("2.3.4 kept for one look" if known.missed == 1 else "2.3.4 absent from the second look on")
        if known.missed >= 2 and not (known.is_whole and known.shown["asked for"]):
            del self.records[target]

    def _keep(self, target: Target, service: Service, now: float) -> None:
        was = self.records.get(target)
        shown = _show(service) | {"asked for": self.is_asked_for(target), "slots": slots_of(service)}
        goes_on = was is not None and was.service.status == service.status and was.missed < 2
        is_quiet = (
            was is not None
            and goes_on
            and was.shown == shown
            and was.stale_since is None
            and not was.missed
            and was.is_whole
        )
        last_seen = self.at
        if was and is_quiet and self.at - was.last_seen < M:
            hit("2.4 last_seen at most once a minute")
            last_seen = was.last_seen
        if self.is_asked_for(target) and was:
            seen_before = max(was.last_seen, self.nodes[target[0]].last_seen or 0.0)
            self.deployments.see(target, was.slots, seen_before, service, now, self.at)
        since = was.since if was and goes_on else self.at
        self.records[target] = Record(service, slots_of(service), since, last_seen, shown)
        if self.is_monitored(target):
            self.incidents.see(target, service.word, service.cls, self.at)

    def _judge_node(self, node: str, answer: Json) -> None:
        """Open and close what is said of the node itself: one at a time, the worst (2.6)."""
        skew = abs(answer["skew"]) if answer["delay"] is None else 0.0  # its engine's against its own: there is none
        if skew > 5:
            hit("5 a clock that is off by seconds is noted")
            self.notes[node].add("clock")
        found = [name for name, is_so in answer["pressures"].items() if is_so]
        word = (found + ["clock_skew"] * (skew > M) + [""])[0]
        self.incidents.see((node, "all"), word, BAD if word else GOOD, self.at)

    def _wait_for_deployments(self, looked: set[str]) -> None:
        """Fail what was begun and is not seen any more (2.7)."""
        for row in self.deployments.all.values():
            if row["status"] == "started" and row["trigger"] == "observed":
                self.deployments.time_out(row, self.at)

    # ---- parts ----

    def _add_containers(self, node: str, answer: Json, now: float, parts: Parts) -> None:
        read, answer["is_partial"] = self.engines.setdefault(node, Engine()).look(answer["engine"], self.at)
        if answer["is_partial"]:
            hit("2.5 partial")
        for one in read:
            one.starts = self._count_starts((node, one.id), one.started, one.restarts)
        counted = [one for one in read if containers.is_counted(one)]
        awaited = {(one.compose("project"), name) for one in counted for name in containers.waits_for(one.labels)}
        of = {one.id: names.attribute(one, self.entries(node)) for one in counted}
        for one in counted:
            self.notes[node] |= one.notes
            if of[one.id] is None:
                hit("2.4 no name can be made: a note")
                self.notes[node].add("no usable name")
        chosen, replacing = newest([one for one in counted if of[one.id] is not None], of)
        for one in chosen:
            name = str(of[one.id])
            entry = self.entries(node).get(name) or {}
            is_job = _is_declared(one, entry) or (one.compose("project"), one.compose("service")) in awaited
            containers.judge(one, Round(now, is_job, one.id in replacing, names.seconds(entry.get("every"))))
            self.notes[node] |= one.notes
            parts.setdefault(name, []).append(
                Part(one.name, one.group, one.word, one.cls, "engine", one, one.restarts or 0)
            )

    def _count_starts(self, key: tuple[str, str], started: float | None, count: int | None) -> int:
        if key not in self.starts:
            self.starts[key] = Starts(started, count)
            return 0
        was = self.starts[key]
        jump = count - was.count if count is not None and was.count is not None else 0
        changed = started is not None and was.started is not None and started != was.started
        was.seen = [at for at in was.seen if self.at - at < 10 * M] + [self.at] * max(jump, int(changed), 0)
        was.started = started if started is not None else was.started
        was.count = count if count is not None else was.count
        return len(was.seen)

    def _add_units(self, node: str, text: str, now: float, parts: Parts) -> None:
        """Take what systemd says; without an engine nothing tells how its clock differs from ours."""
        blocks = unit.read_blocks(text)
        for name, entry in self.entries(node).items():
            asked = names.runtime(entry).get("unit")
            if asked not in blocks:
                continue
            fields = blocks[asked]
            starts = self._count_starts((node, f"unit {asked}"), None, int(fields.get("NRestarts") or 0))
            every = names.seconds((entry or {}).get("every"))
            judged = unit.judge(fields, blocks.get(asked.removesuffix(".service") + ".timer", {}), starts, now, every)
            if judged:
                parts.setdefault(name, []).append(
                    Part(asked, asked, *judged, "systemd", restarts=starts, state=unit.state(fields))
                )

    def _add_probes(self, node: str, answers: dict[str, bool], parts: Parts) -> None:
        for name, is_ok in answers.items():
            address = str(names.runtime(self.entries(node)[name])["probe"])
            word = "healthy" if is_ok else f"{address.split(':', maxsplit=1)[0]}_unreachable"
            hit(f"2.6 probe: {word}")
            parts.setdefault(name, []).append(Part(address, address, word, GOOD if is_ok else BAD, "probes"))

    def summary(self) -> str:
        seen = [node.failures == 0 and node.status == "online" for node in self.nodes.values()]
        status = "NOMINAL" if all(seen) else "DEGRADED" if any(seen) else "UNKNOWN"
        hit(f"2.8 {status}")
        return status


def _is_declared(one: Seen, entry: Json) -> bool:
    return one.labels.get("supervisor.run") in {"once", "scheduled"} or entry.get("run") in {"once", "scheduled"}


def _show(service: Service) -> Json:
    shown = [show(part.container, part.group) for part in service.parts if part.container]
    return {
        "status": service.status, "parts": {"good": service.good, "total": service.total},
        "image": sorted({str(short(one.image)) for one in service.containers if one.image}),
        "words": sorted((part.name, part.state, part.word, part.cls) for part in service.parts),
        "restarts": sum(part.restarts for part in service.parts),
        "containers": sorted(shown, key=lambda row: (row["name"], row["id"])),
    }  # fmt: skip

"""Random histories: a small fleet that breaks and heals, operators who change their minds, an executor that dies."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from flows.run.actions import decide_actions, find_startable
from schemas.attempt import IntentState
from schemas.book import Able
from schemas.decision import Decided, Decision
from schemas.episode import Target
from schemas.executor_record import Capabilities, Lost, Refused
from schemas.ledger import Ledger, Record
from schemas.ledger_words import Result
from schemas.match import Match
from schemas.memory import Memory
from schemas.numbers import Automation, Numbers, Rate
from schemas.operator_record import Approved, AttestDown, Halt, Hold, Rejected, Release, Requested, Reset, Resume
from schemas.policy import BrokenPolicy, Ceiling, Failover, FaultSeverity, Group, Need, PolicyFault
from schemas.scene import Answered, Asked, Deployed, Finding, Scene, Shown
from schemas.verb import Mode, Verb
from schemas.window import parse_window
from schemas.words import Action, DriftKind, HeldBy, Severity
from stages.fold_ledger import fold_ledger
from tests.helpers.acting import ANNA, BERT, NOON, Lab, offers, policy, rule, target

SERVICES = ("a/broker", "a/zigbee", "a/web", "b/web", "a/etcd", "b/etcd", "c/etcd", "c/nas", "b/guard", "d/mail")
CHAIN = {target("a/broker"): frozenset({target("a/zigbee")}), target("a/zigbee"): frozenset({target("a/broker")})}
STOPPED = {DriftKind.UNHEALTHY_SERVICE, DriftKind.MISSING_SERVICE}
LADDER = (Verb.RESTART, Verb.RESTART, Verb.REDEPLOY, Verb.DIAGNOSTICS)
BROKEN = BrokenPolicy(faults=(PolicyFault(FaultSeverity.ERROR, "policy.yaml", 1, 1, "odd"),))


def draw_policy(dice: random.Random) -> Any:
    """Return one of many policies for the fleet."""
    mode = dice.choice(["auto", "auto", "auto", "approve", "suggest"])
    windows = (
        ("day", parse_window({"from": "06:00", "to": "18:00"})),
        ("noon", parse_window({"from": "12:00", "to": "12:20"})),
    )
    needs = tuple(need for need in Need if dice.random() < 0.3)
    rules = [
        rule("web", mode, {"service": ["web"]}, needs=needs, act_after=timedelta(seconds=dice.choice([0, 60]))),
        rule("night", mode, {"service": ["mail"]}, allow=("day",) if dice.random() < 0.7 else ()),
        rule("rest", dice.choice(["auto", "auto", "approve"]), approvals=dice.choice([1, 1, 2]), ladder=()),
    ]
    return policy(
        *rules[dice.randrange(2) :],
        windows=windows,
        freeze=("noon",) if dice.random() < 0.2 else (),
        domains=(("rack", ("b", "c")),),
        groups=(Group(name="etcd", targets=("*/etcd",)),),
        failovers=(Failover(target="c/nas", to=("b", "d"), singleton=dice.random() < 0.5),),
        protected=("*/guard",),
        ceilings=(Ceiling(match=Match((("node", ("d",)),)), mode=Mode.APPROVE),) if dice.random() < 0.3 else (),
    )


def draw_numbers(dice: random.Random) -> Numbers:
    """Return numbers, some of them so tight that they are reached."""
    some: dict[str, Any] = {"automation": Automation.AUTO, "max_unhealthy_min": dice.choice([3, 5, 8])}
    if dice.random() < 0.5:
        some |= {"rate_target": Rate(count=dice.choice([1, 2]), window=timedelta(hours=6))}
    if dice.random() < 0.4:
        some |= {"rate_node": Rate(count=1, window=timedelta(hours=dice.choice([1, 3])))}
    if dice.random() < 0.4:
        some |= {
            "rate_fleet": Rate(count=2, window=timedelta(hours=1)),
            "budget": Rate(count=3, window=timedelta(hours=8)),
        }
    if dice.random() < 0.3:
        some |= {"rate_diagnostics": Rate(count=1, window=timedelta(hours=4))}
    if dice.random() < 0.5:
        some |= {"cooldown": timedelta(minutes=5), "verify_grace": timedelta(minutes=5)}
    if dice.random() < 0.3:
        some |= {"breaker_failures": 2, "breaker_cooldown": timedelta(minutes=40)}
    return Numbers(**some)


class History:
    """One of them; `step` does the next run, and what people, machines and the executor do before and after it."""

    def __init__(self, seed: int, on_run: Callable[["History", Scene, Memory, Decided], None]) -> None:
        """Draw a fleet's policy and numbers."""
        self.dice = random.Random(seed)
        self.on_run = on_run
        self.lab = Lab(services=SERVICES, policy=draw_policy(self.dice), numbers=draw_numbers(self.dice))
        self.rules = self.lab.policy
        self.lab.more = {"chain": CHAIN, "members": {"etcd": frozenset(map(target, ("a/etcd", "b/etcd", "c/etcd")))}}
        self.lab.reports = self.dice.random() < 0.5
        self.now = NOON - timedelta(hours=self.dice.randrange(24))
        self.lab.memory = Memory() if self.dice.random() < 0.2 else replace(self.lab.memory, last_run=self.now)
        self.broken: str | None = None
        self.stuck: set[str] = set()
        """What no verb helps."""
        self.running: list[tuple[Any, datetime | None]] = []
        """What was started, and when it will end; none where its executor died."""
        self.guards: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.events: Counter[str] = Counter()

    @property
    def ledger(self) -> Ledger:
        """The journals."""
        return Ledger(entries=tuple(self.lab.entries), broken=self.broken)

    def play(self, runs: int) -> None:
        """Do so many runs."""
        for _ in range(runs):
            self.step()

    def step(self) -> None:
        """Let something happen, do a run, and let the executor see to what it decided."""
        self.now += timedelta(seconds=self.dice.choice([30, 30, 30, 60, 60, 300, 900]))
        if self.dice.random() < 0.4:
            self.lab.policy, self.lab.able, self.broken = self.rules, None, None
        for happen, chance in _HAPPENINGS:
            if self.dice.random() < chance:
                happen(self)
        self._end_attempts()
        passing = self._draw_passing()
        scene = self.lab.scene(self.now, **passing)
        memory = self.lab.memory
        decided = self.decide(scene, memory)
        self.on_run(self, scene, memory, decided)
        for record in decided.records:
            self.lab.say(self.now, record)
        self.lab.memory, self.lab.decided, self.lab.last_scene = decided.memory, decided, scene
        self._count(decided)
        self._execute(scene)

    def decide(self, scene: Scene, memory: Memory, **changed: Any) -> Decided:
        """Decide on a scene, with something of the rest changed."""
        lab = self.lab
        given: dict[str, Any] = {
            "policy": lab.policy,
            "numbers": lab.numbers,
            "operators": lab.operators,
            "able": lab.able or Able(scene.as_of, Capabilities(offers=self.offers())),
            "ledger": self.ledger,
        } | changed
        book = fold_ledger(given["ledger"], given["operators"], given["numbers"])
        return decide_actions(scene, given["policy"], given["numbers"], given["operators"], book, memory, given["able"])

    def offers(self) -> Any:
        """Return what the executor can do: everything."""
        return offers([f"{where.node}/{where.service}" for where in self.lab.asked], reports=self.lab.reports)

    def _count(self, decided: Decided) -> None:
        self.guards.update(hit.name for row in decided.decisions for hit in row.guards)
        self.outcomes.update(str(record.outcome) for record in decided.records if record.kind == "verified")
        self.events.update(record.kind for record in decided.records)

    def _draw_passing(self) -> dict[str, Any]:
        """Return what is so in this run alone."""
        planned = {
            target(name)
            for name, rows in self.lab.findings.items()
            if any(finding.held_by is HeldBy.MAINTENANCE for finding in rows)
        }
        offline = self.lab.more.get("offline", frozenset())
        told = tuple(
            advice
            for _, advice in sorted(self.lab.advice.items())
            if self.lab.asked[advice.target].is_monitored and (advice.node not in offline or advice.service == "all")
        )
        drawn: dict[str, Any] = {"resting": frozenset(planned), "advice": told}
        if self.dice.random() < 0.03:
            drawn["is_observer_suspect"] = True
        if self.dice.random() < 0.03:
            drawn["world_at"] = self.now - timedelta(minutes=5)
        if self.dice.random() < 0.02:
            drawn |= {"is_world_stale": True, "is_conclusive": False, "advice": ()}
        if self.dice.random() < 0.05:
            drawn["unjudged"] = frozenset({target(self.dice.choice(SERVICES))})
        return drawn

    def _end_attempts(self) -> None:
        for started, ends_at in [*self.running]:
            if ends_at is not None and ends_at <= self.now:
                self.running.remove((started, ends_at))
                result = self.dice.choice(["done", "done", "done", "failed", "timed_out", "no_effect"])
                self.lab.end(started, ends_at, result)
                name = f"{started.node}/{started.service}"
                if result != "no_effect" and name not in self.stuck and self.dice.random() < 0.8:
                    self._help(started, name)

    def _help(self, started: Any, name: str) -> None:
        if started.verb is Verb.FAILOVER:
            self.lab.more.setdefault("shown", {})[Target(started.params["to"], started.service)] = Shown(True, None)
        elif started.verb is not Verb.DIAGNOSTICS:
            self.lab.mend(name)

    def _execute(self, scene: Scene) -> None:
        """Start what is approved, deciding again before each start, as an executor does."""
        if self.dice.random() < 0.1:
            return
        for _ in range(3):
            decided = self.decide(scene, self.lab.memory)
            ready = find_startable(decided, self.lab.book())
            if not ready:
                return
            self._start(self.dice.choice(ready), scene)

    def _start(self, decision: Decision, scene: Scene) -> None:
        if self.dice.random() < 0.1:
            refused = Refused(intent_id=decision.intent_id or "", world_at=scene.world_at, why="starting")
            self.lab.say(self.now, refused)
            return
        numbers = self.lab.numbers
        started = self.lab.start_anyway(decision, self.now, verify_grace=int(numbers.verify_grace.total_seconds()))
        chance = self.dice.random()
        if chance < 0.1:
            self.running.append((started, None))
        elif chance < 0.2:
            moment = self.now + timedelta(seconds=20)
            lost = Lost(intent_id=started.intent_id, fence=started.fence, result=Result.LOST, ended_at=moment)
            self.lab.say(moment, lost)
        else:
            self.running.append((started, self.now + timedelta(seconds=self.dice.choice([5, 40, 90]))))


def _break(history: History) -> None:
    lab, dice = history.lab, history.dice
    name = dice.choice(SERVICES)
    if name in lab.findings:
        return
    kinds = [
        DriftKind.UNHEALTHY_SERVICE,
        DriftKind.UNHEALTHY_SERVICE,
        DriftKind.MISSING_SERVICE,
        DriftKind.FAILED_DEPLOYMENT,
    ]
    changed = {"severity": Severity.CRITICAL} if dice.random() < 0.2 else {}
    lab.break_it(name, dice.choice(kinds), **changed)
    if dice.random() < 0.4:
        history.stuck.add(name)
    else:
        history.stuck.discard(name)


def _press(history: History) -> None:
    if "a/all" not in history.lab.findings:
        history.lab.break_it("a/all", DriftKind.NODE_PRESSURE)
        history.lab.more["disk_pressed"] = frozenset({"a"})
    elif history.dice.random() < 0.5:
        history.lab.mend("a/all")
        history.lab.more.pop("disk_pressed", None)


def _heal(history: History) -> None:
    if history.lab.findings:
        history.lab.mend(history.dice.choice(sorted(history.lab.findings)))


def _veil(history: History) -> None:
    """Something explains the trouble of one target, or keeps it from being seen."""
    lab, name = history.lab, history.dice.choice(SERVICES)
    held = history.dice.choice([HeldBy.SETTLING, HeldBy.MAINTENANCE, HeldBy.DEPLOYMENT_IN_FLIGHT])
    lab.mend(name)
    lab.findings[name] = [Finding(DriftKind.UNHEALTHY_SERVICE, Severity.ERROR, held)]


def _delay(history: History) -> None:
    for name, advice in history.lab.advice.items():
        if name in history.stuck:
            history.lab.advice[name] = advice._replace(action=Action.DELAYED_DEPLOYMENT)
            return


def _nodes(history: History) -> None:
    lab, dice = history.lab, history.dice
    down = frozenset(node for node in "cd" if dice.random() < 0.4)
    lab.mend("c/all")
    lab.more["offline"], lab.more["down_count"] = down, len(down) if dice.random() < 0.5 else 0
    if "c" in down:
        lab.mend("c/nas")
        lab.mend("c/etcd")
        lab.break_it("c/all", DriftKind.OFFLINE_NODE)
    lab.more["suspect"] = frozenset({"b"}) if dice.random() < 0.3 else frozenset()


def _repair_nodes(history: History) -> None:
    history.lab.mend("c/all")
    for name in ("offline", "suspect", "down_count"):
        history.lab.more.pop(name, None)


def _surroundings(history: History) -> None:
    lab, dice, now = history.lab, history.dice, history.now
    where = target(dice.choice(SERVICES))
    lab.more["flapping"] = {where: now + timedelta(hours=2)} if dice.random() < 0.5 else {}
    lab.more["answered"] = {where: Answered("x", "", now + timedelta(minutes=40))} if dice.random() < 0.3 else {}
    lab.more["deployments"] = {where: (Deployed(now - timedelta(minutes=dice.choice([1, 20]))),)}
    lab.more["incidents"] = frozenset(map(target, SERVICES)) if dice.random() < 0.5 else frozenset()
    lab.more["healthy_on"] = {"web": frozenset("ab")} if dice.random() < 0.5 else {}
    lab.more["dependants"] = {target("a/broker"): 5} if dice.random() < 0.4 else {}
    seen_at = now - timedelta(hours=1) if dice.random() < 0.3 else None
    lab.more["shown"] = {where: Shown(False, seen_at)}


def _desire(history: History) -> None:
    where = target(history.dice.choice(SERVICES))
    asked = Asked(is_monitored=history.dice.random() < 0.7, desired_hash=history.dice.choice("defg") * 64)
    history.lab.asked = {**history.lab.asked, where: asked}


def _approve(history: History) -> None:
    lab, dice, now = history.lab, history.dice, history.now
    waiting = [i for i in lab.book().intents.values() if i.state in {IntentState.PENDING, IntentState.APPROVED}]
    if waiting:
        intent = dice.choice(sorted(waiting, key=lambda intent: intent.intent_id))
        overrides = tuple(name for name in ("window", "cooldown", "storm", "rate_fleet") if dice.random() < 0.1)
        ends_at = now + timedelta(minutes=dice.choice([2, 60]))
        record = Approved(intent_id=intent.intent_id, ends_at=ends_at, overrides=overrides)
        lab.say(now, record, dice.choice([ANNA, BERT]))


def _reject(history: History) -> None:
    waiting = sorted(i.intent_id for i in history.lab.book().intents.values() if i.state is IntentState.PENDING)
    if waiting:
        history.lab.say(history.now, Rejected(intent_id=history.dice.choice(waiting)))


def _request(history: History) -> None:
    where = target(history.dice.choice(SERVICES))
    verb = history.dice.choice([Verb.RESTART, Verb.REDEPLOY, Verb.DIAGNOSTICS])
    request = Requested(node=where.node, service=where.service, verb=verb, ends_at=history.now + timedelta(hours=1))
    history.lab.say(history.now, request)


def _command(history: History) -> None:
    dice, lab, now = history.dice, history.lab, history.now
    name = dice.choice([*SERVICES, "a/all", "fleet/all"])
    records: list[Record] = [
        Hold(target=name, until=now + timedelta(minutes=20)),
        Release(target=name),
        Halt(until=now + timedelta(minutes=15)),
        Resume(),
        Reset(target=name),
        AttestDown(node="c"),
        AttestDown(node="c"),
    ]
    lab.say(now, dice.choice(records))


def _spoil(history: History) -> None:
    history.lab.policy = BROKEN


def _retire(history: History) -> None:
    history.lab.able = Able(history.now - timedelta(hours=25), Capabilities(offers=history.offers()))


def _tear(history: History) -> None:
    history.broken = "journal/executor-1.jsonl:3 does not follow the line before it"


def _forget(history: History) -> None:
    history.lab.memory = Memory()


def _rest_long(history: History) -> None:
    """Time passes, with the runs in it that bring nothing new."""
    history.now += timedelta(hours=history.dice.choice([1, 3, 8]))
    if history.lab.memory.last_run is not None:
        history.lab.memory = replace(history.lab.memory, last_run=history.now - timedelta(minutes=1))


def _set_back(history: History) -> None:
    history.now -= timedelta(minutes=5)


_HAPPENINGS: tuple[tuple[Callable[[History], None], float], ...] = (
    (_break, 0.15), (_heal, 0.08), (_press, 0.03), (_veil, 0.03), (_delay, 0.02), (_nodes, 0.03), (_repair_nodes, 0.08),
    (_surroundings, 0.06), (_desire, 0.01), (_approve, 0.25), (_reject, 0.02), (_request, 0.04), (_command, 0.04),
    (_spoil, 0.01), (_tear, 0.005), (_retire, 0.01), (_forget, 0.005), (_rest_long, 0.08), (_set_back, 0.005),
)  # fmt: skip

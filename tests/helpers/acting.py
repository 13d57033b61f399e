"""A small lab for acting: one scene after another, with a ledger that grows; a test states only what it is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flows.run.actions import decide_actions
from schemas.book import Able, Book
from schemas.decider_record import Verified
from schemas.decision import Decided, Decision, Verdict
from schemas.episode import Target
from schemas.executor_record import AttemptNumbers, Basis, Capabilities, Claimed, Ended, Offer, Started
from schemas.ledger import WRITERS, By, Entry, Ledger, Record
from schemas.ledger_words import Result, Role
from schemas.match import Match
from schemas.memory import Memory, SeenRow
from schemas.numbers import Automation, Numbers
from schemas.operator import Operator
from schemas.policy import BrokenPolicy, Policy, Rule
from schemas.scene import Advice, Asked, Finding, NodeTraits, OpenEpisode, Scene, look_at, standing_severity
from schemas.setting import settings_of
from schemas.verb import TRAITS, Mode, Verb
from schemas.words import Action, DriftKind, EventType, Severity
from stages.fold_ledger import fold_ledger

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
ANNA = Operator(name="anna", uid=1001)
BERT = Operator(name="bert", uid=1002)
LADDER = (Verb.RESTART, Verb.RESTART, Verb.REDEPLOY, Verb.DIAGNOSTICS)
LONG_AGO = NOON - timedelta(days=7)
KIND_ACTIONS = {
    DriftKind.UNHEALTHY_SERVICE: (EventType.RECONCILE_REQUIRED, Action.CONTAINER_RESTART, Severity.ERROR),
    DriftKind.MISSING_SERVICE: (EventType.RECONCILE_REQUIRED, Action.REDEPLOY, Severity.ERROR),
    DriftKind.FAILED_DEPLOYMENT: (EventType.RECONCILE_RECOMMENDED, Action.REDEPLOY, Severity.WARNING),
    DriftKind.NODE_PRESSURE: (EventType.RECONCILE_RECOMMENDED, Action.DISK_CLEANUP, Severity.WARNING),
    DriftKind.OFFLINE_NODE: (EventType.RECONCILE_REQUIRED, Action.FAILOVER_REVIEW, Severity.CRITICAL),
}


def at(clock: str, day: int = 3) -> datetime:
    """Return that time of 2026-06-03, `12:01:30`."""
    hour, minute, second = (int(part) for part in (*clock.split(":"), "0")[:3])
    return NOON.replace(day=day, hour=hour, minute=minute, second=second)


def target(name: str) -> Target:
    node, _, service = name.partition("/")
    return Target(node, service)


def rule(rule_id: str = "all", mode: str = "auto", match: Mapping[str, Any] | None = None, **given: Any) -> Rule:
    keys = tuple((key, tuple(items)) for key, items in (match or {}).items())
    numbers = tuple((name, given.pop(name)) for name in [*given] if name in settings_of(Numbers))
    defaults = {"ladder": LADDER} | given
    return Rule(rule_id=rule_id, match=Match(keys), mode=Mode(mode), numbers=numbers, **defaults)


def policy(*rules: Rule, **given: Any) -> Policy:
    return Policy(rules=rules or (rule(),), **given)


def offers(targets: Sequence[str], *, reports: bool = False, step: str = "e" * 64) -> tuple[Offer, ...]:
    return tuple(
        Offer(verb=verb, target=name, step_hash=step, reports_deployments=reports)
        for name in targets
        for verb in Verb
        if TRAITS[verb].is_of_node == name.endswith("/all")
    )


@dataclass
class Lab:
    """A fleet of services, by default all well and long up, and what is known of acting on it."""

    services: Sequence[str] = ("piha/web",)
    policy: Policy | BrokenPolicy = field(default_factory=policy)
    numbers: Numbers = field(default_factory=lambda: Numbers(automation=Automation.AUTO))
    operators: Sequence[Operator] = (ANNA, BERT)
    entries: list[Entry] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)
    findings: dict[str, list[Finding]] = field(default_factory=dict)
    episodes: dict[Target, tuple[OpenEpisode, ...]] = field(default_factory=dict)
    advice: dict[str, Advice] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    """Further fields of the scene."""
    asked: dict[Target, Asked] = field(default_factory=dict)
    able: Able | None = None
    reports: bool = False
    decided: Decided | None = None

    def __post_init__(self) -> None:
        names = [*self.services, *(f"{node}/all" for node in self.nodes)]
        self.asked = {target(name): Asked(desired_hash="d" * 64) for name in names} | self.asked
        self.memory = Memory(
            last_run=NOON - timedelta(minutes=1),
            fleet_since=LONG_AGO,
            node_since=dict.fromkeys(self.nodes, LONG_AGO),
        )

    @property
    def nodes(self) -> list[str]:
        return sorted({name.partition("/")[0] for name in self.services})

    def break_it(self, name: str, kind: DriftKind = DriftKind.UNHEALTHY_SERVICE, **changed: Any) -> None:
        """Let a target have drift of a kind, and its recommendation with it."""
        event, action, severity = KIND_ACTIONS[kind]
        action, severity = changed.pop("action", action), changed.pop("severity", severity)
        where = target(name)
        self.findings.setdefault(name, []).append(Finding(kind, severity, **changed.pop("finding", {})))
        fields: dict[str, Any] = {
            "recommendation_id": f"{action}-{where.node}-{where.service}".replace("_", "-"),
            "event_type": event,
            "action": action,
            "severity": severity,
            "node": where.node,
            "service": where.service,
            "causing_kinds": tuple(sorted({row.kind for row in self.findings[name]})),
            "drift_ids": tuple(f"{row.kind}-{where.node}-{where.service}" for row in self.findings[name]),
        }
        self.advice[name] = Advice(**fields | changed)

    def stand(self, name: str, kind: DriftKind = DriftKind.UNHEALTHY_SERVICE, **changed: Any) -> None:
        """Let a target have been broken for so long that nothing waits for that."""
        since = changed.pop("since", NOON - timedelta(days=1))
        self.break_it(name, kind, **changed)
        where = target(name)
        self.episodes[where] = (OpenEpisode(self.advice[name].action, since),)
        rows = {**self.memory.seen, where: SeenRow(9, LONG_AGO)}
        self.memory = replace(self.memory, seen=rows)

    def mend(self, name: str) -> None:
        self.findings.pop(name, None)
        self.advice.pop(name, None)

    def say(self, moment: datetime, record: Record, operator: Operator = ANNA) -> Entry:
        """Write a record as who may write it."""
        role = WRITERS[record.kind]
        by = By(uid=operator.uid, name=operator.name, role=role) if role is Role.OPERATOR else By(uid=1, role=role)
        entry = Entry(len(self.entries) + 1, moment, by, record)
        self.entries.append(entry)
        return entry

    def scene(self, moment: datetime, world_at: datetime | None = None, **changed: Any) -> Scene:
        """Return what a run at that moment sees."""
        self._open_episodes(moment)
        unhealthy = [
            name
            for name, rows in self.findings.items()
            if any(r.kind in {DriftKind.MISSING_SERVICE, DriftKind.UNHEALTHY_SERVICE} and r.is_standing for r in rows)
        ]
        fields: dict[str, Any] = {
            "asked": self.asked,
            "findings": {target(name): tuple(rows) for name, rows in self.findings.items()},
            "advice": tuple(self.advice[name] for name in sorted(self.advice)),
            "episodes": self.episodes,
            "nodes": {node: NodeTraits() for node in self.nodes},
            "service_count": len(self.services),
            "unhealthy_count": len(unhealthy),
            "node_count": len(self.nodes),
        }
        return Scene(as_of=moment, world_at=world_at or moment, **fields | self.more | changed)

    def _open_episodes(self, moment: datetime) -> None:
        wanted = {target(name): advice.action for name, advice in self.advice.items()}
        for where, action in wanted.items():
            before = [row for row in self.episodes.get(where, ()) if row.action is action]
            self.episodes[where] = tuple(before) or (OpenEpisode(action, moment),)
        for where in [*self.episodes]:
            if where not in wanted:
                del self.episodes[where]

    def run(self, moment: datetime, world_at: datetime | None = None, **changed: Any) -> Decided:
        """Do one run: decide, and write what it says; runs without news came between it and the last one."""
        if self.memory.last_run is not None:
            self.memory = replace(self.memory, last_run=max(self.memory.last_run, moment - timedelta(minutes=1)))
        seen = self.scene(moment, world_at, **changed)
        able = self.able or Able(
            moment, Capabilities(offers=offers([f"{n.node}/{n.service}" for n in self.asked], reports=self.reports))
        )
        decided = decide_actions(seen, self.policy, self.numbers, self.operators, self.book(), self.memory, able)
        for record in decided.records:
            self.say(moment, record)
        self.memory, self.decided, self.last_scene = decided.memory, decided, seen
        return decided

    def book(self) -> Book:
        return fold_ledger(Ledger(entries=tuple(self.entries)), self.operators, self.numbers)

    def decision(self, name: str) -> Decision:
        """Return the last run's decision about a target."""
        assert self.decided is not None
        rows = [row for row in self.decided.decisions if f"{row.node}/{row.service}" == name]
        assert len(rows) == 1, f"{len(rows)} decisions about {name}"
        return rows[0]

    def start(self, name: str, moment: datetime, **numbers: int) -> Started:
        """Start what was decided about a target, as an executor does."""
        decision = self.decision(name)
        assert decision.verdict is Verdict.START, (decision.verdict, decision.decided_by)
        return self.start_anyway(decision, moment, **numbers)

    def start_anyway(self, decision: Decision, moment: datetime, **numbers: int) -> Started:
        if not any(isinstance(entry.record, Claimed) for entry in self.entries):
            self.say(moment, Claimed())
        where = Target(decision.node, decision.service)
        seen = self.last_scene
        timeout = int(TRAITS[decision.verb].timeout.total_seconds())  # type: ignore[index]
        clean = sorted(f"{n.node}/{n.service}" for n in seen.neighbours.get(where, ()) if look_at(seen, n).is_clean)
        started = Started(
            intent_id=decision.intent_id or "",
            fence=next(entry.n for entry in self.entries if isinstance(entry.record, Claimed)),
            node=decision.node,
            service=decision.service,
            verb=decision.verb,  # type: ignore[arg-type]
            params=decision.params,
            number=decision.number,
            problem_at=decision.problem_at,  # type: ignore[arg-type]
            step_hash=decision.step_hash,
            desired_hash=self.asked[where].desired_hash,
            numbers=AttemptNumbers(**{"timeout": timeout, **numbers}),
            basis=Basis(
                world_at=seen.world_at,
                causing_kinds=tuple(row.kind for row in seen.findings.get(where, ())),
                severity=standing_severity(seen, where),
                clean_neighbours=tuple(clean),
            ),
        )
        self.say(moment, started)
        return started

    def end(self, started: Started, moment: datetime, result: str = "done") -> None:
        self.say(moment, Ended(intent_id=started.intent_id, fence=started.fence, result=Result(result)))

    def act(self, name: str, moment: datetime, result: str = "done", took_s: int = 5) -> Started:
        """Do a run, start what it decided about a target, and end it."""
        self.run(moment)
        started = self.start(name, moment)
        self.end(started, moment + timedelta(seconds=took_s), result)
        return started

    def settle(self, moment: datetime, *outcomes: str) -> datetime:
        """Run every 30 s from a moment on until these outcomes came, and return when the last one did."""
        wanted = [*outcomes]
        for now in (moment + timedelta(seconds=30 * step) for step in range(400)):
            self.run(now)
            for found in self.outcomes():
                assert wanted, f"{found} as well"
                assert found == wanted.pop(0)
            if not wanted:
                return now
        raise AssertionError(f"never {wanted}")

    def outcomes(self) -> list[str]:
        """Return the outcomes that the last run brought."""
        assert self.decided is not None
        return [str(record.outcome) for record in self.decided.records if isinstance(record, Verified)]

    def verdict(self, name: str) -> tuple[str, str]:
        """Return what the last run decided about a target, and by what."""
        decision = self.decision(name)
        return str(decision.verdict), decision.decided_by

    def guards(self, name: str) -> list[str]:
        """Return the guards that hold back a target, in order."""
        return [hit.name for hit in self.decision(name).guards]

    def kinds(self) -> list[str]:
        """Return the kinds of the last run's records."""
        assert self.decided is not None
        return [record.kind for record in self.decided.records]

"""The past decided again: what a policy would have asked for and started, with a ledger that is only simulated."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from flows.past.policy_episodes import Episodes
from flows.past.policy_runs import JudgedRuns
from flows.past.policy_sleep import Sleep, fall_asleep
from flows.past.policy_views import Fleets, looks_at
from flows.run.actions import Acting, Remembered, decide_actions, make_scene
from schemas.book import Able, Book
from schemas.decider_record import Escalated, Proposed
from schemas.decision import Decided, Decision, Verdict
from schemas.desired import Desired
from schemas.episode import Target, spell_target
from schemas.executor_record import Capabilities, Claimed, Ended, Offer
from schemas.ledger import WRITERS, By, Entry, Ledger, Record
from schemas.ledger_words import Result, Role
from schemas.memory import Memory
from schemas.numbers import Numbers
from schemas.operator import Operator
from schemas.operator_record import Approved
from schemas.policy import BrokenPolicy, Policy, PolicyFault, numbers_of
from schemas.rules import PastRules
from schemas.scene import Scene, View
from schemas.verb import TRAITS, Mode
from schemas.words import ALL
from stages.begin_attempt import begin_attempt
from stages.find_interest import find_interest
from stages.fold_ledger import take
from stages.fold_ledger.fold import Fold
from stages.see_targets import see_targets

PEOPLE = tuple(Operator(name=f"person {number}", uid=1000 + number) for number in range(1, 6))
"""Who says yes where all is approved."""
KEPT_SCENES = 500


class Assume(StrEnum):
    """How outcomes follow: from the recorded worlds, or as if every start had helped."""

    RECORDED = "recorded"
    HELPED = "helped"


class Counted(NamedTuple):
    """What is counted, for one rule and one target."""

    rule_id: str | None
    target: str
    what: str
    """`asked`, `started`, `escalated`, or `waited:<guard>`."""


@dataclass
class Simulation:
    """One policy on its way through the past."""

    policy: Policy | BrokenPolicy
    numbers: Numbers
    past: PastRules
    assume: Assume = Assume.RECORDED
    approves_all: bool = False
    counts: Counter[Counted] = field(default_factory=Counter)
    memory: Memory = field(default_factory=Memory)
    entries: list[Entry] = field(default_factory=list)
    episodes: Episodes = field(default_factory=Episodes)
    helped: dict[Target, datetime] = field(default_factory=dict)
    """From when a target counts as clean."""
    deciding: set[str] = field(default_factory=set)
    """The rules that decided something."""
    _book: Book | None = None
    _fold_so_far: Fold | None = None
    _folded_count: int = 0
    fleets: Fleets = field(default_factory=Fleets)
    scenes: dict[Any, Scene] = field(default_factory=dict)
    """What was seen, by all that it follows from."""
    _sign: Any = None
    _sleep: Sleep | None = None
    _offers: tuple[Any, tuple[Offer, ...]] = (None, ())
    _waits: set[tuple[str | None, str, str]] = field(default_factory=set)

    def run(self, runs: JudgedRuns, as_of: datetime, world_at: datetime) -> None:
        """Decide one run, and let what would start end at once; where nothing can have changed, only remember it."""
        sign = (runs.sign(as_of), *self._age(as_of, world_at))
        passed = self._sleep.pass_over(sign, as_of, world_at, self.memory) if self._sleep else None
        if passed is not None:
            self.memory = passed
            return
        book = self._fold()
        looked = self._look(runs, as_of, world_at, book)
        scene = self._suppose(looked)
        able = Able(as_of, Capabilities(offers=self._offer(runs.batch.desired)))
        decided = decide_actions(scene, self.policy, self.numbers, PEOPLE, book, self.memory, able)
        self.memory = decided.memory
        self._say(as_of, decided.records)
        self._count(decided)
        for decision in decided.decisions:
            if decision.verdict is Verdict.START:
                self._start(decision, runs, looked)
        is_awake = any(as_of < since for since in self.helped.values())
        valid = self.policy if isinstance(self.policy, Policy) else None
        self._sleep = None if is_awake else fall_asleep(sign, decided, scene, book, valid, self.numbers)

    def _age(self, as_of: datetime, world_at: datetime) -> tuple[bool, bool]:
        """Return whether a world is too old to act on, or from the future."""
        return as_of - world_at > self.numbers.act_world_ttl, world_at > as_of + self.numbers.clock_skew

    def _fold(self) -> Book:
        """Return the ledger folded; of a year's, only what is new is taken in."""
        if self._book is None:
            self._fold_so_far = self._fold_so_far or Fold(PEOPLE, self.numbers)
            for entry in self.entries[self._folded_count :]:
                take(self._fold_so_far, entry)
            self._folded_count = len(self.entries)
            self._book = self._fold_so_far.close(None)
        return self._book

    def _look(self, runs: JudgedRuns, as_of: datetime, world_at: datetime, book: Book) -> Scene:
        """Return the run's scene: where nothing that it is made of differs but ages, one of before, grown older."""
        sign = runs.sign(as_of)
        if sign != self._sign:
            self.episodes.follow(runs.recommended(as_of), runs.drifting(as_of), as_of)
            self._sign = sign
        known, looks = self.fleets.know(runs), looks_at(self.policy)
        if known is None:
            key = (sign, looks, self.episodes.list_open(), frozenset(self.memory.seen), *_of_interest(book))
            scene = self._keep(key, lambda: self._make(runs, as_of, world_at, book, ()))
            return replace(scene, as_of=as_of, world_at=world_at, shown=runs.shown(as_of))
        valid = self.policy if isinstance(self.policy, Policy) else None
        asked = find_interest(runs.recommended(as_of), book, self.memory, valid)
        further = asked.targets - known.targets
        view = known.view(runs, as_of, self.policy, further)
        key = (runs.sign_undeployed(as_of), looks, self.episodes.list_open(), further)
        scene = self._keep(key, lambda: self._see(view, runs, as_of, world_at))
        shown, deployments = runs.shown(as_of), view.deployments
        return replace(scene, as_of=as_of, world_at=world_at, shown=shown, deployments=deployments)

    def _keep(self, key: tuple[Any, ...], make: Callable[[], Scene]) -> Scene:
        known = self.scenes.get(key)
        if known is None:
            if len(self.scenes) >= KEPT_SCENES:
                self.scenes.clear()
            known = self.scenes[key] = make()
        return known

    def _see(self, view: View, runs: JudgedRuns, as_of: datetime, world_at: datetime) -> Scene:
        advice = runs.recommended(as_of)
        return see_targets(view, advice, self.episodes.list_remembered(), (), (), self.past, world_at, as_of)

    def _make(
        self, runs: JudgedRuns, as_of: datetime, world_at: datetime, book: Book, watched: tuple[Target, ...]
    ) -> Scene:
        """Return the scene of a large fleet, with the neighbours of what is acted on."""
        acting = Acting(self.policy, self.numbers, PEOPLE, Ledger(), self.memory, None)
        remembered = Remembered(self.episodes.list_remembered(), (), self.past)
        return make_scene(
            runs.sight(as_of), runs.recommended(as_of), remembered, acting, book, world_at, as_of, watched
        )

    def _watch(self, runs: JudgedRuns, scene: Scene, book: Book, watched: tuple[Target, ...]) -> Scene:
        """Return the scene with the neighbours of what is acted on."""
        known = self.fleets.know(runs)
        if known is None:
            return self._make(runs, scene.as_of, scene.world_at, book, watched)
        return replace(scene, neighbours=known.neighbours(watched))

    def _suppose(self, scene: Scene) -> Scene:
        """Return the scene without the drift of what counts as helped, until that drift would open anew."""
        for target in [*self.helped]:
            if not scene.findings.get(target):
                del self.helped[target]
        well = {target for target, since in self.helped.items() if scene.as_of >= since}
        if not well:
            return scene
        findings = {target: rows for target, rows in scene.findings.items() if target not in well}
        return replace(scene, findings=findings, advice=tuple(row for row in scene.advice if row.target not in well))

    def _start(self, decision: Decision, runs: JudgedRuns, scene: Scene) -> None:
        as_of = scene.as_of
        if not any(isinstance(entry.record, Claimed) for entry in self.entries[:50]):
            self._say(as_of, [Claimed()])
        target = Target(decision.node, decision.service)
        book = self._fold()
        watched = (target, Target(decision.params.get("to", target.node), target.service))
        scene = self._watch(runs, scene, book, watched)
        rules = self.policy.rules if isinstance(self.policy, Policy) else ()
        rule = next((rule for rule in rules if rule.rule_id == decision.rule_id), None)
        numbers = numbers_of(rule, self.numbers)
        started = begin_attempt(decision, scene, numbers, book.fence)
        ended = Ended(intent_id=started.intent_id, fence=started.fence, result=Result.SIMULATED)
        self._say(as_of, [started, ended])
        self.counts[Counted(decision.rule_id, spell_target(target), "started")] += 1
        if self.assume is Assume.HELPED:
            self.helped[target] = as_of + numbers.settle

    def _say(self, as_of: datetime, records: Iterable[Record]) -> None:
        for record in records:
            self._write(as_of, record, 0)
            is_asked = isinstance(record, Proposed) and record.mode is Mode.APPROVE
            if self.approves_all and is_asked and isinstance(record, Proposed):
                for person in PEOPLE[: record.approvals]:
                    ends_at = as_of + self.numbers.approval_ttl
                    self._write(as_of, Approved(intent_id=record.intent_id, ends_at=ends_at), person.uid)

    def _write(self, as_of: datetime, record: Record, uid: int) -> None:
        role = WRITERS[record.kind]
        by = By(uid=uid, name=str(role) if role is not Role.OPERATOR else f"person {uid - 1000}", role=role)
        self.entries.append(Entry(len(self.entries) + 1, as_of, by, record))
        self._book = None

    def _count(self, decided: Decided) -> None:
        rules = {(row.node, row.service): row.rule_id for row in decided.decisions}
        for record in decided.records:
            if isinstance(record, Proposed) and record.mode is Mode.APPROVE:
                self.counts[Counted(record.rule_id, f"{record.node}/{record.service}", "asked")] += 1
            elif isinstance(record, Escalated):
                where = (record.node, record.service)
                self.counts[Counted(rules.get(where), "/".join(where), "escalated")] += 1
        self.deciding.update(row.rule_id for row in decided.decisions if row.rule_id is not None)
        for row in decided.decisions:
            wait = (row.intent_id, row.decided_by, f"{row.node}/{row.service}")
            if row.verdict is Verdict.WAIT and wait not in self._waits:
                self._waits.add(wait)
                self.counts[Counted(row.rule_id, wait[2], f"waited:{row.decided_by}")] += 1

    def _offer(self, desired: Desired) -> tuple[Offer, ...]:
        """Return every verb on every target that it fits: what a policy allows is asked, not what an executor can."""
        if self._offers[0] is not desired:
            self._offers = (desired, tuple(_offer_all(desired)))
        return self._offers[1]


def _of_interest(book: Book) -> tuple[frozenset[Any], ...]:
    """Return what of the ledger decides which targets are looked at."""
    unstarted = frozenset(intent.target for intent in book.unstarted)
    problems = frozenset((row.target, len(row.attempts)) for row in book.problems.values())
    return frozenset(attempt.n for attempt in book.open_attempts), unstarted, problems


def _offer_all(desired: Desired) -> Iterator[Offer]:
    targets = [
        *desired.services.filter("is_monitored").select("node", "service").iter_rows(),
        *((node, ALL) for node in desired.nodes["node"]),
    ]
    for node, service in targets:
        for verb, trait in TRAITS.items():
            if trait.is_of_node == (service == ALL):
                yield Offer(verb=verb, target=f"{node}/{service}", reports_deployments=True)


class Replayed(NamedTuple):
    """What two policies would have come to over the same runs."""

    run_count: int
    since: datetime | None
    until: datetime | None
    assume: Assume
    rows: tuple[tuple[Counted, int, int], ...]
    """What is counted, under the old policy and under the new one."""
    faults: tuple[PolicyFault, ...] = ()
    """Of the old policy, where it holds nothing."""


def replay_policies(batches: Iterable[JudgedRuns], old: Simulation, new: Simulation) -> Replayed:
    """Run both through the past, the oldest run first, and return what they come to side by side."""
    run_count, first, last = 0, None, None
    new.scenes, new.fleets = old.scenes, old.fleets
    for runs in batches:
        for as_of, world_at in runs.moments():
            first, last, run_count = first or as_of, as_of, run_count + 1
            old.run(runs, as_of, world_at)
            new.run(runs, as_of, world_at)
    keys = sorted({*old.counts, *new.counts}, key=lambda key: (key.what, key.rule_id or "", key.target))
    return Replayed(run_count, first, last, new.assume, tuple((key, old.counts[key], new.counts[key]) for key in keys))

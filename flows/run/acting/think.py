"""Deciding what may be done, with all that it takes gathered: the same for the run, the executor and operators."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from flows.errors import SettingsError
from flows.ledger.actions.entries import Reading, read_ledger
from flows.ledger.actions.journals import Journals, read_journals
from flows.ledger.actions.memory_file import read_remembered
from flows.ledger.actions.places import ActionPlace
from flows.run.acting.look import make_sight
from flows.run.acting.place import action_place, find_operators
from flows.run.actions import Acting, Remembered, decide, find_startable, make_scene
from flows.run.clock import read_now
from flows.run.conclude import to_recommended
from flows.run.decide import remember_settling
from flows.run.gather import InputReader, Inputs
from flows.run.judge import judge
from flows.settings import Settings
from flows.sources.policy.policy_file import read_policy
from schemas.acknowledgement import Acknowledgement
from schemas.book import Book
from schemas.decision import Decided, Decision
from schemas.episode import Episode, Recommended, Target
from schemas.executor_record import Started
from schemas.ledger import Entry
from schemas.memory import Memory
from schemas.numbers import Numbers
from schemas.operator import Operator
from schemas.policy import BrokenPolicy, Policy, numbers_of
from schemas.run import Judgement
from schemas.scene import Scene
from schemas.sight import Sight
from schemas.wait import SettlingService
from schemas.words import ALL
from stages.begin_attempt import begin_attempt
from stages.fold_ledger import fold_ledger


class Power(NamedTuple):
    """What says what may be done: the policy, the numbers, and who may approve."""

    policy: Policy | BrokenPolicy
    numbers: Numbers
    operators: tuple[Operator, ...]
    notes: tuple[str, ...] = ()
    knows_operators: bool = True
    """Whether their file can be trusted; else what people said is unknown, and not unsaid."""


def read_power(settings: Settings, numbers: Numbers | None = None) -> Power:
    """Return the policy and the operators as they are now; where either file cannot be trusted, the policy holds nothing.

    Without operators nobody would know whose halt, hold and yes the ledger holds: it is in doubt as a whole.
    """
    place, numbers, allowed = action_place(settings), numbers or settings.actions.numbers(), find_operators(settings)
    policy = read_policy(settings.actions.policy.absolute(), numbers, place.executor_uids).policy
    if allowed.errors:
        faults = policy.faults if isinstance(policy, BrokenPolicy) else ()
        policy = BrokenPolicy(faults=(*faults, *allowed.errors), fingerprint=policy.fingerprint)
    notes = (f"{policy}; until that is mended every action is refused",) if isinstance(policy, BrokenPolicy) else ()
    return Power(policy, numbers, allowed.operators, notes, knows_operators=not allowed.errors)


@dataclass(frozen=True)
class Thought:
    """What was decided, with all that it follows from."""

    as_of: datetime
    world_at: datetime
    sight: Sight
    recommended: tuple[Recommended, ...]
    remembered: Remembered
    power: Power
    memory: Memory
    reading: Reading
    book: Book
    decided: Decided
    state: str
    """The fleet's."""
    problem: str | None = None
    """Why nothing may start, whatever was decided."""

    @property
    def greatest(self) -> int:
        """The greatest `n` of the ledger that it follows from."""
        return self.reading.ledger.entries[-1].n if self.reading.ledger.entries else 0

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What was decided."""
        return self.decided.decisions

    @property
    def targets(self) -> tuple[Target, ...]:
        """The desired, monitored services, and `<node>/all` of each desired node; with what may still be desired."""
        desired = self.sight.desired
        services = desired.services.filter("is_monitored").select("node", "service").iter_rows()
        nodes = (Target(node, ALL) for node in desired.nodes["node"])
        return tuple(dict.fromkeys((*map(Target._make, services), *nodes, *self._hidden_targets())))

    def _hidden_targets(self) -> tuple[Target, ...]:
        """Return what was offered of nodes whose inventory cannot be read now: an approval of it waits until it can."""
        able, unread = self.book.able, self.sight.desired.unread.filter(~pl.col("is_warning"))
        if able is None or unread.is_empty():
            return ()
        nodes = set(unread["node"])
        offered = (Target(*row.target.split("/")) for row in able.capabilities.offers)
        return tuple(target for target in offered if target.node in nodes or None in nodes)

    def startable(self) -> tuple[Decision, ...]:
        """Return the decisions to start, in the order of admission; none where nothing may start at all."""
        return () if self.problem is not None else find_startable(self.decided, self.book)

    def again(self, journals: Journals) -> "Thought":
        """Decide again, of the same inputs, on a newer ledger."""
        return _think(replace(self, reading=read_ledger(journals)))

    def suppose(self, entry: Entry) -> "Thought":
        """Decide as if one more record stood in the ledger."""
        ledger = replace(self.reading.ledger, entries=(*self.reading.ledger.entries, entry))
        return _think(replace(self, reading=self.reading._replace(ledger=ledger)))

    def begin(self, decision: Decision, fence: int) -> Started:
        """Return the record of a start; its neighbours and its desired hash are those of the same inputs."""
        target = Target(decision.node, decision.service)
        watched = {target, Target(decision.params["to"], decision.service)} if "to" in decision.params else {target}
        near = self._scene(watched, ()).neighbours.values()
        scene = self._scene(watched, frozenset().union(*near))
        return begin_attempt(decision, scene, self.rule_numbers(decision), fence)

    def _scene(self, watched: Collection[Target], beside: Collection[Target]) -> Scene:
        given = (self.sight, self.recommended, self.remembered, self._acting(), self.book)
        return make_scene(*given, self.world_at, self.as_of, watched, beside)

    def rule_numbers(self, decision: Decision | None) -> Numbers:
        """Return the numbers that hold under the rule that decided; the fleet's where none did."""
        rules = self.power.policy.rules if decision and isinstance(self.power.policy, Policy) else ()
        rule = next((rule for rule in rules if decision and rule.rule_id == decision.rule_id), None)
        return numbers_of(rule, self.power.numbers)

    def _acting(self) -> Acting:
        power = self.power
        return Acting(power.policy, power.numbers, power.operators, self.reading.ledger, self.memory, self.book.able)


def think_of(
    settings: Settings,
    inputs: Inputs,
    judgement: Judgement,
    recommended: Sequence[Recommended],
    remembered: Remembered,
    memory: Memory,
    journals: Journals,
    as_of: datetime,
) -> Thought:
    """Return what follows from one run's inputs and judgement; `remembered.episodes` are those after its transitions."""
    empty = Decided((), (), memory)
    return _think(
        Thought(
            as_of=as_of,
            world_at=judgement.summary["world_at"][0],
            sight=make_sight(inputs.desired, inputs.actual, judgement, settings.rules()),
            recommended=tuple(recommended),
            remembered=remembered,
            power=read_power(settings),
            memory=memory,
            reading=read_ledger(journals),
            book=Book(),
            decided=empty,
            state=str(judgement.summary["state"][0]),
        )
    )


def _think(thought: Thought) -> Thought:
    power, ledger = thought.power, thought.reading.ledger
    book = fold_ledger(ledger, power.operators, power.numbers)
    acting = Acting(power.policy, power.numbers, power.operators, ledger, thought.memory, book.able)
    decided = decide(thought.sight, thought.recommended, thought.remembered, acting, thought.world_at, thought.as_of)
    return replace(thought, book=book, decided=decided)


def think_again(
    settings: Settings,
    reader: InputReader | None = None,
    place: ActionPlace | None = None,
    as_of: datetime | None = None,
) -> Thought:
    """Return what follows from the inputs as they are now, for whoever cannot read the decider's checkpoint.

    What the last run remembers comes from `memory.json`; where that is missing or old, nothing may start. Raises what
    reading the inputs raises.
    """
    place, as_of = place or action_place(settings), as_of or read_now(settings)
    reader = reader or InputReader(settings, is_caching=False)
    inputs = reader.read_inputs(settings, as_of)
    told = _recall(place, settings.actions.act_world_ttl, as_of)
    settling = remember_settling(told.settling, inputs.actual.snapshots["as_of"][0])
    judgement = judge(inputs.desired, inputs.actual, settings.rules(), remembered=settling, elsewhere=inputs.elsewhere)
    remembered = Remembered(told.episodes, told.acknowledgements, settings.past_rules())
    thought = think_of(
        settings,
        inputs,
        judgement,
        to_recommended(judgement),
        remembered,
        told.memory,
        read_journals(place),
        as_of,
    )
    return replace(thought, problem=told.problem)


class _Told(NamedTuple):
    memory: Memory
    episodes: tuple[Episode, ...]
    acknowledgements: tuple[Acknowledgement, ...]
    settling: tuple[SettlingService, ...]
    problem: str | None


def _recall(place: ActionPlace, ttl: timedelta, as_of: datetime) -> _Told:
    try:
        found = read_remembered(place)
    except SettingsError as error:
        return _Told(Memory(), (), (), (), str(error))
    if found is None:
        return _Told(Memory(), (), (), (), f"{place.memory}: no run has written it yet")
    is_old = as_of - found.as_of > ttl
    problem = f"{place.memory}: the last run, of {found.as_of:%Y-%m-%dT%H:%M:%SZ}, is too old" if is_old else None
    return _Told(found.memory, found.episodes, found.acknowledgements, found.settling, problem)

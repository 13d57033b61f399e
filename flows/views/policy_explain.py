"""`supervisor policy explain`: what would be done for one target, by which rule, and all that keeps it from starting."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from flows.errors import SupervisorError
from flows.ledger.acknowledgements import read_acknowledgements
from flows.ledger.actions.entries import read_ledger
from flows.ledger.actions.journals import read_journals
from flows.ledger.checkpoint import Known, read_known
from flows.run.acting.frames import RunFrames, look_at_run
from flows.run.acting.place import action_place
from flows.run.acting.think import read_power
from flows.run.acting.told import parse_left
from flows.run.actions import Acting, Remembered, decide_actions, make_scene
from flows.run.gather import Inputs, read_inputs
from flows.settings import Settings
from flows.sources.policy.backends import find_backend
from flows.views.targets import find_target, suggest_targets
from schemas.acknowledgement import Acknowledgement
from schemas.actual import Actual
from schemas.book import Book
from schemas.candidate import Candidate, describe_subject
from schemas.decision import Decision
from schemas.episode import Episode, Target, open_episode, spell_target
from schemas.ledger import Ledger
from schemas.match import find_mismatch
from schemas.memory import Memory, SeenRow
from schemas.numbers import Automation, Numbers
from schemas.operator import Operator
from schemas.policy import BrokenPolicy, Policy, Rule, fit_rule
from schemas.problem import count_position
from schemas.scene import Scene
from schemas.words import ALL, FLEET
from stages.expand_candidates import expand_candidates
from stages.fold_ledger import fold_ledger
from stages.suppose import DISK_PRESSURE, suppose

UNHEALTHY = "unhealthy"
LONG = timedelta(days=1)
FULL_ROW = 1_000_000


class Line(NamedTuple):
    """One rule, and the first key of it that does not hold."""

    rule_id: str
    fails: str | None


class CeilingLine(NamedTuple):
    """One ceiling."""

    name: str
    mode: str
    matches: bool
    reason: str | None


@dataclass(frozen=True)
class PolicyExplanation:
    """What is decided for one target, and what it follows from."""

    target: Target
    as_of: datetime
    world_at: datetime
    assumed: str | None
    """What is supposed of a target that is well."""
    scene: Scene
    book: Book
    memory: Memory
    candidate: Candidate | None
    decision: Decision | None
    lines: tuple[Line, ...]
    ceilings: tuple[CeilingLine, ...]
    rule: Rule | None
    numbers: Numbers
    policy: Policy | BrokenPolicy
    operators: tuple[Operator, ...]
    backend: str | None
    """What would run it, where this user may read the executor's file."""
    is_off: bool
    """Automation is off: nothing is decided in a run, and here as if it only observed."""


class _Ground(NamedTuple):
    """What is read once, whatever is supposed."""

    inputs: Inputs
    known: Known
    acknowledgements: tuple[Acknowledgement, ...]
    policy: Policy | BrokenPolicy
    numbers: Numbers
    operators: tuple[Operator, ...]
    ledger: Ledger
    book: Book
    memory: Memory


def explain_policy(settings: Settings, wanted: str, as_of: datetime) -> PolicyExplanation:
    """Judge and decide as a run would, write nothing, and return what is decided for a target, or for what an id names.

    Of a target that is well, what would be decided if it were unhealthy, and had been for long. Raises `SupervisorError`
    for a target that nothing is known of.
    """
    ground = _read(settings, as_of)
    frames = look_at_run(ground.inputs.desired, ground.inputs.actual, settings.rules())
    target = _find(wanted, ground, frames, settings)
    found = _explain(target, ground, frames, settings, as_of, None)
    word = _find_supposition(target, found)
    if word is None:
        return found
    actual = suppose(ground.inputs.actual, {target: word}, frames.world_at)
    supposed = ground._replace(memory=_remember(ground.memory, target, as_of))
    return _explain(target, supposed, _judge(ground, actual, settings), settings, as_of, UNHEALTHY)


def _read(settings: Settings, as_of: datetime) -> _Ground:
    numbers, place = settings.actions.numbers(), action_place(settings)
    is_off = numbers.automation is Automation.OFF
    numbers = replace(numbers, automation=Automation.OBSERVE) if is_off else numbers
    power = read_power(settings, numbers)
    ledger = read_ledger(read_journals(place)).ledger if place.journals.is_dir() else Ledger()
    known = read_known(settings.places.checkpoint) or Known()
    return _Ground(
        inputs=read_inputs(settings, as_of),
        known=known,
        acknowledgements=read_acknowledgements(settings.places.state_dir),
        policy=power.policy,
        numbers=numbers,
        operators=power.operators,
        ledger=ledger,
        book=fold_ledger(ledger, power.operators, numbers),
        memory=parse_left(known.acting).memory,
    )


def _judge(ground: _Ground, actual: Actual, settings: Settings) -> RunFrames:
    return look_at_run(ground.inputs.desired, actual, settings.rules())


def _find(wanted: str, ground: _Ground, frames: RunFrames, settings: Settings) -> Target:
    """Return the target that is meant: by its name, or by the id of a recommendation, an action or an intent."""
    name = wanted.strip().lower()
    for intent in ground.book.intents.values():
        if name == intent.action_id or (len(name) >= 12 and intent.intent_id.startswith(name)):
            return intent.target
    episodes = ground.known.episodes.values()
    target = find_target(wanted, ground.inputs, frames.judgement, episodes, settings.node_alias_map)
    if target == (FLEET, ALL) or _is_known(target, ground, frames):
        return target
    close = suggest_targets(wanted, ground.inputs, frames.judgement)
    if spell_target(target) in close:
        raise SupervisorError(f"no inventory asks for {wanted!a}, so that nothing is ever done to it")
    hint = f"did you mean {' or '.join(close)}?" if close else "a target is node/service, a node, or an id"
    raise SupervisorError(f"nothing is known of {wanted!a}; {hint}")


def _is_known(target: Target, ground: _Ground, frames: RunFrames) -> bool:
    desired = ground.inputs.desired
    if target.service == ALL:
        return target.node in desired.nodes["node"]
    services = desired.services.select("node", "service").iter_rows()
    return target in services or any(row.target == target for row in frames.recommended)


def _find_supposition(target: Target, found: PolicyExplanation) -> str | None:
    """Return what to suppose of a target: nothing where something is recommended, or it is not asked for."""
    if found.candidate is not None or target == (FLEET, ALL) or not found.scene.is_asked(target):
        return None
    return DISK_PRESSURE if target.service == ALL else UNHEALTHY


def _remember(memory: Memory, target: Target, as_of: datetime) -> Memory:
    return replace(memory, seen={**memory.seen, target: SeenRow(FULL_ROW, as_of - LONG)})


def _explain(
    target: Target, ground: _Ground, frames: RunFrames, settings: Settings, as_of: datetime, assumed: str | None
) -> PolicyExplanation:
    acting = Acting(ground.policy, ground.numbers, ground.operators, ground.ledger, ground.memory, ground.book.able)
    episodes = [episode for episode in ground.known.episodes.values() if episode.is_open]
    if assumed:
        episodes = [*(row for row in episodes if row.target != target), *_suppose_episodes(target, frames, as_of)]
    remembered = Remembered(episodes, ground.acknowledgements, settings.past_rules())
    scene = make_scene(
        frames.sight, frames.recommended, remembered, acting, ground.book, frames.world_at, as_of, (target,)
    )
    decided = decide_actions(
        scene, ground.policy, ground.numbers, ground.operators, ground.book, ground.memory, ground.book.able
    )
    valid = ground.policy if isinstance(ground.policy, Policy) else None
    candidates = [row for row in expand_candidates(scene, ground.book, valid) if row.target == target]
    decisions = [row for row in decided.decisions if (row.node, row.service) == target]
    candidate = candidates[0] if candidates else None
    lines = tuple(_weigh_rules(candidate, scene, ground.book, valid)) if candidate and valid else ()
    decision = decisions[0] if decisions else None
    return PolicyExplanation(
        target=target,
        as_of=as_of,
        world_at=frames.world_at,
        assumed=assumed,
        scene=scene,
        book=ground.book,
        memory=decided.memory,
        candidate=candidate,
        decision=decision,
        lines=lines,
        ceilings=tuple(_weigh_ceilings(candidate, decision, scene, valid)) if candidate and valid else (),
        rule=_find_rule(decision, valid),
        numbers=ground.numbers,
        policy=ground.policy,
        operators=ground.operators,
        backend=find_backend(settings.actions.executor_config, decision) if decision else None,
        is_off=settings.actions.automation is Automation.OFF,
    )


def _suppose_episodes(target: Target, frames: RunFrames, as_of: datetime) -> Iterator[Episode]:
    for row in frames.recommended:
        if row.target == target:
            yield open_episode(row, (as_of - LONG,))


def _weigh_rules(candidate: Candidate, scene: Scene, book: Book, policy: Policy) -> Iterator[Line]:
    """Yield the rules down to the one that decides; of a request by hand none does."""
    advice = candidate.advice
    if advice is None or candidate.asking is not None or not candidate.ladder:
        return
    problem = book.problems.get(candidate.target)
    position = count_position(problem.attempts) if problem else 0
    subject = describe_subject(candidate, scene)
    for rule in policy.rules:
        fitted = fit_rule(rule, advice.action, advice.causing_kinds, position)
        fails = find_mismatch(rule.match, subject, fitted.risk)
        yield Line(rule.rule_id, fails)
        if fails is None:
            return


def _weigh_ceilings(
    candidate: Candidate, decision: Decision | None, scene: Scene, policy: Policy
) -> Iterator[CeilingLine]:
    subject, risk = describe_subject(candidate, scene), decision.risk if decision else None
    for place, ceiling in enumerate(policy.ceilings):
        matches = find_mismatch(ceiling.match, subject, risk) is None
        yield CeilingLine(f"ceilings[{place}]", str(ceiling.mode), matches, ceiling.reason)


def _find_rule(decision: Decision | None, policy: Policy | None) -> Rule | None:
    rules: Mapping[str, Rule] = {rule.rule_id: rule for rule in policy.rules} if policy else {}
    return rules.get(decision.rule_id or "") if decision else None

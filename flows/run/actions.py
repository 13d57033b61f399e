"""Deciding what may be done: the stages of acting in their order, written once (ACTIONS 13.4); pure."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from flows.files.processes import uncollected
from schemas.acknowledgement import Acknowledgement
from schemas.attempt import IntentState
from schemas.book import Able, Book, with_attempts
from schemas.decider_record import DeciderRecord, ProblemClosed, Verified
from schemas.decision import Decided, Decision
from schemas.episode import Episode, Recommended, Target
from schemas.ledger import Ledger
from schemas.memory import Memory
from schemas.numbers import Numbers
from schemas.operator import Operator
from schemas.policy import BrokenPolicy, Policy
from schemas.rules import PastRules
from schemas.scene import Scene
from schemas.sight import Sight
from schemas.verification import give_up
from stages.admit import admit
from stages.apply_policy import apply_policy
from stages.close_problems import close_problems
from stages.conclude_cases import conclude_cases
from stages.declare_targets import declare_targets
from stages.escalate import escalate
from stages.evaluate_guards import evaluate_guards
from stages.expand_candidates import expand_candidates
from stages.find_interest import find_interest
from stages.find_neighbours import find_neighbours
from stages.fold_ledger import fold_ledger
from stages.retain_intents import retain_intents
from stages.see_targets import see_targets
from stages.settle_attempts import settle_attempts
from stages.trace_chains import Chains, trace_chains
from stages.update_memory import update_memory
from stages.view_runs import view_runs


class Remembered(NamedTuple):
    """What is known from outside of the run: the first half's episodes and acknowledgements, and how the past is read."""

    episodes: Sequence[Episode] = ()
    acknowledgements: Sequence[Acknowledgement] = ()
    past: PastRules = PastRules()


class Acting(NamedTuple):
    """What acting is decided by."""

    policy: Policy | BrokenPolicy
    numbers: Numbers
    operators: Sequence[Operator]
    ledger: Ledger
    memory: Memory
    able: Able | None
    """What the executor said last that it can do."""


def decide(
    sight: Sight,
    recommended: Sequence[Recommended],
    remembered: Remembered,
    acting: Acting,
    world_at: datetime,
    as_of: datetime,
) -> Decided:
    """Return the decisions of one run that is not skipped or failed, what the decider has to write, and the memory after it.

    `recommended` are the run's recommendations, `remembered.episodes` those after its transitions. The same arguments
    give the same result, bit for bit.
    """
    with uncollected():
        book = fold_ledger(acting.ledger, acting.operators, acting.numbers)
        scene = make_scene(sight, recommended, remembered, acting, book, world_at, as_of)
        return decide_actions(scene, acting.policy, acting.numbers, acting.operators, book, acting.memory, acting.able)


def make_scene(
    sight: Sight,
    recommended: Sequence[Recommended],
    remembered: Remembered,
    acting: Acting,
    book: Book,
    world_at: datetime,
    as_of: datetime,
    watched: Collection[Target] = (),
    beside: Collection[Target] = (),
    *,
    chains: Chains | None = None,
) -> Scene:
    """Return the scene of one run.

    `watched` are targets that are asked about besides, and whose neighbours are wanted; `beside` only the former.
    `chains` are those of all targets, where they are known.
    """
    valid = acting.policy if isinstance(acting.policy, Policy) else None
    interest, seen = find_interest(recommended, book, acting.memory, valid, (*watched, *beside))
    above, below = chains or trace_chains(sight.desired.services, sight.desired.dependencies, interest)
    declared = declare_targets(sight.desired, above, below, interest, valid)
    return see_targets(
        view_runs(sight, declared, below, (as_of,), seen, valid)[as_of],
        recommended,
        remembered.episodes,
        remembered.acknowledgements,
        interest,
        remembered.past,
        world_at,
        as_of,
        find_neighbours(sight.desired.services, below, watched),
    )


def decide_actions(
    scene: Scene,
    policy: Policy | BrokenPolicy,
    numbers: Numbers,
    operators: Sequence[Operator],
    folded: Book,
    memory: Memory,
    able: Able | None,
) -> Decided:
    """Return what follows from a scene and the folded ledger: the steps of ACTIONS 13.4."""
    valid = policy if isinstance(policy, Policy) else None
    by_uid = {operator.uid: operator for operator in operators}
    book = give_up(folded, scene.as_of)
    candidates = expand_candidates(scene, book, valid)
    workable = frozenset(row.target for row in candidates if row.ladder and row.asking is None)
    after = update_memory(memory, scene, book, workable, numbers)
    settled = settle_attempts(book, scene, memory, after)
    book = with_attempts(
        book,
        {
            attempt.n: replace(attempt, outcome=outcome, settled_at=attempt.settled_at or scene.as_of)
            for attempt in (book.attempts if settled.outcomes else ())
            if (outcome := settled.outcomes.get(attempt.n)) is not None
        },
    )
    closed = close_problems(book, scene, after)
    book, after = _without(book, closed, scene), _forget(after, closed)
    cases = apply_policy(candidates, scene, book, valid, numbers, by_uid, able.capabilities if able else None)
    weighed = evaluate_guards(cases, scene, book, after, valid, "" if valid else str(policy), numbers, able)
    weighed = admit(weighed, scene, book, valid, numbers)
    decisions = conclude_cases(weighed, candidates, scene, is_policy_valid=valid is not None)
    kept = retain_intents(decisions, cases, scene, book, numbers, by_uid, is_policy_valid=valid is not None)
    escalated = escalate(cases, scene, book, numbers, is_policy_valid=valid is not None)
    records: tuple[DeciderRecord, ...] = (
        *settled.verified, *settled.relapsed, *closed,
        *kept.expired, *kept.withdrawn, *kept.opened, *kept.proposed, *escalated,
    )  # fmt: skip
    return Decided(decisions, records, after)


def find_startable(decided: Decided, book: Book) -> tuple[Decision, ...]:
    """Return what an executor may start now, in the order of admission: approved in the ledger, and decided so again.

    None while this run finds an outcome: until the decider has written that, its attempt is open.
    """
    if any(isinstance(record, Verified) for record in decided.records):
        return ()
    ready = [
        row
        for row in decided.decisions
        if row.place is not None
        and (intent := book.intents.get(row.intent_id or "")) is not None
        and intent.state is IntentState.APPROVED
    ]
    return tuple(sorted(ready, key=lambda row: row.place or 0))


def _without(book: Book, closed: tuple[ProblemClosed, ...], scene: Scene) -> Book:
    if not closed:
        return book
    ended = {(row.node, row.service) for row in closed}
    return replace(
        book,
        problems={target: problem for target, problem in book.problems.items() if target not in ended},
        closed_at={
            **book.closed_at,
            **{target: scene.as_of for target in book.problems if target in ended},
        },
    )


def _forget(memory: Memory, closed: tuple[ProblemClosed, ...]) -> Memory:
    ended = {(row.node, row.service) for row in closed}
    if not ended:
        return memory
    return replace(memory, clean={target: row for target, row in memory.clean.items() if target not in ended})

"""Deciding what may be done: the stages of acting in their order, written once (ACTIONS 13.4); pure."""

from collections.abc import Sequence
from dataclasses import replace

from schemas.book import Able, Book, with_attempts
from schemas.decision import Decided
from schemas.ledger import DeciderRecord, Ledger, ProblemClosed
from schemas.memory import Memory
from schemas.numbers import Numbers
from schemas.operator import Operator
from schemas.policy import BrokenPolicy, Policy
from schemas.scene import Scene
from schemas.verification import give_up
from stages.admit import admit
from stages.apply_policy import apply_policy
from stages.close_problems import close_problems
from stages.conclude_cases import conclude_cases
from stages.escalate import escalate
from stages.evaluate_guards import evaluate_guards
from stages.expand_candidates import expand_candidates
from stages.fold_ledger import fold_ledger
from stages.retain_intents import retain_intents
from stages.settle_attempts import settle_attempts
from stages.update_memory import update_memory


def decide_actions(
    scene: Scene,
    policy: Policy | BrokenPolicy,
    numbers: Numbers,
    operators: Sequence[Operator],
    ledger: Ledger,
    memory: Memory,
    able: Able | None,
) -> Decided:
    """Return the decisions of one run, what the decider has to write, and the memory after it.

    `able` is what the executor said last that it can do. The same arguments give the same result, bit for bit.
    """
    valid = policy if isinstance(policy, Policy) else None
    by_uid = {operator.uid: operator for operator in operators}
    book = give_up(fold_ledger(ledger, operators, numbers), scene.as_of)
    candidates = expand_candidates(scene, book, valid)
    workable = frozenset(row.target for row in candidates if row.ladder and row.asking is None)
    after = update_memory(memory, scene, book, workable, numbers)
    settled = settle_attempts(book, scene, memory, after)
    book = with_attempts(
        book,
        {
            attempt.n: replace(attempt, outcome=outcome, settled_at=attempt.settled_at or scene.as_of)
            for attempt in book.attempts
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


def _without(book: Book, closed: tuple[ProblemClosed, ...], scene: Scene) -> Book:
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

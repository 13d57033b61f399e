"""The past of a case: a ledger of its attempts and records, and the memory and episodes of a supervisor long up."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from schemas.acknowledgement import Acknowledgement
from schemas.book import Able
from schemas.canonical import identify_intent
from schemas.decider_record import ProblemOpened, Proposed, Relapsed, Verified
from schemas.desired import Desired
from schemas.episode import Episode, Recommended, Target, open_episode, spell_target
from schemas.executor_record import AttemptNumbers, Basis, Capabilities, Claimed, Ended, Lost, Offer, Started
from schemas.ledger import WRITERS, By, Entry, Ledger, Record
from schemas.ledger_words import AttemptOutcome, Result, Role
from schemas.memory import Memory, SeenRow
from schemas.numbers import Numbers
from schemas.operator import Operator
from schemas.policy_case import Case, CaseAttempt
from schemas.verb import TRAITS, Mode, Verb
from schemas.words import ALL, Severity

Said = tuple[datetime, Record]
OPERATOR = Operator(name="operator", uid=1000)
"""Who says in a case what operators say; they may approve everything."""
BEFORE = timedelta(minutes=1)
"""So long before the case's moment the last run was."""
FULL_ROW = 1_000_000
FENCE = 1


def make_ledger(case: Case, hashes: Mapping[Target, str]) -> Ledger:
    """Return what the journals would hold: the attempts, each with all that led to it, and the further records."""
    attempts = [said for target in _targets(case) for said in _say_problem(case, target, hashes.get(target))]
    claimed: list[Said] = [(min([at for at, _ in attempts], default=case.at), Claimed())]
    said = sorted([*claimed, *attempts, *case.records], key=lambda row: row[0])
    return Ledger(entries=tuple(Entry(n, at, _by(record), record) for n, (at, record) in enumerate(said, start=1)))


def make_able(case: Case, targets: Iterable[Target], said: Able | None) -> Able:
    """Return what the executor offers: what the case or a record of it says, else every verb on every target that it fits."""
    if said is not None and case.offers is None:
        return said
    offers = case.offers if case.offers is not None else tuple(_offer_all(targets))
    return Able(case.at, Capabilities(offers=offers))


def make_memory(case: Case, desired: Desired, standing: Iterable[Target]) -> Memory:
    """Return the memory of a supervisor that is up for as long as the case says, and saw all that stands in each world."""
    up_since = case.at - case.up_for
    last_run = max(up_since, case.at - BEFORE)
    return Memory(
        last_run=last_run,
        fleet_since=up_since,
        node_since=dict.fromkeys(desired.nodes["node"], up_since),
        seen={target: SeenRow(FULL_ROW, last_run) for target in standing},
    )


def make_episodes(case: Case, recommended: Iterable[Recommended]) -> tuple[Episode, ...]:
    """Return an open episode for each recommendation, as old as the case says."""
    opened_at = case.at - case.standing_for
    return tuple(open_episode(row, (opened_at,)) for row in recommended)


def make_acknowledgements(case: Case) -> tuple[Acknowledgement, ...]:
    """Return what the case says is answered for."""
    return tuple(
        Acknowledgement(
            node=target.node,
            service=target.service,
            owner=OPERATOR.name,
            reason="of the case",
            acknowledged_at=case.at - case.standing_for,
            until=until,
        )
        for target, until in case.acknowledged.items()
    )


def hash_targets(desired: Desired) -> dict[Target, str]:
    """Return the desired hash of each service, and of each node."""
    services = desired.services.select("node", "service", "desired_hash").iter_rows()
    nodes = desired.nodes.select("node", "desired_hash").iter_rows()
    return {Target(node, service): text for node, service, text in services} | {
        Target(node, ALL): text for node, text in nodes
    }


def _targets(case: Case) -> list[Target]:
    return list(dict.fromkeys(attempt.target for attempt in case.attempts))


def _say_problem(case: Case, target: Target, desired_hash: str | None) -> Iterator[Said]:
    """Yield the records of all attempts of a target, which are of one problem; it begins with the first."""
    attempts = [attempt for attempt in case.attempts if attempt.target == target]
    problem_at = attempts[0].started_at
    yield (
        problem_at,
        ProblemOpened(
            node=target.node,
            service=target.service,
            problem_at=problem_at,
            desired_hash=desired_hash,
            stable_for=int(case.numbers.stable_for.total_seconds()),
        ),
    )
    for number, attempt in enumerate(attempts, start=1):
        yield from _say_attempt(attempt, number, problem_at, desired_hash, case.numbers)


def _say_attempt(
    attempt: CaseAttempt, number: int, problem_at: datetime, desired_hash: str | None, numbers: Numbers
) -> Iterator[Said]:
    (node, service), trait, evidence = attempt.target, TRAITS[attempt.verb], "0" * 64
    what: dict[str, Any] = {
        "verb": attempt.verb,
        "node": node,
        "service": service,
        "params": attempt.params,
        "problem_at": problem_at,
        "number": number,
    }
    intent_id = identify_intent(**what, evidence_fingerprint=evidence)
    proposed = Proposed(
        intent_id=intent_id,
        action_id=f"{trait.action_prefix}{node}-{service}",
        risk=trait.risk,
        evidence_fingerprint=evidence,
        recommendation_id=None,
        rule_id=None,
        mode=Mode.AUTO,
        approvals=1,
        **what,
    )
    started = Started(
        intent_id=intent_id,
        fence=FENCE,
        step_hash=None,
        desired_hash=desired_hash,
        numbers=_attempt_numbers(attempt.verb, numbers),
        basis=_basis(attempt),
        **what,
    )
    yield attempt.started_at, proposed
    yield attempt.started_at, started
    yield from _say_end(attempt, intent_id)


def _say_end(attempt: CaseAttempt, intent_id: str) -> Iterator[Said]:
    if attempt.ended_at is None:
        return
    if attempt.result is Result.LOST:
        yield attempt.ended_at, Lost(intent_id=intent_id, fence=FENCE, result=Result.LOST, ended_at=attempt.ended_at)
    else:
        yield attempt.ended_at, Ended(intent_id=intent_id, fence=FENCE, result=attempt.result or Result.DONE)
    if attempt.outcome is None:
        return
    settled_at = attempt.settled_at or attempt.ended_at
    is_relapsed = attempt.outcome is AttemptOutcome.RELAPSED
    first = AttemptOutcome.RECOVERED if is_relapsed else attempt.outcome
    yield settled_at, Verified(intent_id=intent_id, outcome=first, world_at=settled_at)
    if is_relapsed:
        yield settled_at, Relapsed(intent_id=intent_id)


def _attempt_numbers(verb: Verb, numbers: Numbers) -> AttemptNumbers:
    timeout = TRAITS[verb].timeout if numbers.timeout is None else numbers.timeout
    names = ("settle", "confirm_span", "worse_span", "verify_within", "verify_grace")
    seconds = {name: int(getattr(numbers, name).total_seconds()) for name in names}
    return AttemptNumbers(**seconds, timeout=int(timeout.total_seconds()))


def _basis(attempt: CaseAttempt) -> Basis:
    """Return the world that it began in: nothing that a case's one world shows is worse than that."""
    kinds = tuple(sorted(TRAITS[attempt.verb].cures))
    return Basis(world_at=attempt.started_at, causing_kinds=kinds, severity=Severity.CRITICAL)


def _by(record: Record) -> By:
    role = WRITERS[record.kind]
    return By(uid=OPERATOR.uid if role is Role.OPERATOR else 0, name=str(role), role=role)


def _offer_all(targets: Iterable[Target]) -> Iterator[Offer]:
    for target in targets:
        for verb, trait in TRAITS.items():
            if trait.is_of_node == (target.service == ALL):
                yield Offer(verb=verb, target=spell_target(target))

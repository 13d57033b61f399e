"""Intents not yet started: each run keeps, replaces or gives them up by its own decisions (ACTIONS 14.5)."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from schemas.attempt import UNSTARTED, Intent, IntentState
from schemas.book import Asking, Book, count_consents
from schemas.candidate import Case
from schemas.decider_record import Expired, ProblemOpened, Proposed, Withdrawn
from schemas.decision import Decision, Verdict
from schemas.episode import Target, spell_target
from schemas.ledger_words import Withdrawal
from schemas.numbers import Numbers
from schemas.operator import Operator
from schemas.scene import Scene, look_at
from schemas.verb import Mode


class Retained(NamedTuple):
    """What the decider writes of intents, each kind by (node, service, verb)."""

    expired: tuple[Expired, ...]
    withdrawn: tuple[Withdrawn, ...]
    opened: tuple[ProblemOpened, ...]
    proposed: tuple[Proposed, ...]


def retain_intents(
    decisions: Iterable[Decision],
    cases: Iterable[Case],
    scene: Scene,
    book: Book,
    numbers: Numbers,
    operators: Mapping[int, Operator],
    *,
    is_policy_valid: bool,
) -> Retained:
    """Return what becomes of the intents that wait, and what is proposed.

    While the policy is not valid, and of what the run does not judge, everything is kept as it is.
    """
    rows = [decision for decision in decisions if decision.verb is not None]
    desk = _Desk(rows, scene, book, is_policy_valid)
    withdrawn = [(intent, reason) for intent in book.unstarted if (reason := desk.find_reason(intent)) is not None]
    given_up = {intent.intent_id for intent, _ in withdrawn}
    needed = {decision.intent_id: decision.approvals for decision in rows} if is_policy_valid else {}
    expired = [
        intent
        for intent in book.unstarted
        if intent.intent_id not in given_up
        and _has_expired(intent, max(intent.approvals, needed.get(intent.intent_id, 0)), scene, operators)
    ]
    by_intent = {case.intent_id: case for case in cases}
    proposed = [
        decision
        for decision in rows
        if is_policy_valid and _is_proposed(decision, by_intent[decision.intent_id or ""], book, given_up, numbers)
    ]
    return Retained(
        tuple(Expired(intent_id=intent.intent_id) for intent in sorted(expired, key=_order)),
        tuple(
            Withdrawn(intent_id=intent.intent_id, reason=reason)
            for intent, reason in sorted(withdrawn, key=lambda row: _order(row[0]))
        ),
        tuple(_open_problems(proposed, by_intent, scene, book)),
        tuple(_propose(decision) for decision in proposed),
    )


def _order(intent: Intent) -> tuple[str, str, str, str]:
    return intent.node, intent.service, intent.verb, intent.intent_id


def _has_expired(intent: Intent, needed: int, scene: Scene, operators: Mapping[int, Operator]) -> bool:
    """Return whether an approval is over, or fewer said yes than must by now."""
    if intent.state is not IntentState.APPROVED or intent.mode is not Mode.APPROVE:
        return False
    target = spell_target(intent.target)
    return count_consents(intent.consents, intent.risk, target, scene.as_of, operators) < needed


class _Desk:
    def __init__(self, decisions: Iterable[Decision], scene: Scene, book: Book, is_policy_valid: bool) -> None:
        self.scene = scene
        self.is_policy_valid = is_policy_valid
        self.requests: dict[int, Asking] = {asking.n: asking for asking in book.requests}
        self.by_request: dict[int, Decision] = {}
        self.by_target: dict[Target, Decision] = {}
        for decision in decisions:
            if decision.requested is not None:
                self.by_request[decision.requested] = decision
            else:
                self.by_target[Target(decision.node, decision.service)] = decision

    def find_reason(self, intent: Intent) -> Withdrawal | None:
        """Return why an intent is given up; None where it is kept."""
        if intent.requested is not None and self._has_ended(intent):
            return Withdrawal.REQUEST_ENDED
        if not self.is_policy_valid or intent.target in self.scene.unjudged:
            return None
        decision = self.by_target.get(intent.target)
        if intent.requested is not None:
            decision = self.by_request.get(intent.requested)
        return _compare(intent, decision) if decision else self._find_clearing(intent)

    def _has_ended(self, intent: Intent) -> bool:
        asking = self.requests.get(intent.requested or 0)
        if asking is None:  # its requester is no operator; with a fault in the file of operators nobody is one
            return self.is_policy_valid
        if asking.is_over or asking.request.ends_at <= self.scene.as_of:
            return True
        return self.scene.is_gone(intent.target)

    def _find_clearing(self, intent: Intent) -> Withdrawal | None:
        if self.scene.is_gone(intent.target):
            return Withdrawal.REMOVED
        is_well = self.scene.is_conclusive and look_at(self.scene, intent.target).is_clean
        return Withdrawal.DRIFT_RESOLVED if is_well and intent.requested is None else None


def _compare(intent: Intent, decision: Decision) -> Withdrawal | None:
    if decision.intent_id == intent.intent_id:
        return None if decision.mode is intent.mode else Withdrawal.POLICY_CHANGED
    return Withdrawal.EVIDENCE_CHANGED if decision.verb is intent.verb else Withdrawal.SUPERSEDED


def _is_proposed(decision: Decision, case: Case, book: Book, given_up: Collection[str], numbers: Numbers) -> bool:
    known = book.intents.get(decision.intent_id or "")
    is_kept = known is not None and known.state in UNSTARTED and known.intent_id not in given_up
    if is_kept or (known is not None and known.was_started):
        return False
    ends_at = case.rejection_ends_at(numbers.reject_hold)
    if (ends_at is not None and decision.as_of < ends_at) or case.open_attempt is not None:
        return False
    if decision.verdict is Verdict.WAIT:
        return not any(hit.keeps_from_asking for hit in decision.guards)
    return decision.verdict in {Verdict.SUGGEST, Verdict.ASK, Verdict.START}


def _open_problems(
    proposed: Iterable[Decision], by_intent: Mapping[str, Case], scene: Scene, book: Book
) -> Iterable[ProblemOpened]:
    opened: set[Target] = {*book.problems}
    for decision in proposed:
        target = Target(decision.node, decision.service)
        if target in opened or decision.problem_at is None:
            continue
        opened.add(target)
        asked = scene.asked.get(target)
        yield ProblemOpened(
            node=decision.node,
            service=decision.service,
            problem_at=decision.problem_at,
            desired_hash=asked.desired_hash if asked else None,
            stable_for=int(by_intent[decision.intent_id or ""].numbers.stable_for.total_seconds()),
        )


def _propose(decision: Decision) -> Proposed:
    return Proposed(
        intent_id=decision.intent_id or "",
        action_id=decision.action_id or "",
        node=decision.node,
        service=decision.service,
        verb=decision.verb,  # type: ignore[arg-type]  # only what has one is proposed
        risk=decision.risk,  # type: ignore[arg-type]
        params=decision.params,
        number=decision.number,
        problem_at=decision.problem_at,  # type: ignore[arg-type]
        evidence_fingerprint=decision.evidence_fingerprint or "",
        recommendation_id=decision.recommendation_id,
        rule_id=decision.rule_id,
        mode=decision.mode,
        approvals=decision.approvals,
        requested=decision.requested,
    )

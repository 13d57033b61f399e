"""What the decider says: proposals and what ends them, outcomes, problems."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from schemas.attempt import Consent, Intent, IntentState
from schemas.book import consent_of
from schemas.episode import Target
from schemas.ledger import Entry
from schemas.ledger_words import AttemptOutcome, Result, Withdrawal
from schemas.problem import Problem
from schemas.verb import Mode
from stages.fold_ledger.fold import Fold, Taker

BY_MODE = {Mode.SUGGEST: IntentState.SUGGESTED, Mode.APPROVE: IntentState.PENDING, Mode.AUTO: IntentState.APPROVED}
"""What an intent is when it is proposed."""
BY_OUTCOME = dict.fromkeys(AttemptOutcome, IntentState.FAILED) | {
    AttemptOutcome.RECOVERED: IntentState.COMPLETED,
    AttemptOutcome.COLLECTED: IntentState.COMPLETED,
    AttemptOutcome.EXPLAINED: IntentState.CANCELLED,
    AttemptOutcome.SUPERSEDED: IntentState.CANCELLED,
}
"""What an attempt is when its outcome is known: completed means that it helped."""
_PROPOSED = (
    "intent_id", "action_id", "node", "service", "verb", "risk", "params", "number", "problem_at", "evidence_fingerprint",
    "recommendation_id", "rule_id", "mode", "approvals", "requested",
)  # fmt: skip
"""What an intent has of its proposal as it stands there."""


def _take_proposed(fold: Fold, entry: Entry, record: Any) -> str | None:
    before = fold.intents.get(record.intent_id)
    if before and (before.state not in {IntentState.CANCELLED, IntentState.REJECTED} or before.was_started):
        return f"the intent is {before.state} already"
    if record.mode not in BY_MODE:
        return f"nothing is proposed to {record.mode}"
    state, old = BY_MODE[record.mode], str(before.state) if before else ""
    history = before.history if before else ()
    intent = Intent(
        **{name: getattr(record, name) for name in _PROPOSED},
        state=state,
        created_at=entry.at,
        updated_at=entry.at,
        rejected_at=before.rejected_at if before else None,
        refused_at=before.refused_at if before else None,
        refused_why=before.refused_why if before else None,
        was_started=record.intent_id in fold.starts,
        history=(*history, (old, str(state), entry.at, entry.by.name)),
        consents=_requesters_consent(fold, record),
    )
    is_asked = record.requested is not None and record.mode is not Mode.SUGGEST
    if is_asked and state is not IntentState.APPROVED and fold.is_enough(intent, entry.at):
        history = (*history, (old, str(IntentState.APPROVED), entry.at, entry.by.name))
        intent = intent._replace(state=IntentState.APPROVED, history=history)
    fold.intents[record.intent_id] = intent
    return None


def _requesters_consent(fold: Fold, record: Any) -> tuple[Consent, ...]:
    asking = fold.requests.get(record.requested)
    return () if asking is None else (consent_of(asking, record.risk, fold.numbers),)


def _take_withdrawn(fold: Fold, entry: Entry, record: Any) -> str | None:
    intent = fold.find("withdrawn", record.intent_id)
    if isinstance(intent, str):
        return intent
    fold.move(entry, intent, IntentState.CANCELLED)
    if record.reason is Withdrawal.REQUEST_ENDED:
        fold.end_request(intent)
    return None


def _take_expired(fold: Fold, entry: Entry, record: Any) -> str | None:
    intent = fold.find("expired", record.intent_id)
    if isinstance(intent, str):
        return intent
    fold.move(entry, intent, IntentState.PENDING)
    return None


def _take_verified(fold: Fold, entry: Entry, record: Any) -> str | None:
    waiting = [attempt for attempt in fold.attempts_of(record.intent_id) if attempt.can_settle_at(entry.at)]
    for attempt in waiting:
        settled = replace(
            attempt,
            outcome=record.outcome,
            settled_at=entry.at,
            settled_n=entry.n,
            settled_world_at=record.world_at,
            result=attempt.result or Result.LOST,
            ended_at=attempt.ended_at or attempt.started_at + timedelta(seconds=attempt.numbers.timeout),
        )
        fold.keep(settled)
    intent = fold.intents.get(record.intent_id)
    if intent is not None and waiting:
        fold.move(entry, intent, BY_OUTCOME[record.outcome])
    return None if waiting else "no attempt of it waits for its outcome"


def _take_relapsed(fold: Fold, entry: Entry, record: Any) -> str | None:
    recovered = [
        attempt for attempt in fold.attempts_of(record.intent_id) if attempt.outcome is AttemptOutcome.RECOVERED
    ]
    if not recovered:
        return "it was not recovered"
    problem = fold.problems.get(recovered[-1].target)
    if problem is None or problem.problem_at != recovered[-1].problem_at:
        return "its problem is over"
    for attempt in recovered:
        fold.keep(replace(attempt, outcome=AttemptOutcome.RELAPSED))
    if record.intent_id in fold.intents:
        fold.move(entry, fold.intents[record.intent_id], IntentState.FAILED)
    return None


def _take_problem_opened(fold: Fold, _: Entry, record: Any) -> str | None:
    target = Target(record.node, record.service)
    if target in fold.problems:
        return "a problem of the target is open"
    fold.problems[target] = Problem(
        node=record.node,
        service=record.service,
        problem_at=record.problem_at,
        desired_hash=record.desired_hash,
        stable_for=record.stable_for,
    )
    return None


def _take_problem_closed(fold: Fold, entry: Entry, record: Any) -> str | None:
    target = Target(record.node, record.service)
    problem = fold.problems.get(target)
    if problem is None or problem.problem_at != record.problem_at:
        return "no such problem is open"
    del fold.problems[target]
    fold.closed_at[target] = entry.at
    return None


def _take_escalated(fold: Fold, _: Entry, record: Any) -> str | None:
    target = Target(record.node, record.service)
    problem = fold.problems.get(target)
    if problem is None or problem.escalated is not None:
        return "no such problem is open" if problem is None else "that was said before"
    fold.problems[target] = problem._replace(escalated=record.reason)
    return None


TAKERS: dict[str, Taker] = {
    "proposed": _take_proposed,
    "withdrawn": _take_withdrawn,
    "expired": _take_expired,
    "verified": _take_verified,
    "relapsed": _take_relapsed,
    "problem_opened": _take_problem_opened,
    "problem_closed": _take_problem_closed,
    "escalated": _take_escalated,
}

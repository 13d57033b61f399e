"""Folding the ledger: what its records come to, in their order; what may not be said there is ignored, and told."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from schemas.attempt import UNSTARTED, Attempt, Consent, Intent, IntentState
from schemas.book import (
    Able,
    Asking,
    Attested,
    Book,
    Halted,
    Held,
    Ignored,
    consent_of,
    count_consents,
    end_overrides,
    give_attempts,
    may_say_yes,
)
from schemas.episode import Target
from schemas.ledger import (
    WRITERS,
    AttemptOutcome,
    By,
    Capabilities,
    Entry,
    Ledger,
    Record,
    Result,
    Role,
    Withdrawal,
)
from schemas.numbers import Numbers
from schemas.operator import Operator
from schemas.problem import Problem
from schemas.verb import Mode

_S = IntentState

BY_MODE = {Mode.SUGGEST: _S.SUGGESTED, Mode.APPROVE: _S.PENDING, Mode.AUTO: _S.APPROVED}
"""What an intent is when it is proposed."""
BY_OUTCOME = dict.fromkeys(AttemptOutcome, _S.FAILED) | {
    AttemptOutcome.RECOVERED: _S.COMPLETED,
    AttemptOutcome.COLLECTED: _S.COMPLETED,
    AttemptOutcome.EXPLAINED: _S.CANCELLED,
    AttemptOutcome.SUPERSEDED: _S.CANCELLED,
}
"""What an attempt is when its outcome is known: completed means that it helped."""

LEGAL: dict[str, frozenset[IntentState]] = {
    "approved": frozenset({_S.PENDING}),
    "rejected": frozenset({_S.PENDING, _S.APPROVED}),
    "withdrawn": UNSTARTED,
    "expired": frozenset({_S.APPROVED}),
    "refused": frozenset({_S.APPROVED}),
    "started": frozenset({_S.APPROVED}),
    "ended": frozenset({_S.RUNNING}),
    "lost": frozenset({_S.RUNNING}),
    "verified": frozenset({_S.RUNNING, _S.VERIFYING}),
    "relapsed": frozenset({_S.COMPLETED}),
}
"""From which states a record of an intent leads on (ACTIONS 14.3); one that runs is verified where it was given up."""


def fold_ledger(ledger: Ledger, operators: Iterable[Operator], numbers: Numbers) -> Book:
    """Return what the ledger says now.

    A record that its role may not write, that names nobody who may say it, or that does not follow from the state of
    its intent, is ignored and told. A start without leave is told as well, and counts as an attempt all the same.
    """
    fold = Fold(operators, numbers)
    for entry in sorted(ledger.entries, key=attrgetter("n")):
        fold.take(entry)
    return fold.close(ledger.broken)


class Fold:
    """The book while it is written: whoever writes the ledger itself can take in what is new, and close it again and again."""

    def __init__(self, operators: Iterable[Operator], numbers: Numbers) -> None:
        """Begin with an empty ledger."""
        self.operators = {operator.uid: operator for operator in operators}
        self.numbers = numbers
        self.intents: dict[str, Intent] = {}
        self.attempts: dict[int, Attempt] = {}
        self.of_targets: dict[Target, tuple[Attempt, ...]] = {}
        self.starts: dict[str, list[int]] = {}
        """By intent, the numbers of its starts: one, or several where some of them were illegal."""
        self.problems: dict[Target, Problem] = {}
        self.closed_at: dict[Target, datetime] = {}
        self.requests: dict[int, Asking] = {}
        self.holds: list[Held] = []
        self.halts: list[Halted] = []
        self.resets: dict[str, int] = {}
        self.attested: dict[str, Attested] = {}
        self.able: Able | None = None
        self.parts: list[Capabilities] = []
        """Of what the executor can do, where it takes several records to say it, those so far."""
        self.fence = 0
        self.fence_host: str | None = None
        self.taken_over_by: str | None = None
        self.ignored: list[Ignored] = []
        self.illegal: list[int] = []
        self.newest_at: datetime | None = None

    def take(self, entry: Entry) -> None:
        """Take in the next record, or ignore it."""
        self.newest_at = max(self.newest_at or entry.at, entry.at)
        why = self._find_fault(entry.by, entry.record) or _TAKERS[entry.record.kind](self, entry, entry.record)
        if why is not None:
            self.ignored.append(Ignored(entry.n, entry.record.kind, why))

    def _find_fault(self, by: By, record: Record) -> str | None:
        role = WRITERS[record.kind]
        if by.role is not role:
            return f"a {by.role} may not say it"
        if role is Role.OPERATOR and by.uid not in self.operators:
            return f"{by.name or by.uid} is no operator"
        return None

    def close(self, broken: str | None) -> Book:
        """Return the book as it is now; what is taken in later does not change it."""
        attempts = tuple(self.attempts[n] for n in sorted(self.attempts))
        return Book(
            intents={**self.intents},
            attempts=attempts,
            attempts_of={**self.of_targets},
            problems=give_attempts(self.problems, self.of_targets),
            closed_at={**self.closed_at},
            requests=tuple(self.requests.values()),
            holds=tuple(self.holds),
            halts=tuple(self.halts),
            resets={**self.resets},
            attested={**self.attested},
            able=self.able,
            fence=self.fence,
            fence_host=self.fence_host,
            taken_over_by=self.taken_over_by,
            ignored=tuple(self.ignored),
            illegal=tuple(self.illegal),
            newest_at=self.newest_at,
            broken=broken,
        )

    def attempts_of(self, intent_id: str) -> list[Attempt]:
        """Return the attempts of an intent, in the order of their starts."""
        return [self.attempts[n] for n in self.starts.get(intent_id, ())]

    def find(self, kind: str, intent_id: str) -> Intent | str:
        """Return the intent that a record follows from, or why it does not."""
        intent = self.intents.get(intent_id)
        if intent is None:
            return "there is no such intent"
        return intent if intent.state in LEGAL[kind] else f"the intent is {intent.state}"

    def keep(self, attempt: Attempt) -> None:
        """Put an attempt in the place of what it was, or behind all others."""
        before, target = self.attempts.get(attempt.n), attempt.target
        others = self.of_targets.get(target, ())
        if before is None:
            self.of_targets[target] = (*others, attempt)
        else:
            self.of_targets[target] = tuple(attempt if other is before else other for other in others)
        self.attempts[attempt.n] = attempt

    def move(self, entry: Entry, intent: Intent, state: IntentState, **changed: Any) -> None:
        """Put an intent into a state."""
        step = (str(intent.state), str(state), entry.at, entry.by.name)
        history = (*intent.history, step)
        self.intents[intent.intent_id] = intent._replace(state=state, updated_at=entry.at, history=history, **changed)

    def end_request(self, intent: Intent) -> None:
        """Note that the request of an intent leads no further."""
        if intent.requested in self.requests:
            self.requests[intent.requested] = self.requests[intent.requested]._replace(is_over=True)

    def is_enough(self, intent: Intent, moment: datetime) -> bool:
        """Return whether enough different people say yes."""
        target = f"{intent.node}/{intent.service}"
        return count_consents(intent.consents, intent.risk, target, moment, self.operators) >= intent.approvals


_PROPOSED = (
    "intent_id", "action_id", "node", "service", "verb", "risk", "params", "number", "problem_at", "evidence_fingerprint",
    "recommendation_id", "rule_id", "mode", "approvals", "requested",
)  # fmt: skip
"""What an intent has of its proposal as it stands there."""


def _take_proposed(fold: Fold, entry: Entry, record: Any) -> str | None:
    before = fold.intents.get(record.intent_id)
    if before and (before.state not in {_S.CANCELLED, _S.REJECTED} or before.was_started):
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
        given_at=entry.at,
        rejected_at=before.rejected_at if before else None,
        refused_at=before.refused_at if before else None,
        refused_why=before.refused_why if before else None,
        was_started=record.intent_id in fold.starts,
        history=(*history, (old, str(state), entry.at, entry.by.name)),
        consents=_requesters_consent(fold, record),
    )
    is_asked = record.requested is not None and record.mode is not Mode.SUGGEST
    if is_asked and state is not _S.APPROVED and fold.is_enough(intent, entry.at):
        history = (*history, (old, str(_S.APPROVED), entry.at, entry.by.name))
        intent = intent._replace(state=_S.APPROVED, history=history)
    fold.intents[record.intent_id] = intent
    return None


def _requesters_consent(fold: Fold, record: Any) -> tuple[Consent, ...]:
    asking = fold.requests.get(record.requested)
    return () if asking is None else (consent_of(asking, record.risk, fold.numbers),)


def _take_withdrawn(fold: Fold, entry: Entry, record: Any) -> str | None:
    intent = fold.find("withdrawn", record.intent_id)
    if isinstance(intent, str):
        return intent
    fold.move(entry, intent, _S.CANCELLED)
    if record.reason is Withdrawal.REQUEST_ENDED:
        fold.end_request(intent)
    return None


def _take_expired(fold: Fold, entry: Entry, record: Any) -> str | None:
    intent = fold.find("expired", record.intent_id)
    if isinstance(intent, str):
        return intent
    fold.move(entry, intent, _S.PENDING)
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
        fold.move(entry, fold.intents[record.intent_id], _S.FAILED)
    return None


def _take_problem_opened(fold: Fold, entry: Entry, record: Any) -> str | None:
    target = Target(record.node, record.service)
    if target in fold.problems:
        return "a problem of the target is open"
    fold.problems[target] = Problem(
        node=record.node,
        service=record.service,
        problem_at=record.problem_at,
        opened_n=entry.n,
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


def _take_escalated(fold: Fold, entry: Entry, record: Any) -> str | None:
    target = Target(record.node, record.service)
    problem = fold.problems.get(target)
    if problem is None or problem.escalated is not None:
        return "no such problem is open" if problem is None else "that was said before"
    fold.problems[target] = problem._replace(escalated=record.reason, escalated_at=entry.at)
    return None


def _take_approved(fold: Fold, entry: Entry, record: Any) -> str | None:
    intent = fold.intents.get(record.intent_id)
    breaks_glass = intent is not None and intent.state is _S.APPROVED and bool(record.overrides)
    if intent is None or (intent.state is not _S.PENDING and not breaks_glass):
        return "there is no such intent" if intent is None else f"the intent is {intent.state}"
    asking = fold.requests.get(intent.requested or 0)
    if not may_say_yes(fold.operators.get(entry.by.uid), intent, asking, fold.numbers):
        return f"{entry.by.name or entry.by.uid} may not approve it"
    consent = Consent(
        uid=entry.by.uid,
        name=entry.by.name,
        at=entry.at,
        ends_at=record.ends_at,
        overrides=record.overrides,
        overrides_end_at=end_overrides(record.overrides_end_at, entry.at, fold.numbers.max_override),
    )
    given = intent._replace(consents=(*intent.consents, consent))
    enough = fold.is_enough(given, entry.at)
    fold.move(entry, given, _S.APPROVED if enough else intent.state)
    return None


def _take_rejected(fold: Fold, entry: Entry, record: Any) -> str | None:
    intent = fold.find("rejected", record.intent_id)
    if isinstance(intent, str):
        return intent
    fold.move(entry, intent, _S.REJECTED, rejected_at=entry.at)
    fold.end_request(intent)
    return None


def _take_requested(fold: Fold, entry: Entry, record: Any) -> None:
    fold.requests[entry.n] = Asking(entry.n, entry.at, entry.by.uid, entry.by.name, record)


def _take_hold(fold: Fold, entry: Entry, record: Any) -> None:
    fold.holds.append(Held(record.target, entry.by.name, entry.at, record.until, record.reason))


def _take_release(fold: Fold, _: Entry, record: Any) -> None:
    fold.holds = [hold for hold in fold.holds if hold.target != record.target]


def _take_reset(fold: Fold, entry: Entry, record: Any) -> None:
    fold.resets[record.target] = entry.n
    node, _, service = record.target.partition("/")
    problem = fold.problems.get(Target(node, service))
    if problem is not None:
        fold.problems[problem.target] = problem._replace(is_reset=True)


def _take_halt(fold: Fold, entry: Entry, record: Any) -> None:
    fold.halts.append(Halted(entry.by.name, entry.at, record.until, record.reason, record.abort))


def _take_resume(fold: Fold, _: Entry, __: Any) -> None:
    fold.halts = []


def _take_attest_down(fold: Fold, entry: Entry, record: Any) -> None:
    fold.attested[record.node] = Attested(entry.at, entry.by.name)


def _take_take_over(fold: Fold, _: Entry, record: Any) -> None:
    fold.taken_over_by = record.host


def _take_claimed(fold: Fold, entry: Entry, _: Any) -> None:
    fold.fence, fold.fence_host, fold.taken_over_by = entry.n, entry.by.host, None


def _take_capabilities(fold: Fold, entry: Entry, record: Any) -> str | None:
    if record.part is None:
        fold.able, fold.parts = Able(entry.at, record), []
        return None
    fold.parts = [*(fold.parts if record.part > 1 else []), record]
    if len(fold.parts) != record.part:
        fold.parts = []
        return "a part of what the executor can do, without the parts before it"
    if record.part == record.parts:
        offers = tuple(offer for part in fold.parts for offer in part.offers)
        mine = tuple(name for part in fold.parts for name in part.self)
        fold.able = Able(entry.at, Capabilities(offers=offers, self=mine))
    return None


def _take_started(fold: Fold, entry: Entry, record: Any) -> None:
    intent = fold.intents.get(record.intent_id)
    is_illegal = intent is None or intent.state is not _S.APPROVED or record.intent_id in fold.starts
    if is_illegal:
        fold.illegal.append(entry.n)
    fields = {
        name: getattr(record, name)
        for name in (
            "intent_id", "node", "service", "verb", "params", "number", "problem_at", "fence", "step_hash",
            "desired_hash", "numbers", "basis",
        )
    }  # fmt: skip
    fold.keep(Attempt(n=entry.n, started_at=entry.at, is_illegal=is_illegal, **fields))
    fold.starts.setdefault(record.intent_id, []).append(entry.n)
    if intent is not None:
        fold.move(entry, intent, _S.RUNNING, was_started=True)
        fold.end_request(intent)


def _take_ended(fold: Fold, entry: Entry, record: Any) -> str | None:
    begun = [attempt for attempt in fold.attempts_of(record.intent_id) if attempt.fence <= record.fence]
    if not begun:
        return "no attempt of it was started under this fence"
    _end(fold, entry, begun, result=record.result, exit_code=record.exit_code, ended_at=entry.at)
    return None


def _take_lost(fold: Fold, entry: Entry, record: Any) -> str | None:
    running = [attempt for attempt in fold.attempts_of(record.intent_id) if attempt.ended_at is None]
    _end(fold, entry, running, result=record.result, ended_at=record.ended_at)
    return None if running else "no attempt of it is running"


def _end(fold: Fold, entry: Entry, attempts: Iterable[Attempt], **said: Any) -> None:
    """Note the end of those that have none yet: what is said later of one that ended is noted, no more."""
    running = [attempt for attempt in attempts if attempt.ended_at is None]
    for attempt in running:
        fold.keep(replace(attempt, **said))
    if running:
        _verify_next(fold, entry, running[-1].intent_id)


def _verify_next(fold: Fold, entry: Entry, intent_id: str) -> None:
    intent = fold.intents.get(intent_id)
    if intent is not None and intent.state is _S.RUNNING:
        fold.move(entry, intent, _S.VERIFYING)


def _take_refused(fold: Fold, entry: Entry, record: Any) -> str | None:
    intent = fold.find("refused", record.intent_id)
    if isinstance(intent, str):
        return intent
    newest = max(intent.refused_at or record.world_at, record.world_at)
    fold.move(entry, intent, intent.state, refused_at=newest, refused_why=str(record.why))
    return None


_TAKERS: dict[str, Callable[[Fold, Entry, Any], str | None]] = {
    "proposed": _take_proposed,
    "withdrawn": _take_withdrawn,
    "expired": _take_expired,
    "verified": _take_verified,
    "relapsed": _take_relapsed,
    "problem_opened": _take_problem_opened,
    "problem_closed": _take_problem_closed,
    "escalated": _take_escalated,
    "approved": _take_approved,
    "rejected": _take_rejected,
    "requested": _take_requested,
    "hold": _take_hold,
    "release": _take_release,
    "reset": _take_reset,
    "halt": _take_halt,
    "resume": _take_resume,
    "attest_down": _take_attest_down,
    "take_over": _take_take_over,
    "claimed": _take_claimed,
    "capabilities": _take_capabilities,
    "started": _take_started,
    "ended": _take_ended,
    "lost": _take_lost,
    "refused": _take_refused,
}

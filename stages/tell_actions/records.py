"""What the ledger's records tell: one event each, a second one where a start was illegal or passed a guard."""

from collections.abc import Iterator
from datetime import datetime

from schemas.action_event import ActionEvent, ActionTransition
from schemas.attempt import Attempt, Intent
from schemas.decider_record import Escalated, Proposed, Relapsed, Verified, Withdrawn
from schemas.decision import Verdict
from schemas.episode import Target, spell_target
from schemas.executor_record import Ended, Lost, Started
from schemas.ledger import Entry
from schemas.ledger_words import AttemptOutcome, Result
from schemas.operator_record import Approved, Halt, Hold, Rejected, Release, Resume
from schemas.told import Fresh, Told
from schemas.verb import Mode
from schemas.words import ALL, FLEET, Severity
from stages.tell_actions.event import brief, identify, make_event, make_warning, spell

_T = ActionTransition
_DOUBTFUL = frozenset({Result.LOST, Result.TIMED_OUT})
_BAD = frozenset({AttemptOutcome.WORSE, AttemptOutcome.UNKNOWN})


def tell_records(fresh: Fresh, told: Told) -> Iterator[ActionEvent]:
    """Yield the events of what was not told yet, in the order of the records."""
    records = _Records(fresh)
    ignored = frozenset(row.n for row in fresh.book.ignored)
    for entry, digest in fresh.entries:
        if entry.n > told.n and entry.n not in ignored:
            yield from records.tell(entry, digest)


class _Records:
    """What a run knows, by what the records name."""

    def __init__(self, fresh: Fresh) -> None:
        self.fresh = fresh
        self.illegal = frozenset(fresh.book.illegal)
        self.by_intent = {row.intent_id: row for row in fresh.decisions if row.intent_id is not None}
        self.attempts = {attempt.intent_id: attempt for attempt in fresh.book.attempts}

    def tell(self, entry: Entry, digest: str) -> Iterator[ActionEvent]:
        record, by = entry.record, entry.by.name
        event_id = identify(digest)
        match record:
            case Proposed():
                yield self._of_proposal(record, event_id, by)
            case Approved() | Rejected() | Withdrawn() | Ended() | Lost() | Verified() | Relapsed():
                yield self._of_intent(record, event_id, by)
            case Started():
                yield from self._of_start(record, entry, digest)
            case Escalated():
                yield self._of_escalation(record, event_id)
            case Hold() | Release():
                transition = _T.HOLD_SET if isinstance(record, Hold) else _T.HOLD_ENDED
                until = record.until if isinstance(record, Hold) else None
                yield make_warning(self.fresh, transition, record.target, event_id, by, until)
            case Halt() | Resume():
                transition = _T.HALTED if isinstance(record, Halt) else _T.RESUMED
                until = record.until if isinstance(record, Halt) else None
                yield make_warning(self.fresh, transition, f"{FLEET}/{ALL}", event_id, by, until)
            case _:
                return

    def _of_start(self, record: Started, entry: Entry, digest: str) -> Iterator[ActionEvent]:
        by = entry.by.name
        yield self._of_intent(record, identify(digest), by)
        if entry.n in self.illegal:
            yield self._of_intent(record, identify(digest, str(_T.ILLEGAL)), by, _T.ILLEGAL, Severity.CRITICAL)
        elif self._used_overrides(record, entry.at):
            used = _T.OVERRIDE_USED
            yield self._of_intent(record, identify(digest, str(used)), by, used, Severity.WARNING)

    def _used_overrides(self, record: Started, at: datetime) -> bool:
        intent = self.fresh.book.intents.get(record.intent_id)
        return intent is not None and any(
            consent.overrides and (consent.overrides_end_at is None or at < consent.overrides_end_at)
            for consent in intent.consents
        )

    def _of_proposal(self, record: Proposed, event_id: str, by: str) -> ActionEvent:
        is_suggested = record.mode is Mode.SUGGEST
        decision = self.by_intent.get(record.intent_id)
        asks = record.mode is Mode.APPROVE and (decision is None or decision.verdict is Verdict.ASK)
        return make_event(
            self.fresh,
            _T.SUGGESTED if is_suggested else _T.PROPOSED,
            Severity.WARNING if asks and not is_suggested else Severity.INFO,
            Target(record.node, record.service),
            record.recommendation_id or record.action_id,
            event_id,
            action_id=record.action_id,
            intent_id=record.intent_id,
            verb=str(record.verb),
            mode=str(record.mode),
            rule_id=record.rule_id,
            number=record.number,
            by=by,
            decision=brief(decision),
        )

    def _of_intent(
        self,
        record: Approved | Rejected | Withdrawn | Started | Ended | Lost | Verified | Relapsed,
        event_id: str,
        by: str,
        transition: ActionTransition | None = None,
        severity: Severity | None = None,
    ) -> ActionEvent:
        intent = self.fresh.book.intents.get(record.intent_id)
        attempt = self.attempts.get(record.intent_id)
        about = intent or attempt
        target = about.target if about else Target(FLEET, ALL)
        until = record.ends_at if isinstance(record, Approved) else None
        result = record.result if isinstance(record, Ended | Lost) else None
        outcome = record.outcome if isinstance(record, Verified) else None
        return make_event(
            self.fresh,
            transition or _TRANSITIONS[record.kind],
            severity or _weigh(record),
            target,
            _correlate(intent, target),
            event_id,
            **_name(intent, attempt),
            intent_id=record.intent_id,
            by=by,
            decision=brief(self.by_intent.get(record.intent_id)),
            result=result,
            outcome=outcome,
            until=spell(until),
        )

    def _of_escalation(self, record: Escalated, event_id: str) -> ActionEvent:
        target = Target(record.node, record.service)
        decision = next((row for row in self.fresh.decisions if (row.node, row.service) == target), None)
        level = self.fresh.severities.get(target)
        return make_event(
            self.fresh,
            _T.ESCALATED,
            Severity.CRITICAL if level is Severity.CRITICAL else Severity.ERROR,
            target,
            (decision.recommendation_id if decision else None) or spell_target(target),
            event_id,
            decision=brief(decision),
            outcome=str(record.reason),
        )


_TRANSITIONS = {
    "approved": _T.APPROVED,
    "rejected": _T.REJECTED,
    "withdrawn": _T.WITHDRAWN,
    "started": _T.STARTED,
    "ended": _T.ENDED,
    "lost": _T.ENDED,
    "verified": _T.VERIFIED,
    "relapsed": _T.RELAPSED,
}


def _weigh(record: object) -> Severity:
    if isinstance(record, Verified):
        if record.outcome is AttemptOutcome.RECOVERED:
            return Severity.INFO
        return Severity.ERROR if record.outcome in _BAD else Severity.WARNING
    if isinstance(record, Ended | Lost):
        return Severity.WARNING if record.result in _DOUBTFUL else Severity.INFO
    return Severity.WARNING if isinstance(record, Relapsed) else Severity.INFO


def _correlate(intent: Intent | None, target: Target) -> str:
    return (intent.recommendation_id or intent.action_id) if intent else spell_target(target)


def _name(intent: Intent | None, attempt: Attempt | None) -> dict[str, object]:
    if intent is not None:
        return {
            "action_id": intent.action_id,
            "verb": str(intent.verb),
            "mode": str(intent.mode),
            "rule_id": intent.rule_id,
            "number": intent.number,
        }
    return {"verb": str(attempt.verb), "number": attempt.number} if attempt else {}

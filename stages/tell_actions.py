"""Telling: the events of what the ledger gained since the last run, and of what the run itself noticed (ACTIONS 16.4)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter

from schemas.action_event import ActionEvent, ActionTransition
from schemas.attempt import Attempt, Intent, IntentState
from schemas.book import Book
from schemas.canonical import hash_canonical, spell_instant
from schemas.decision import Decision, Verdict
from schemas.episode import Target, spell_target
from schemas.ledger import (
    Approved,
    AttemptOutcome,
    Ended,
    Entry,
    Escalated,
    Halt,
    Hold,
    Lost,
    Proposed,
    Rejected,
    Relapsed,
    Release,
    Result,
    Resume,
    Started,
    Verified,
    Withdrawn,
)
from schemas.verb import Mode
from schemas.words import ALL, FLEET, Severity

_T = ActionTransition
_DOUBTFUL = frozenset({Result.LOST, Result.TIMED_OUT})
_BAD = frozenset({AttemptOutcome.WORSE, AttemptOutcome.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was told before, so that it is told once."""

    n: int = 0
    """The last record whose event was written."""
    blocked: frozenset[tuple[str, str, str]] = frozenset()
    """Guard, target and beginning of the problem of each `action_blocked` of the open problems."""
    breakers: frozenset[str] = frozenset()
    """Scopes whose breaker was open."""
    holds: Mapping[str, datetime] = field(default_factory=dict)
    """Targets that were held, with the end: of several holds the latest."""
    policy_fingerprint: str | None = None
    """None: no policy was read before."""
    is_policy_valid: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """What a run knows to tell."""

    entries: tuple[tuple[Entry, str], ...]
    """The ledger's entries, in their order, each with the hash of its line."""
    book: Book
    """After the run's own records."""
    decisions: tuple[Decision, ...]
    severities: Mapping[Target, Severity]
    """Of the recommendations."""
    breakers: frozenset[str]
    """Scopes whose breaker is open now."""
    policy_fingerprint: str
    is_policy_valid: bool
    as_of: datetime


def tell_actions(fresh: Fresh, told: Told) -> tuple[tuple[ActionEvent, ...], Told]:
    """Return the events to write, records first in their order, and what is told then."""
    teller = _Teller(fresh)
    events = [*teller.tell_records(told)]
    blocked = teller.find_blocked()
    events += teller.tell_blocked(blocked, told)
    events += teller.tell_ended_holds(told)
    events += teller.tell_breakers(told)
    events += teller.tell_policy(told)
    after = Told(
        n=fresh.entries[-1][0].n if fresh.entries else told.n,
        blocked=frozenset(blocked) | frozenset(key for key in told.blocked if teller.is_open(key)),
        breakers=fresh.breakers,
        holds={hold.target: hold.until for hold in sorted(fresh.book.holds_at(fresh.as_of), key=attrgetter("until"))},
        policy_fingerprint=fresh.policy_fingerprint,
        is_policy_valid=fresh.is_policy_valid,
    )
    return tuple(events), after


class _Teller:
    def __init__(self, fresh: Fresh) -> None:
        self.fresh = fresh
        self.illegal = frozenset(fresh.book.illegal)
        self.ignored = frozenset(row.n for row in fresh.book.ignored)
        self.by_intent = {row.intent_id: row for row in fresh.decisions if row.intent_id is not None}
        self.attempts = {attempt.intent_id: attempt for attempt in fresh.book.attempts}

    def tell_records(self, told: Told) -> Iterator[ActionEvent]:
        for entry, digest in self.fresh.entries:
            if entry.n > told.n and entry.n not in self.ignored:
                yield from self._tell(entry, digest)

    def _tell(self, entry: Entry, digest: str) -> Iterator[ActionEvent]:
        record, by = entry.record, entry.by.name
        event_id = hash_canonical(["action-event/1", digest])
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
                yield self._of_target(transition, record.target, event_id, by, until)
            case Halt() | Resume():
                transition = _T.HALTED if isinstance(record, Halt) else _T.RESUMED
                until = record.until if isinstance(record, Halt) else None
                yield self._of_target(transition, f"{FLEET}/{ALL}", event_id, by, until)
            case _:
                return

    def _of_start(self, record: Started, entry: Entry, digest: str) -> Iterator[ActionEvent]:
        by = entry.by.name
        yield self._of_intent(record, hash_canonical(["action-event/1", digest]), by)
        if entry.n in self.illegal:
            yield self._of_intent(record, self._second(digest, _T.ILLEGAL), by, _T.ILLEGAL, Severity.CRITICAL)
        elif self._used_overrides(record, entry.at):
            used = _T.OVERRIDE_USED
            yield self._of_intent(record, self._second(digest, used), by, used, Severity.WARNING)

    def _second(self, digest: str, transition: ActionTransition) -> str:
        """Return the id of a second event of one record."""
        return hash_canonical(["action-event/1", digest, str(transition)])

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
        return self._event(
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
            decision=_brief(decision),
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
        return self._event(
            transition or _TRANSITIONS[record.kind],
            severity or _weigh(record),
            target,
            _correlate(intent, target),
            event_id,
            **_name(intent, attempt),
            intent_id=record.intent_id,
            by=by,
            decision=_brief(self.by_intent.get(record.intent_id)),
            result=result,
            outcome=outcome,
            until=_spell(until),
        )

    def _of_escalation(self, record: Escalated, event_id: str) -> ActionEvent:
        target = Target(record.node, record.service)
        decision = next((row for row in self.fresh.decisions if (row.node, row.service) == target), None)
        level = self.fresh.severities.get(target)
        return self._event(
            _T.ESCALATED,
            Severity.CRITICAL if level is Severity.CRITICAL else Severity.ERROR,
            target,
            (decision.recommendation_id if decision else None) or spell_target(target),
            event_id,
            decision=_brief(decision),
            outcome=str(record.reason),
        )

    def _of_target(
        self, transition: ActionTransition, name: str, event_id: str, by: str | None, until: datetime | None
    ) -> ActionEvent:
        node, _, service = name.partition("/")
        return self._event(
            transition, Severity.WARNING, Target(node, service), name, event_id, by=by, until=_spell(until)
        )

    def find_blocked(self) -> dict[tuple[str, str, str], Decision]:
        """Return the auto and approved intents that a guard holds back, by guard, target and problem."""
        found = {}
        for row in self.fresh.decisions:
            intent = self.fresh.book.intents.get(row.intent_id or "")
            if (
                intent is not None
                and intent.state is IntentState.APPROVED
                and row.verdict in {Verdict.WAIT, Verdict.REFUSE}
                and row.verb is not None
            ):
                at = spell_instant(row.problem_at) if row.problem_at else ""
                found[row.decided_by, f"{row.node}/{row.service}", at] = row
        return found

    def tell_blocked(self, blocked: Mapping[tuple[str, str, str], Decision], told: Told) -> Iterator[ActionEvent]:
        for key in sorted(blocked.keys() - told.blocked):
            row = blocked[key]
            yield self._event(
                _T.BLOCKED,
                Severity.WARNING,
                Target(row.node, row.service),
                row.recommendation_id or row.action_id or key[1],
                hash_canonical(["action-event/1", "action_blocked", *key]),
                action_id=row.action_id,
                intent_id=row.intent_id,
                verb=str(row.verb),
                mode=str(row.mode),
                rule_id=row.rule_id,
                number=row.number,
                decision=_brief(row),
                until=_spell(row.until),
            )

    def is_open(self, key: tuple[str, str, str]) -> bool:
        """Return whether the problem of something blocked is still open, or not opened yet and decided about."""
        node, _, service = key[1].partition("/")
        target = Target(node, service)
        return target in self.fresh.book.problems or any(
            (row.node, row.service) == target for row in self.fresh.decisions
        )

    def tell_ended_holds(self, told: Told) -> Iterator[ActionEvent]:
        released = {
            entry.record.target
            for entry, _ in self.fresh.entries
            if entry.n > told.n and isinstance(entry.record, Release | Hold)
        }
        for target, until in sorted(told.holds.items()):
            if until <= self.fresh.as_of and target not in released:
                event_id = hash_canonical(["action-event/1", "hold_ended", target, spell_instant(until)])
                yield self._of_target(_T.HOLD_ENDED, target, event_id, None, until)

    def tell_breakers(self, told: Told) -> Iterator[ActionEvent]:
        for scopes, transition in (
            (self.fresh.breakers - told.breakers, _T.BREAKER_OPENED),
            (told.breakers - self.fresh.breakers, _T.BREAKER_CLOSED),
        ):
            for scope in sorted(scopes):
                name = scope if "/" in scope else f"{scope}/{ALL}"
                event_id = hash_canonical(["action-event/1", str(transition), scope, spell_instant(self.fresh.as_of)])
                yield self._of_target(transition, name, event_id, None, None)

    def tell_policy(self, told: Told) -> Iterator[ActionEvent]:
        fresh = self.fresh
        has_changed = (told.policy_fingerprint, told.is_policy_valid) != (
            fresh.policy_fingerprint,
            fresh.is_policy_valid,
        )
        if not has_changed or (told.policy_fingerprint is None and fresh.is_policy_valid):
            return
        transition = _T.POLICY_CHANGED if fresh.is_policy_valid else _T.POLICY_INVALID
        event_id = hash_canonical(
            ["action-event/1", str(transition), fresh.policy_fingerprint, spell_instant(fresh.as_of)]
        )
        yield self._of_target(transition, f"{FLEET}/{ALL}", event_id, None, None)

    def _event(
        self,
        transition: ActionTransition,
        severity: Severity,
        target: Target,
        correlation_id: str,
        event_id: str,
        **fields: object,
    ) -> ActionEvent:
        return ActionEvent(
            event_id=event_id,
            transition=transition,
            severity=severity,
            node=target.node,
            service=target.service,
            correlation_id=correlation_id,
            as_of=self.fresh.as_of,
            fields={**fields, "policy_fingerprint": self.fresh.policy_fingerprint},
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


def _brief(decision: Decision | None) -> dict[str, object] | None:
    if decision is None:
        return None
    return {"verdict": str(decision.verdict), "decided_by": decision.decided_by, "until": _spell(decision.until)}


def _spell(moment: datetime | None) -> str | None:
    return None if moment is None else spell_instant(moment)


def without(events: Iterable[ActionEvent], told_ids: frozenset[str]) -> tuple[ActionEvent, ...]:
    """Return the events that a log does not hold yet."""
    return tuple(event for event in events if event.event_id not in told_ids)

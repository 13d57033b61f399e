"""What the ledger shows of actions, as values of JSON: `actions list`, and what a run leaves for `status` (ACTIONS 12.8)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from flows.ledger.actions.decision_form import dump_verdict
from flows.text.spoken import spoken_name, spoken_target, spoken_text
from schemas.attempt import UNSTARTED, Attempt, Consent, Intent, IntentState
from schemas.book import Book, Held
from schemas.breaker import open_breakers
from schemas.canonical import spell_instant
from schemas.decision import Decision
from schemas.episode import spell_target
from schemas.numbers import Numbers

OPEN = UNSTARTED | {IntentState.RUNNING, IntentState.VERIFYING}
"""States of an action that has not ended."""
MOST_NAMES = 5
_FOLDERS = {IntentState.VERIFYING: "running"}


def view_actions(
    book: Book,
    decisions: Iterable[Decision],
    numbers: Numbers,
    as_of: datetime,
    *,
    state: str | None,
    with_ended: bool = False,
) -> dict[str, Any]:
    """Return all of it; without `with_ended` the actions that have not ended. `state` is the fleet's."""
    by_intent = {decision.intent_id: decision for decision in decisions if decision.intent_id}
    attempts = {attempt.intent_id: attempt for attempt in book.attempts}
    intents = [intent for intent in book.intents.values() if with_ended or intent.state in OPEN]
    intents.sort(key=lambda row: (row.node, row.service, row.verb, row.created_at))
    halt = book.last_halt_at(as_of)
    breakers = open_breakers(book, numbers, as_of)
    escalated = [
        spell_target(target) for target, problem in sorted(book.problems.items()) if problem.escalated is not None
    ]
    return {
        "as_of": spell_instant(as_of),
        "state": state,
        "counts": {
            "asking": sum(intent.state is IntentState.PENDING for intent in book.intents.values()),
            "running": sum(attempt.is_open and attempt.ended_at is None for attempt in book.attempts),
            "verifying": sum(attempt.is_open and attempt.ended_at is not None for attempt in book.attempts),
            "escalated": len(escalated),
        },
        **({"escalated": escalated} if escalated else {}),
        "halted": _view_halt(halt) if halt else None,
        "breakers": [
            {"scope": scope, "until": spell_instant(until)} for scope, until in breakers.items() if as_of < until
        ],
        "holds": [_view_hold(hold) for hold in sorted(book.holds_at(as_of))],
        "actions": [
            _view_action(intent, attempts.get(intent.intent_id), by_intent.get(intent.intent_id)) for intent in intents
        ],
    }


def _view_halt(halt: Any) -> dict[str, Any]:
    return {"by": halt.by, "at": spell_instant(halt.at), "reason": halt.reason, "until": _spell(halt.until)}


def _view_hold(hold: Held) -> dict[str, Any]:
    return {
        "target": hold.target,
        "by": hold.by,
        "at": spell_instant(hold.at),
        "until": spell_instant(hold.until),
        "reason": hold.reason,
    }


def _view_action(intent: Intent, attempt: Attempt | None, decision: Decision | None) -> dict[str, Any]:
    return {
        "action_id": intent.action_id,
        "intent_id": intent.intent_id,
        "node": intent.node,
        "service": intent.service,
        "verb": str(intent.verb),
        "class": str(intent.risk),
        "params": dict(intent.params),
        "mode": str(intent.mode),
        "rule_id": intent.rule_id,
        "number": intent.number,
        "state": _FOLDERS.get(intent.state, str(intent.state)),
        "phase": str(intent.state),
        "recommendation_id": intent.recommendation_id,
        "created_at": spell_instant(intent.created_at),
        "updated_at": spell_instant(intent.updated_at),
        # One for each person, the last: who says it twice counts once.
        "approvals": [*map(_view_consent, {consent.uid: consent for consent in intent.consents}.values())],
        "decision": dump_verdict(decision),
        "attempt": None if attempt is None else _view_attempt(attempt),
        # Only where it says something: the keys above are what others read.
        **({"refused": intent.refused_why} if intent.refused_why and intent.state in UNSTARTED else {}),
    }


def _view_consent(consent: Consent) -> dict[str, Any]:
    return {"by": consent.name, "at": spell_instant(consent.at), "ends_at": spell_instant(consent.ends_at)}


def _view_attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "started_at": spell_instant(attempt.started_at),
        "ended_at": _spell(attempt.ended_at),
        "result": attempt.result,
        "exit_code": attempt.exit_code,
        "outcome": attempt.outcome,
    }


def _spell(moment: datetime | None) -> str | None:
    return None if moment is None else spell_instant(moment)


def spell_view(view: Mapping[str, Any], now: datetime) -> list[str]:
    """Return what an operator must see of it, a line each: halts first, then who asks, runs, waits; nothing where all rests."""
    lines = []
    if view["halted"]:
        halt = view["halted"]
        end = f"until {spoken_text(halt['until'])}" if halt["until"] else "until 'supervisor resume'"
        lines.append(f"HALTED by {halt['by']} since {spoken_text(halt['at'])}, {end}: {halt['reason']}")
    lines += [
        f"breaker of {spoken_name(row['scope'])} open until {spoken_text(row['until'])}" for row in view["breakers"]
    ]
    lines += [
        f"held: {spoken_name(row['target'])} by {row['by']} until {spoken_text(row['until'])}"
        f"{_spell_age(row['at'], now)}: {row['reason']}"
        for row in view["holds"]
    ]
    lines += [spell_action(row) for row in view["actions"] if row["phase"] != "suggested"]
    if view["counts"]["escalated"]:
        lines.append(_spell_escalated(view))
    return lines


def _spell_escalated(view: Mapping[str, Any]) -> str:
    """Return for which targets a person is needed; a checkpoint of before says only for how many."""
    names, count = view.get("escalated", []), view["counts"]["escalated"]
    if not names:
        return f"{count} escalated: a person is needed ('supervisor actions list')"
    more = f" and {count - MOST_NAMES} more" if count > MOST_NAMES else ""
    shown = ", ".join(map(spoken_name, names[:MOST_NAMES]))
    return f"{count} escalated: a person is needed for {shown}{more} ('supervisor policy explain {names[0]}')"


def spell_view_of(view: Mapping[str, Any], target: str) -> list[str]:
    """Return what is done, asked and held back about one target, for people."""
    lines = spell_view({**view, "actions": [], "counts": {"escalated": 0}}, datetime.fromisoformat(view["as_of"]))
    lines += [f"{spell_action(row)}{_spell_outcome(row)}" for row in view["actions"][-5:]]
    return [
        "",
        "Acting",
        *(f"  {line}" for line in lines),
        f"  'supervisor policy explain {target}' says what may be done",
    ]


def _spell_outcome(row: Mapping[str, Any]) -> str:
    attempt = row["attempt"]
    return f" ({attempt['result'] or 'no answer yet'}, {attempt['outcome'] or 'not verified yet'})" if attempt else ""


def _spell_age(at: str, now: datetime) -> str:
    days = (now - datetime.fromisoformat(at)).days
    return f" ({days} d old)" if days >= 7 else ""


_PHASES = {"pending": "asks", "approved": "approved", "running": "runs", "verifying": "is being verified"}


def spell_action(row: Mapping[str, Any]) -> str:
    """Return one action in a line: what it is, and what it waits for."""
    what = f"{row['verb']} of {spoken_target(row['node'], row['service'])} {_PHASES.get(row['phase'], row['phase'])}"
    decision = row["decision"]
    if row["phase"] == "pending":
        return f"{what}: 'supervisor approve {row['action_id']} --intent {row['intent_id'][:12]}'"
    if row["phase"] == "approved" and decision and decision["verdict"] != "start":
        until = f" until {spoken_text(decision['until'])}" if decision["until"] else ""
        return f"{what}, waits: {decision['decided_by']}{until}"
    if row.get("refused"):
        return f"{what}, but not started, by the look at the machine: {row['refused'].replace('_', ' ')}"
    return what

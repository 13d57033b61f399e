"""What the executor says: what it can do, and what came of what it started."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from schemas.attempt import Attempt, IntentState
from schemas.book import Able
from schemas.executor_record import Capabilities
from schemas.ledger import Entry
from stages.fold_ledger.fold import Fold, Taker


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
    is_illegal = intent is None or intent.state is not IntentState.APPROVED or record.intent_id in fold.starts
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
        fold.move(entry, intent, IntentState.RUNNING, was_started=True)
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
    if intent is not None and intent.state is IntentState.RUNNING:
        fold.move(entry, intent, IntentState.VERIFYING)


def _take_refused(fold: Fold, entry: Entry, record: Any) -> str | None:
    intent = fold.find("refused", record.intent_id)
    if isinstance(intent, str):
        return intent
    newest = max(intent.refused_at or record.world_at, record.world_at)
    fold.move(entry, intent, intent.state, refused_at=newest, refused_why=str(record.why))
    return None


TAKERS: dict[str, Taker] = {
    "claimed": _take_claimed,
    "capabilities": _take_capabilities,
    "started": _take_started,
    "ended": _take_ended,
    "lost": _take_lost,
    "refused": _take_refused,
}

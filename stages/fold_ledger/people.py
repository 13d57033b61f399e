"""What people say: yes, no and requests, holds, halts, and what they vouch for."""

from typing import Any

from schemas.attempt import Consent, IntentState
from schemas.book import Asking, Attested, Halted, Held, end_overrides, may_say_yes
from schemas.episode import Target
from schemas.ledger import Entry
from stages.fold_ledger.fold import Fold, Taker


def _take_approved(fold: Fold, entry: Entry, record: Any) -> str | None:
    intent = fold.intents.get(record.intent_id)
    breaks_glass = intent is not None and intent.state is IntentState.APPROVED and bool(record.overrides)
    if intent is None or (intent.state is not IntentState.PENDING and not breaks_glass):
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
    fold.move(entry, given, IntentState.APPROVED if enough else intent.state)
    return None


def _take_rejected(fold: Fold, entry: Entry, record: Any) -> str | None:
    intent = fold.find("rejected", record.intent_id)
    if isinstance(intent, str):
        return intent
    fold.move(entry, intent, IntentState.REJECTED, rejected_at=entry.at)
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


TAKERS: dict[str, Taker] = {
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
}

"""Attempts whose executor is gone: the backend is asked, where it can tell; else what became of them is seen from outside."""

from dataclasses import replace

from flows.executor.claim import Claim, write
from flows.executor.offer import Workshop
from flows.executor.order import Asked, order_of
from flows.ledger.actions.append import identify, open_ledger
from flows.ledger.actions.journals import read_journals
from schemas.attempt import Attempt
from schemas.executor_record import Lost
from schemas.ledger_words import Result, Role

_RESULTS = {Asked.NEVER_SEEN: Result.NO_EFFECT, Asked.DONE: Result.DONE, Asked.FAILED: Result.FAILED}


def settle_lost(claimed: Claim, workshop: Workshop) -> list[Lost]:
    """Write `lost` for each start of another fence that nobody ended; return what was written."""
    written, place, mind = [], claimed.place, claimed.mind
    for attempt in mind.fold(read_journals(place)).attempts:
        if attempt.ended_at is None and attempt.is_open and attempt.fence != claimed.fence:
            fence = claimed.take()
            result = _ask(attempt, workshop, fence)
            with open_ledger(place, identify(Role.EXECUTOR)) as ledger:
                lost = Lost(intent_id=attempt.intent_id, fence=fence, result=result, ended_at=mind.now())
                write(ledger, lost, mind)
                written.append(lost)
    return written


def _ask(attempt: Attempt, workshop: Workshop, fence: int) -> Result:
    """Return what the backend still knows; one that began may go on for long, so that it is lost all the same."""
    found = workshop.find(attempt.verb, attempt.node, attempt.service)
    if found is None:
        return Result.LOST
    return _RESULTS.get(found[1].ask(replace(order_of(attempt), fence=fence)), Result.LOST)

"""What an explained decision lacks: every guard with its word, all that is missing, and the earliest moment."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from flows.views.policy_explain import PolicyExplanation
from schemas.decision import GUARDS, Guard, GuardHit, Verdict
from schemas.executor_record import Offer
from schemas.policy import Policy, margin_of, numbers_of
from schemas.schedule import next_allowed
from schemas.verb import Mode

ASKING = frozenset({"approval", "collateral"})


class GuardLine(NamedTuple):
    """One guard, and what it says of the decision."""

    number: int
    guard: str
    hit: GuardHit | None
    """None where it passes."""
    asks: bool
    """It lets the question through."""
    overridable: bool


def list_guards(found: PolicyExplanation) -> Iterator[GuardLine]:
    """Yield every guard in order; of `needs`, those of the rule and those that fail."""
    hits = found.decision.guards if found.decision else ()
    for guard, trait in GUARDS.items():
        mine = {hit.name: hit for hit in hits if hit.guard is guard}
        if guard is Guard.BUSY_ITSELF and not mine:
            continue
        needed = [f"needs:{need}" for need in found.rule.needs] if guard is Guard.NEEDS and found.rule else []
        for name in dict.fromkeys([*needed, *mine]) or [str(guard)]:
            asks = not trait.keeps_from_asking
            yield GuardLine(trait.number, name, mine.get(name), asks, trait.is_overridable)


def find_offer(found: PolicyExplanation) -> Offer | None:
    """Return what the executor said that it would run; None where it offers nothing for this."""
    decision, able = found.decision, found.book.able
    if decision is None or decision.verb is None or able is None:
        return None
    target = f"{decision.node}/{decision.service}"
    offers = able.capabilities.offers
    return next((offer for offer in offers if (offer.verb, offer.target) == (decision.verb, target)), None)


def list_missing(found: PolicyExplanation) -> tuple[str, ...]:
    """Return every thing that lacks for a start, not only the first."""
    decision = found.decision
    if found.is_off:
        return ("automation", *_list_missing(found)) if decision and decision.verb else ("automation",)
    return tuple(_list_missing(found)) if decision and decision.verb else ()


def _list_missing(found: PolicyExplanation) -> Iterator[str]:
    decision = found.decision
    if decision is None:
        return
    if decision.mode in {Mode.OBSERVE, Mode.SUGGEST} and not found.is_off and decision.lowered_by:
        yield decision.lowered_by
    if found.rule is None or (not decision.is_requested and found.rule.mode in {Mode.OBSERVE, Mode.SUGGEST}):
        yield "rule"
    if find_offer(found) is None:
        yield "executor_line"
    if found.book.able is None or not found.book.able.counts_at(found.as_of):
        yield "executor_running"
    if decision.mode is Mode.APPROVE and not _has_operator(found):
        yield "operator"
    yield from (hit.name for hit in decision.guards if hit.verdict is Verdict.REFUSE)


def _has_operator(found: PolicyExplanation) -> bool:
    decision = found.decision
    if decision is None or decision.risk is None:
        return False
    target, risk = f"{decision.node}/{decision.service}", decision.risk
    return any(operator.may_approve(risk, target) for operator in found.operators)


def find_earliest(found: PolicyExplanation) -> datetime | None:
    """Return when it could start if nothing else changed; None where a person or an event has to come first."""
    decision = found.decision
    if decision is None or decision.verb is None or decision.verdict not in {Verdict.START, Verdict.WAIT}:
        return None
    if any(hit.name in ASKING or hit.until is None for hit in decision.guards):
        return None
    moments = [hit.until for hit in decision.guards if hit.until is not None]
    return _find_open(found, max(moments, default=found.as_of))


def _find_open(found: PolicyExplanation, at: datetime) -> datetime | None:
    """Return the first moment from then on that a window is open for long enough."""
    decision = found.decision
    if decision is None or decision.verb is None or not isinstance(found.policy, Policy):
        return None
    margin = margin_of(numbers_of(found.rule, found.numbers), decision.verb)
    return next_allowed(found.policy.schedule_of(found.rule), at, margin)

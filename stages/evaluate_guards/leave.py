"""Guards of the last step: a window that is open, the rest between attempts, the yes of people and of the executor."""

from datetime import datetime, timedelta

from schemas.attempt import Intent, IntentState
from schemas.candidate import Case
from schemas.canonical import spell_instant
from schemas.decision import Guard, make_hit
from schemas.ledger_words import AttemptOutcome
from schemas.policy import margin_of
from schemas.problem import count_failures, count_no_effect
from schemas.scene import limit_collateral
from schemas.schedule import fits, next_allowed
from schemas.spoken import count
from schemas.verb import Mode
from schemas.window import is_open
from stages.evaluate_guards.ground import Ground, Hits, Row


def _window(case: Case, ground: Ground) -> Hits:
    schedule = ground.schedules.get(case.rule.rule_id if case.rule else None)
    if schedule is None:
        return
    margin, as_of = margin_of(case.numbers, case.verb), ground.scene.as_of
    if not fits(schedule, as_of, margin):
        until = next_allowed(schedule, as_of, margin)
        is_denied = any(is_open(window, as_of) for window in schedule.deny)
        text = "it is frozen, or in a window that denies" if is_denied else "no window is open for long enough"
        yield make_hit(Guard.WINDOW, text, "the window, or the end of the freeze", until)


def _cooldown(case: Case, ground: Ground) -> Hits:
    last = case.last_mutating
    if last is None or last.ended_at is None:
        return
    until = last.ended_at + _find_rest(case, last.outcome)
    if ground.scene.as_of < until:
        yield make_hit(Guard.COOLDOWN, f"the last attempt ended at {spell_instant(last.ended_at)}", "time", until)


def _find_rest(case: Case, outcome: AttemptOutcome | None) -> timedelta:
    numbers = case.numbers
    if outcome is AttemptOutcome.NO_EFFECT:
        return _grow(numbers.no_effect_cooldown, 2, count_no_effect(case.attempts), numbers.cooldown_max)
    return _grow(numbers.cooldown, numbers.cooldown_factor, count_failures(case.attempts), numbers.cooldown_max)


def _grow(base: timedelta, factor: int, failures: int, longest: timedelta) -> timedelta:
    rest = base
    for _ in range(failures - 1):
        if rest >= longest or factor == 1 or not base:
            break
        rest *= factor
    return min(rest, longest)


def _collateral(case: Case, ground: Ground) -> Hits:
    dependants = ground.scene.dependants.get(case.target, 0)
    if dependants > limit_collateral(ground.scene, ground.numbers) and not case.is_approved:
        text = f"{count(dependants, 'clean service')} {'depends' if dependants == 1 else 'depend'} on it"
        yield make_hit(Guard.COLLATERAL, text, "an approval")


def _approval(case: Case, ground: Ground) -> Hits:
    if case.mode is Mode.APPROVE and not case.is_approved:
        said = ", ".join(_who_said_yes(case.intent, ground.scene.as_of))
        text = f"{case.approvals} must say yes{f'; {said} did' if said else ''}"
        yield make_hit(Guard.APPROVAL, text, f"supervisor approve {case.intent_id[:12]}")


def _who_said_yes(intent: Intent | None, as_of: datetime) -> list[str]:
    consents = intent.consents if intent is not None and intent.state is IntentState.PENDING else ()
    return sorted({consent.name for consent in consents if as_of < consent.ends_at})


def _refused(case: Case, ground: Ground) -> Hits:
    refused_at = case.intent.refused_at if case.intent else None
    if refused_at is not None and refused_at >= ground.scene.world_at:
        yield make_hit(Guard.REFUSED, "the executor looked, and found it otherwise", "the next world")


def _may_be_broad(ground: Ground) -> bool:
    return max(ground.scene.dependants.values(), default=0) > limit_collateral(ground.scene, ground.numbers)


def _may_be_refused(ground: Ground) -> bool:
    return any(case.intent is not None and case.intent.refused_at is not None for case in ground.cases)


ROWS = (
    Row(Guard.WINDOW, _window, lambda ground: bool(ground.schedules), is_for_mutating=True),
    Row(
        Guard.COOLDOWN, _cooldown, lambda ground: bool(ground.book.attempts), is_for_mutating=True, spares_requests=True
    ),
    Row(Guard.COLLATERAL, _collateral, _may_be_broad, is_for_mutating=True),
    Row(Guard.APPROVAL, _approval, lambda ground: any(case.mode is Mode.APPROVE for case in ground.cases)),
    Row(Guard.REFUSED, _refused, _may_be_refused),
)

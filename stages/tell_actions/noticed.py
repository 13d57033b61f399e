"""What a run notices by itself: what is blocked, holds that ended, breakers, another policy."""

from collections.abc import Iterator, Mapping

from schemas.action_event import ActionEvent, ActionTransition
from schemas.attempt import IntentState
from schemas.canonical import spell_instant
from schemas.decision import Decision, Verdict
from schemas.episode import Target
from schemas.operator_record import Hold, Release
from schemas.told import Fresh, Told
from schemas.words import ALL, FLEET, Severity
from stages.tell_actions.event import brief, identify, make_event, make_warning, spell

_T = ActionTransition


def find_blocked(fresh: Fresh) -> dict[tuple[str, str, str], Decision]:
    """Return the auto and approved intents that a guard holds back, by guard, target and problem."""
    found = {}
    for row in fresh.decisions:
        intent = fresh.book.intents.get(row.intent_id or "")
        if (
            intent is not None
            and intent.state is IntentState.APPROVED
            and row.verdict in {Verdict.WAIT, Verdict.REFUSE}
            and row.verb is not None
        ):
            at = spell_instant(row.problem_at) if row.problem_at else ""
            found[row.decided_by, f"{row.node}/{row.service}", at] = row
    return found


def tell_blocked(fresh: Fresh, told: Told, blocked: Mapping[tuple[str, str, str], Decision]) -> Iterator[ActionEvent]:
    """Yield an event for each that was not blocked so before."""
    for key in sorted(blocked.keys() - told.blocked):
        row = blocked[key]
        yield make_event(
            fresh,
            _T.BLOCKED,
            Severity.WARNING,
            Target(row.node, row.service),
            row.recommendation_id or row.action_id or key[1],
            identify("action_blocked", *key),
            action_id=row.action_id,
            intent_id=row.intent_id,
            verb=str(row.verb),
            mode=str(row.mode),
            rule_id=row.rule_id,
            number=row.number,
            decision=brief(row),
            until=spell(row.until),
        )


def is_open(fresh: Fresh, key: tuple[str, str, str]) -> bool:
    """Return whether the problem of something blocked is still open, or not opened yet and decided about."""
    node, _, service = key[1].partition("/")
    target = Target(node, service)
    return target in fresh.book.problems or any((row.node, row.service) == target for row in fresh.decisions)


def tell_ended_holds(fresh: Fresh, told: Told) -> Iterator[ActionEvent]:
    """Yield an event for each hold that came to its end; one that was released has that of its record."""
    released = {
        entry.record.target
        for entry, _ in fresh.entries
        if entry.n > told.n and isinstance(entry.record, Release | Hold)
    }
    for target, until in sorted(told.holds.items()):
        if until <= fresh.as_of and target not in released:
            event_id = identify("hold_ended", target, spell_instant(until))
            yield make_warning(fresh, _T.HOLD_ENDED, target, event_id, None, until)


def tell_breakers(fresh: Fresh, told: Told) -> Iterator[ActionEvent]:
    """Yield an event for each breaker that opened or closed."""
    for scopes, transition in (
        (fresh.breakers - told.breakers, _T.BREAKER_OPENED),
        (told.breakers - fresh.breakers, _T.BREAKER_CLOSED),
    ):
        for scope in sorted(scopes):
            name = scope if "/" in scope else f"{scope}/{ALL}"
            event_id = identify(str(transition), scope, spell_instant(fresh.as_of))
            yield make_warning(fresh, transition, name, event_id)


def tell_policy(fresh: Fresh, told: Told) -> Iterator[ActionEvent]:
    """Yield an event where the policy is another one, or none that is valid; the first valid one is no news."""
    before, now = (told.policy_fingerprint, told.is_policy_valid), (fresh.policy_fingerprint, fresh.is_policy_valid)
    if before == now or (told.policy_fingerprint is None and fresh.is_policy_valid):
        return
    transition = _T.POLICY_CHANGED if fresh.is_policy_valid else _T.POLICY_INVALID
    event_id = identify(str(transition), fresh.policy_fingerprint, spell_instant(fresh.as_of))
    yield make_warning(fresh, transition, f"{FLEET}/{ALL}", event_id)

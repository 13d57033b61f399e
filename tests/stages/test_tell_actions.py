"""Telling: each record that a person cares about once, and what a run notices by itself."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from schemas.action_event import ActionTransition
from schemas.book import Book, Held
from schemas.decider_record import Escalated, Relapsed, Verified
from schemas.episode import Target
from schemas.executor_record import Ended, Lost
from schemas.ledger import By, Entry
from schemas.ledger_words import AttemptOutcome, EscalationReason, Result, Role
from schemas.operator_record import Halt, Hold, Release, Resume
from schemas.told import Fresh, Told
from schemas.words import Severity
from stages.tell_actions import tell_actions
from tests.helpers.episodes import NOON

HOUR = timedelta(hours=1)


def fresh(*records, book=None, **rest):
    by = By(uid=1000, name="anna", role=Role.OPERATOR)
    entries = tuple((Entry(n, NOON, by, record), f"{n}" * 64) for n, record in enumerate(records, start=1))
    values = {"entries": entries, "book": book or Book(), "decisions": (), "severities": {}, "breakers": frozenset()}
    values |= {"policy_fingerprint": "p", "is_policy_valid": True, "as_of": NOON}
    return Fresh(**(values | rest))


def tell(what, told=None):
    return tell_actions(what, told or Told(policy_fingerprint="p"))


INTENT: dict[str, Any] = {"intent_id": "a" * 64}


@pytest.mark.parametrize(
    ("record", "transition", "severity"),
    [
        (Halt(reason="x"), "automation_halted", "warning"),
        (Resume(), "automation_resumed", "warning"),
        (Hold(target="piha/web", until=NOON + HOUR), "hold_set", "warning"),
        (Release(target="piha/web"), "hold_ended", "warning"),
        (Ended(**INTENT, fence=1, result=Result.DONE), "action_ended", "info"),
        (Ended(**INTENT, fence=1, result=Result.FAILED), "action_ended", "info"),
        (Ended(**INTENT, fence=1, result=Result.TIMED_OUT), "action_ended", "warning"),
        (Lost(**INTENT, fence=1, result=Result.LOST, ended_at=NOON), "action_ended", "warning"),
        (Verified(**INTENT, outcome=AttemptOutcome.RECOVERED, world_at=NOON), "action_verified", "info"),
        (Verified(**INTENT, outcome=AttemptOutcome.NOT_RECOVERED, world_at=NOON), "action_verified", "warning"),
        (Verified(**INTENT, outcome=AttemptOutcome.WORSE, world_at=NOON), "action_verified", "error"),
        (Verified(**INTENT, outcome=AttemptOutcome.UNKNOWN, world_at=NOON), "action_verified", "error"),
        (Relapsed(**INTENT), "action_relapsed", "warning"),
    ],
)
def test_a_record_has_one_event_of_its_severity(record, transition, severity):
    [event], told = tell(fresh(record))

    assert (event.transition, event.severity, told.n) == (transition, severity, 1)
    assert tell(fresh(record), told)[0] == ()


@pytest.mark.parametrize(
    ("level", "severity"), [(Severity.CRITICAL, "critical"), (Severity.WARNING, "error"), (None, "error")]
)
def test_an_escalation_is_as_loud_as_its_outage(level, severity):
    record = Escalated(node="piha", service="web", problem_at=NOON, reason=EscalationReason.LADDER_END)
    severities = {Target("piha", "web"): level} if level else {}
    [event], _ = tell(fresh(record, severities=severities))

    assert (event.transition, event.severity) == ("action_escalated", severity)


def test_a_hold_that_runs_out_is_told_once():
    held = Book(holds=(Held("piha/web", "anna", NOON, NOON + HOUR, "x"),))
    first, told = tell(fresh(Hold(target="piha/web", until=NOON + HOUR), book=held))
    before, told = tell(fresh(Hold(target="piha/web", until=NOON + HOUR), book=held, as_of=NOON + HOUR / 2), told)
    ended, told = tell(fresh(Hold(target="piha/web", until=NOON + HOUR), book=held, as_of=NOON + HOUR), told)
    after, _ = tell(fresh(Hold(target="piha/web", until=NOON + HOUR), book=held, as_of=NOON + 2 * HOUR), told)

    assert [[event.transition for event in events] for events in (first, before, ended, after)] == [
        [ActionTransition.HOLD_SET],
        [],
        [ActionTransition.HOLD_ENDED],
        [],
    ]


def test_the_shorter_of_two_holds_of_a_target_ends_nothing():
    long, short = (Held("piha/web", "anna", NOON, NOON + hours * HOUR, "x") for hours in (4, 1))
    _, told = tell(fresh(book=Book(holds=(long, short))))
    events, told = tell(fresh(book=Book(holds=(long, short)), as_of=NOON + 2 * HOUR), told)
    ended, _ = tell(fresh(book=Book(holds=(long, short)), as_of=NOON + 4 * HOUR), told)

    assert (len(events), len(ended)) == (0, 1)


def test_a_breaker_is_told_when_it_opens_and_when_it_closes():
    opened, told = tell(fresh(breakers=frozenset({"fleet", "piha/all"})))
    nothing, told = tell(fresh(breakers=frozenset({"fleet", "piha/all"})), told)
    closed, _ = tell(fresh(breakers=frozenset({"fleet"})), told)

    assert [(event.transition, event.node) for event in opened] == [
        ("breaker_opened", "fleet"),
        ("breaker_opened", "piha"),
    ]
    assert nothing == ()
    assert [(event.transition, event.node) for event in closed] == [("breaker_closed", "piha")]


@pytest.mark.parametrize(
    ("before", "now", "transitions"),
    [
        pytest.param(Told(), {}, [], id="the first policy"),
        pytest.param(Told(), {"is_policy_valid": False}, ["policy_invalid"], id="the first one, with a fault"),
        pytest.param(Told(policy_fingerprint="o"), {}, ["policy_changed"], id="another one"),
        pytest.param(Told(policy_fingerprint="p"), {"is_policy_valid": False}, ["policy_invalid"], id="a fault in it"),
        pytest.param(Told(policy_fingerprint="p", is_policy_valid=False), {}, ["policy_changed"], id="mended"),
    ],
)
def test_a_policy_is_told_where_it_changes(before, now, transitions):
    events, told = tell_actions(fresh(**now), before)

    assert [event.transition for event in events] == transitions
    assert tell_actions(fresh(**now), told)[0] == ()


def test_an_ignored_record_is_no_event():
    from schemas.book import Ignored

    what = fresh(Halt(reason="x"))

    assert tell(replace(what, book=Book(ignored=(Ignored(1, "halt", "no operator"),))))[0] == ()

"""The ledger folded: what is legal, from whom, and what is ignored and told."""

from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.attempt import IntentState
from schemas.decider_record import (
    Escalated,
    Expired,
    ProblemClosed,
    ProblemOpened,
    Proposed,
    Relapsed,
    Verified,
    Withdrawn,
)
from schemas.executor_record import AttemptNumbers, Basis, Capabilities, Claimed, Ended, Lost, Offer, Refused, Started
from schemas.ledger import WRITERS, By, Entry, Ledger
from schemas.ledger_words import AttemptOutcome, Closing, EscalationReason, Result, Role, Withdrawal
from schemas.numbers import Numbers
from schemas.operator import Operator
from schemas.operator_record import Approved, Halt, Hold, Rejected, Release, Requested, Resume, TakeOver
from schemas.verb import Mode, Risk, Verb
from stages.fold_ledger import fold_ledger
from tests.helpers.acting import ANNA, BERT, NOON

SAFE_ONLY = Operator(name="chat", uid=1003, risks=frozenset({Risk.SAFE}), targets=("piha/*",))
CARL = Operator(name="carl", uid=1004)
STRANGER = Operator(name="mallory", uid=6666)
ENDS = NOON + timedelta(hours=1)


def proposed(mode="approve", **changed):
    fields = {"intent_id": "i", "action_id": "a", "node": "piha", "service": "web", "verb": Verb.RESTART}
    fields |= {"risk": Risk.SAFE, "params": {}, "number": 1, "problem_at": NOON, "evidence_fingerprint": "e"}
    fields |= {"recommendation_id": "r", "rule_id": "all", "mode": Mode(mode), "approvals": 1}
    return Proposed(**fields | changed)


def yes(intent_id="i", **changed):
    return Approved(intent_id=intent_id, ends_at=ENDS, **changed)


def fold(*said, numbers=None, last_at=NOON):
    """Fold records in their order: of deciders and executors as they are, of operators in a pair with who says it; all but
    the last at noon.
    """
    entries = []
    for place, one in enumerate(said, start=1):
        record, who = one if isinstance(one, tuple) else (one, None)
        by = By(uid=who.uid, name=who.name, role=Role.OPERATOR) if who else By(uid=1, role=_role(record))
        entries.append(Entry(place, last_at if place == len(said) else NOON, by, record))
    return fold_ledger(Ledger(entries=tuple(entries)), (ANNA, BERT, CARL, SAFE_ONLY), numbers or Numbers())


def _role(record):
    return WRITERS[record.kind] if WRITERS[record.kind] is not Role.OPERATOR else Role.DECIDER


def state(book, intent_id="i"):
    return book.intents[intent_id].state


@pytest.mark.parametrize(
    ("said", "found"),
    [
        pytest.param([proposed("suggest")], "suggested", id="suggested"),
        pytest.param([proposed("approve")], "pending", id="asked for"),
        pytest.param([proposed("auto")], "approved", id="automatic"),
        pytest.param([proposed(), (yes(), ANNA)], "approved", id="approved"),
        pytest.param([proposed(approvals=2), (yes(), ANNA), (yes(), ANNA)], "pending", id="one person twice"),
        pytest.param([proposed(approvals=2), (yes(), ANNA), (yes(), BERT)], "approved", id="two people"),
        pytest.param([proposed(), (Rejected(intent_id="i"), ANNA)], "rejected", id="rejected"),
        pytest.param([proposed(), (Rejected(intent_id="i"), ANNA), proposed()], "pending", id="asked for again"),
        pytest.param([proposed("auto"), Expired(intent_id="i")], "pending", id="expired"),
        pytest.param(
            [proposed(), (yes(), ANNA), Withdrawn(intent_id="i", reason=Withdrawal.POLICY_CHANGED), proposed()],
            "pending",
            id="a yes from before is void",
        ),
    ],
)
def test_an_intent_moves_from_state_to_state(said, found):
    book = fold(*said)

    assert state(book) == found
    assert book.ignored == ()


@pytest.mark.parametrize(
    ("said", "found", "why"),
    [
        pytest.param([proposed(), (yes(), STRANGER)], "pending", "mallory is no operator", id="no operator"),
        pytest.param(
            [proposed(risk=Risk.GUARDED), (yes(), SAFE_ONLY)], "pending", "chat may not approve it", id="class"
        ),
        pytest.param([proposed(node="vps"), (yes(), SAFE_ONLY)], "pending", "chat may not approve it", id="target"),
        pytest.param([proposed(), yes()], "pending", "a decider may not say it", id="in another role's journal"),
        pytest.param([proposed(), (yes("j"), ANNA)], "pending", "there is no such intent", id="no such intent"),
        pytest.param([proposed("suggest"), (yes(), ANNA)], "suggested", "the intent is suggested", id="only suggested"),
        pytest.param([proposed("auto"), (yes(), ANNA)], "approved", "the intent is approved", id="approved already"),
        pytest.param([proposed(), proposed()], "pending", "the intent is pending already", id="proposed twice"),
    ],
)
def test_what_may_not_be_said_is_ignored_and_told(said, found, why):
    book = fold(*said)

    assert state(book) == found
    assert [row.why for row in book.ignored] == [why]


def test_an_approved_intent_takes_a_further_yes_only_for_what_it_passes():
    book = fold(proposed("auto"), (yes(overrides=("cooldown",)), ANNA))

    assert (state(book), book.ignored) == (IntentState.APPROVED, ())
    assert book.intents["i"].consents[0].overrides_end_at == NOON + timedelta(hours=4)


def test_an_outcome_needs_an_attempt():
    book = fold(proposed(), Verified(intent_id="i", outcome="recovered", world_at=NOON))

    assert [row.why for row in book.ignored] == ["no attempt of it waits for its outcome"]


def test_holds_and_halts_last_until_they_are_taken_back():
    hold, halt = Hold(target="piha/web", until=ENDS), Halt(reason="work")

    assert len(fold((hold, ANNA), (hold, BERT)).holds_at(NOON)) == 2
    assert fold((hold, ANNA)).holds_at(ENDS) == ()
    assert fold((hold, ANNA), (Release(target="piha/web"), BERT)).holds_at(NOON) == ()
    assert len(fold((halt, ANNA)).halts_at(ENDS)) == 1
    assert fold((halt, ANNA), (Resume(), BERT)).halts_at(NOON) == ()


@pytest.mark.parametrize(
    ("ends", "told"),
    [((None, 1), 0), ((2, 1), 0), ((1, 2), 1), ((1, None), 1), ((1, 1), 1), ((), None)],
)
def test_of_several_halts_the_one_that_lasts_longest_is_told(ends, told):
    ends = [None if hours is None else NOON + timedelta(hours=hours) for hours in ends]
    halt = fold(*((Halt(reason=str(place), until=end), ANNA) for place, end in enumerate(ends))).last_halt_at(NOON)

    assert (halt and halt.reason) == (None if told is None else str(told))


def test_a_request_counts_as_its_requesters_yes_but_for_danger_that_needs_others():
    request = Requested(node="piha", service="web", verb=Verb.FAILOVER, params={"to": "vps"}, ends_at=ENDS)
    dangerous = proposed(verb=Verb.FAILOVER, risk=Risk.DANGEROUS, params={"to": "vps"}, requested=1, rule_id=None)
    two = Numbers(dangerous_approvals=2)

    assert state(fold((request, ANNA), dangerous)) == "approved"
    said = ((request, ANNA), replace(dangerous, approvals=2), (yes(), BERT), (yes(), ANNA))
    assert state(fold(*said, numbers=two)) == "pending"
    assert state(fold(*said, (yes(), CARL), numbers=two)) == "approved"


def part(number, parts, target="piha/web"):
    return Capabilities(offers=(Offer(verb=Verb.RESTART, target=target),), self=(target,), part=number, parts=parts)


def test_what_the_executor_can_do_holds_once_all_parts_of_it_are_said():
    whole = Capabilities(offers=(Offer(verb=Verb.RESTART, target="vps/dns"),))
    book = fold(whole, part(1, 2), part(1, 2), part(2, 2, "piha/db"))

    assert [offer.target for offer in book.able.capabilities.offers] == ["piha/web", "piha/db"]
    assert (book.able.capabilities.self, book.able.capabilities.part) == (("piha/web", "piha/db"), None)
    assert fold(whole, part(1, 2)).able.capabilities == whole
    assert fold(whole, part(2, 2)).able.capabilities == whole
    assert [row.n for row in fold(whole, part(1, 3), part(3, 3)).ignored] == [3]


def test_the_order_in_which_journals_are_read_does_not_matter():
    said = (proposed(), (yes(), ANNA), Expired(intent_id="i"))
    book = fold(*said)

    entries = [
        Entry(3, NOON, By(uid=1, role=Role.DECIDER), said[2]),
        Entry(1, NOON, By(uid=1, role=Role.DECIDER), said[0]),
    ]
    entries.insert(1, Entry(2, NOON, By(uid=ANNA.uid, name="anna", role=Role.OPERATOR), yes()))
    assert fold_ledger(Ledger(entries=tuple(entries)), (ANNA, BERT, CARL, SAFE_ONLY), Numbers()) == book


OPENED = ProblemOpened(node="piha", service="web", problem_at=NOON, desired_hash=None, stable_for=60)
NEEDS_HELP = Escalated(node="piha", service="web", problem_at=NOON, reason=EscalationReason.WORSE)


def closed(problem_at=NOON):
    return ProblemClosed(node="piha", service="web", problem_at=problem_at, reason=Closing.LASTED)


def begun(fence=1):
    fields = {"intent_id": "i", "node": "piha", "service": "web", "verb": Verb.RESTART, "params": {}, "number": 1}
    fields |= {"step_hash": None, "desired_hash": None, "numbers": AttemptNumbers(), "basis": Basis(world_at=NOON)}
    return Started(fence=fence, problem_at=NOON, **fields)


def ended(result=Result.DONE):
    return Ended(intent_id="i", fence=1, result=result)


def came_to(outcome):
    return Verified(intent_id="i", outcome=outcome, world_at=NOON)


def test_a_refusal_is_remembered_when_the_intent_is_proposed_again():
    withdrawn = Withdrawn(intent_id="i", reason=Withdrawal.POLICY_CHANGED)
    book = fold(proposed("auto"), Refused(intent_id="i", world_at=NOON, why="starting"), withdrawn, proposed("auto"))

    assert (state(book), book.intents["i"].refused_at, book.intents["i"].refused_why) == ("approved", NOON, "starting")


def test_what_has_run_is_proposed_under_another_intent():
    book = fold(proposed("auto"), begun(), ended(), came_to(AttemptOutcome.EXPLAINED), proposed("auto"))

    assert [row.why for row in book.ignored] == ["the intent is cancelled already"]


def test_a_no_ends_the_request_that_it_answers():
    request = Requested(node="piha", service="web", verb=Verb.RESTART, params={}, ends_at=ENDS)
    book = fold((request, ANNA), proposed(requested=1, approvals=2), (Rejected(intent_id="i"), BERT))

    assert [asking.is_over for asking in book.requests] == [True]


def test_a_problem_ends_by_its_own_moment_and_is_escalated_once():
    book = fold(OPENED, NEEDS_HELP, NEEDS_HELP, closed(ENDS))

    assert [row.why for row in book.ignored] == ["that was said before", "no such problem is open"]
    assert len(book.problems) == 1


def test_a_release_ends_the_holds_of_its_target_alone():
    one, other = Hold(target="piha/web", until=ENDS), Hold(target="vps/dns", until=ENDS)
    book = fold((one, ANNA), (other, ANNA), (Release(target="piha/web"), BERT))

    assert [hold.target for hold in book.holds_at(NOON)] == ["vps/dns"]


def test_a_take_over_is_used_up_by_the_executor_that_claims():
    assert fold((TakeOver(host="new"), ANNA)).taken_over_by == "new"
    assert fold((TakeOver(host="new"), ANNA), Claimed()).taken_over_by is None


def test_an_attempt_ends_once():
    book = fold(proposed("auto"), begun(), ended(Result.DONE), ended(Result.FAILED))

    assert [attempt.result for attempt in book.attempts] == [Result.DONE]


def test_what_runs_has_no_outcome_before_it_ended_or_was_given_up():
    running = (proposed("auto"), begun())
    early, late = fold(*running, came_to(AttemptOutcome.RECOVERED)), NOON + timedelta(minutes=17)

    assert (state(early), early.attempts[0].outcome, len(early.ignored)) == ("running", None, 1)
    given_up = fold(*running, came_to(AttemptOutcome.UNKNOWN), last_at=late)
    assert (state(given_up), given_up.attempts[0].result, given_up.ignored) == ("failed", Result.LOST, ())


@pytest.mark.parametrize("end", [ended(), Lost(intent_id="i", fence=2, result=Result.LOST, ended_at=NOON)])
def test_of_two_starts_of_one_intent_none_stays_open_for_ever(end):
    book = fold(proposed("auto"), begun(), begun(), end, came_to(AttemptOutcome.RECOVERED))

    assert (book.illegal, book.open_attempts, state(book)) == ((3,), (), "completed")


def test_what_was_started_without_leave_is_not_started_again_with_it():
    book = fold(begun(), proposed("auto"), begun())

    assert (book.illegal, book.intents["i"].was_started) == ((1, 3), True)


def test_a_relapse_is_one_of_a_problem_that_is_open():
    recovered = (proposed("auto"), OPENED, begun(), ended(), came_to(AttemptOutcome.RECOVERED))
    relapsed = Relapsed(intent_id="i")

    assert [attempt.outcome for attempt in fold(*recovered, relapsed).attempts] == ["relapsed"]
    assert [row.why for row in fold(*recovered, closed(), relapsed).ignored] == ["its problem is over"]
    again = replace(OPENED, problem_at=ENDS)
    assert [row.why for row in fold(*recovered, closed(), again, relapsed).ignored] == ["its problem is over"]

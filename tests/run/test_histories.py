"""What holds in every history of acting (ACTIONS 19), tried on random ones; and that they reach all that there is."""

import os
import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.attempt import Attempt
from schemas.book import Able
from schemas.decision import Guard, Verdict
from schemas.executor_record import Capabilities
from schemas.ledger import By, Entry
from schemas.ledger_words import AttemptOutcome, Role
from schemas.match import Match
from schemas.memory import Progress
from schemas.numbers import Automation
from schemas.operator_record import Halt, Hold
from schemas.policy import Ceiling
from schemas.problem import count_failures
from schemas.scene import look_at
from schemas.verb import Mode, is_mutating
from schemas.verification import deadline_of, give_up
from schemas.window import parse_window
from tests.helpers.acting import ANNA, target
from tests.helpers.histories import CHAIN, History
from tests.helpers.thorough import few_or

RUNS = 50
RICH = (65, 76, 0, 3, 5, 8, 9, 28, 44)
"""Histories that reach all that there is, the last time that somebody looked; where they do not, others are tried."""
FEW, MANY = range(few_or(8, 2)), range(24, 24 + int(os.environ.get("HISTORIES", "60")))
"""`HISTORIES=1000` plays a thousand, in twenty minutes."""
PASSING = {
    "busy",
    "chain_busy",
    "quorum",
    "breaker",
    "rate_node",
    "rate_fleet",
    "rate_target",
    "budget",
    "rate_diagnostics",
}
"""What holds one target back because of another one."""


def play(seeds, on_run=lambda *_: None, runs=RUNS, wanted=()):
    """Play histories, until something that is wanted is reached; return what they reached."""
    reached = Counter()
    for seed in seeds:
        if wanted and wanted <= set(reached):
            break
        history = History(seed, on_run)
        history.play(runs)
        reached += history.guards + history.outcomes + history.events
        check_whole(history)
    return reached


def check_whole(history):
    """What holds of a whole history: starts (4, 6) and open attempts (5)."""
    book = history.lab.book()
    assert book.illegal == ()
    starts = Counter(attempt.intent_id for attempt in book.attempts)
    assert max(starts.values(), default=0) <= 1
    for attempt in book.attempts:
        beside = [other for other in book.attempts if other is not attempt and is_open_at(other, attempt)]
        assert len(beside) < history.lab.numbers.max_concurrent
        assert not any(clash(attempt, other) for other in beside)
    check_rates(history, book)


def is_open_at(other: Attempt, attempt: Attempt) -> bool:
    """Return whether an attempt was open when another one started."""
    begun = (other.started_at, other.n) < (attempt.started_at, attempt.n)
    return begun and (other.settled_at is None or other.settled_n > attempt.n)


def clash(one, other):
    racks = [{"rack" if node in "bc" else node for node in attempt.nodes} for attempt in (one, other)]
    chains = is_mutating(one.verb) and other.target in CHAIN.get(one.target, ())
    groups = is_mutating(one.verb) and one.service == other.service == "etcd"
    return bool(racks[0] & racks[1]) or chains or groups


def check_rates(history, book):
    numbers = history.lab.numbers
    passed = {consent for intent in book.intents.values() for row in intent.consents for consent in row.overrides}
    mutating = [attempt for attempt in book.attempts if attempt.is_mutating]
    looks = [attempt for attempt in book.attempts if not attempt.is_mutating]
    assert most_starts(mutating, numbers.budget, lambda _: ("fleet",)) <= numbers.budget.count
    assert most_starts(mutating, numbers.rate_node, lambda row: row.nodes) <= numbers.rate_node.count
    assert most_starts(mutating, numbers.rate_target, lambda row: (row.target,)) <= numbers.rate_target.count
    assert most_starts(looks, numbers.rate_diagnostics, lambda _: ("fleet",)) <= numbers.rate_diagnostics.count
    if "rate_fleet" not in passed:
        assert most_starts(mutating, numbers.rate_fleet, lambda _: ("fleet",)) <= numbers.rate_fleet.count


def most_starts(attempts, rate, scopes_of):
    counts = [
        sum(
            scope in scopes_of(other) and last.started_at - rate.window < other.started_at <= last.started_at
            for other in attempts
        )
        for last in attempts
        for scope in scopes_of(last)
    ]
    return max(counts, default=0)


@pytest.mark.slow
def test_every_outcome_and_every_guard_is_reached():
    wanted = {str(guard) for guard in Guard} - {"needs", "busy_itself"}
    wanted |= {
        f"needs:{name}"
        for name in (
            "disk",
            "failover_after",
            "attest_down",
            "other_instance_healthy",
            "no_open_incident",
            "no_recent_deployment",
        )
    } | {str(outcome) for outcome in AttemptOutcome}
    wanted |= {
        "proposed",
        "withdrawn",
        "expired",
        "verified",
        "relapsed",
        "problem_opened",
        "problem_closed",
        "escalated",
    }
    reached = play((*RICH, *range(100)), wanted=wanted)

    assert wanted - set(reached) == set()


def check_determinism(history, scene, memory, decided):
    """1: the same again is equal, whatever the order of rows, of journals and of ceilings."""
    assert history.decide(scene, memory) == decided
    mixed = [*scene.advice]
    random.Random(1).shuffle(mixed)
    ledger = replace(history.ledger, entries=history.ledger.entries[::-1])
    assert history.decide(replace(scene, advice=tuple(mixed)), memory, ledger=ledger) == decided


def check_restrictions(history, scene, memory, decided):
    """2 and 3: what restricts never turns a verdict into `start` but where another one made it wait."""
    for narrowed, concerns in restrict(history):
        after = history.decide(scene, memory, **narrowed)
        was = {row.intent_id: row for row in decided.decisions}
        for row in after.decisions:
            if row.verdict is Verdict.START and was[row.intent_id].verdict is not Verdict.START:
                assert not concerns(row)
                assert {hit.name for hit in was[row.intent_id].guards} <= PASSING


def restrict(history):
    lab, now = history.lab, history.now
    by = By(uid=ANNA.uid, name="anna", role=Role.OPERATOR)

    def say(record):
        return {"ledger": replace(history.ledger, entries=(*history.ledger.entries, Entry(10**6, now, by, record)))}

    yield say(Hold(target="a/all", until=now + timedelta(hours=1))), lambda row: row.node == "a"
    yield say(Halt()), lambda _: True
    yield (
        {"numbers": replace(lab.numbers, automation=Automation.APPROVE)},
        lambda row: row.lowered_by == "automation",
    )
    if lab.policy is not history.rules:
        return
    ceiling = Ceiling(match=Match((("service", ("web",)),)), mode=Mode.SUGGEST)
    yield {"policy": replace(lab.policy, ceilings=(*lab.policy.ceilings, ceiling))}, lambda row: row.service == "web"
    globs = (*lab.policy.protected, "*/etcd")
    yield {"policy": replace(lab.policy, protected=globs)}, lambda row: row.service == "etcd"
    windows = (*lab.policy.windows, ("ever", parse_window({})))
    frozen = {"policy": replace(lab.policy, windows=windows, freeze=("ever",))}
    yield frozen, lambda row: is_mutating(row.verb) and "window" not in overrides_of(history, row)


def overrides_of(history, row):
    intent = history.lab.book().intents.get(row.intent_id)
    return {name for consent in intent.consents for name in consent.overrides} if intent else set()


def check_starts(history, scene, memory, decided):
    """7, 8 and 14: who starts is dirty, seen, and not held back; but by request."""
    for row in decided.decisions:
        if row.verdict is not Verdict.START:
            continue
        where = target(f"{row.node}/{row.service}")
        assert scene.as_of - scene.world_at <= history.lab.numbers.act_world_ttl
        assert not scene.is_observer_suspect
        assert not {row.node, row.params.get("to")} & scene.suspect
        assert not history.lab.book().halts_at(scene.as_of)
        if row.requested is None and row.verb != "failover":
            assert look_at(scene, where).is_dirty
            standing = [finding for finding in scene.findings[where] if finding.is_standing]
            assert any(finding.is_repairable for finding in standing)


def check_neutral(history, scene, memory, decided):
    """13: a neutral outcome never changes f; 15: nothing waits for its outcome for ever."""
    before = {problem.target: count_failures(problem.attempts) for problem in history.lab.book().problems.values()}
    neutral = {"explained", "superseded", "collected", "not_collected", "no_effect"}
    settled = [record for record in decided.records if record.kind == "verified"]
    attempts = {attempt.intent_id: attempt for attempt in history.lab.book().attempts}
    closed = {
        target(f"{record.node}/{record.service}") for record in decided.records if record.kind == "problem_closed"
    }
    for record in settled:
        where = attempts[record.intent_id].target
        rows = [row for row in decided.decisions if (row.node, row.service) == where and row.requested is None]
        if record.outcome in neutral and where in before and where not in closed and rows and rows[0].verb == "restart":
            assert before[where] < 2
    done = {record.intent_id for record in settled}
    for attempt in give_up(history.lab.book(), scene.as_of).open_attempts:
        if attempt.intent_id not in done:
            assert scene.as_of < last_moment(attempt, decided)


def last_moment(attempt, decided):
    if attempt.ended_at is None:
        return attempt.gives_up_at
    due = deadline_of(attempt, decided.memory.progress.get(attempt.intent_id, Progress()))
    return due + timedelta(seconds=attempt.numbers.verify_within + attempt.numbers.verify_grace)


def check_untils(history, scene, memory, decided):
    """9: until its own moment a guard fails, and from it on not, while nothing else happens."""
    waiting = [attempt for attempt in history.lab.book().open_attempts if attempt.ended_at is not None]
    admitted = [row for row in decided.decisions if row.verdict is Verdict.START]
    if waiting or admitted or history.lab.book().open_attempts:
        return
    for row in decided.decisions:
        for hit in row.guards:
            if hit.until is not None:
                before = look_later(history, scene, decided, hit.until - timedelta(seconds=1), row, hit)
                after = look_later(history, scene, decided, hit.until, row, hit)
                assert before is not False, (row.node, row.service, row.verb, hit)
                assert after is not True, (row.node, row.service, row.verb, hit)


def look_later(history, scene, decided, moment, row, hit):
    """Return whether a guard fails at another moment, in a world that is as it was; None where another one is admitted then, or a request is over."""
    records = [
        Entry(10**6 + place, scene.as_of, By(uid=1, role=Role.DECIDER), record)
        for place, record in enumerate(decided.records)
    ]
    ledger = replace(history.ledger, entries=(*history.ledger.entries, *records))
    able = history.lab.able or Able(moment, Capabilities(offers=history.offers()))
    later = replace(scene, as_of=moment, world_at=max(moment, scene.world_at))
    rows = history.decide(later, replace(decided.memory, last_run=moment), ledger=ledger, able=able).decisions
    same = [
        other
        for other in rows
        if (other.node, other.service, other.requested) == (row.node, row.service, row.requested)
    ]
    if not same or any(other.verdict is Verdict.START and other not in same for other in rows if hit.name in PASSING):
        return None
    return any(hit.name == found.name for other in same for found in other.guards)


CHECKS = [check_determinism, check_restrictions, check_starts, check_neutral, check_untils]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_what_holds_in_every_history(check):
    play(FEW, check)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_what_holds_in_many_histories():
    def check(history, scene, memory, decided):
        check_starts(history, scene, memory, decided)
        check_neutral(history, scene, memory, decided)
        if history.dice.random() < 0.1:
            for slow in (check_determinism, check_restrictions, check_untils):
                slow(history, scene, memory, decided)

    play(MANY, check)

"""The scenarios of ACTIONS 17 that need no process, each by its number."""

from dataclasses import replace
from datetime import timedelta

import pytest

from flows.run.actions import find_startable
from schemas.book import Able
from schemas.decision import Verdict
from schemas.executor_record import Capabilities, Lost, Refused
from schemas.ledger_words import Result
from schemas.match import Match
from schemas.memory import Memory
from schemas.numbers import Automation, Numbers
from schemas.operator_record import Approved, AttestDown, Halt, Hold, Rejected, Requested, Reset, Resume
from schemas.policy import BrokenPolicy, Ceiling, Failover, FaultSeverity, Group, Need, PolicyFault
from schemas.scene import Asked, Deployed, Finding, Shown
from schemas.verb import Mode, Verb
from schemas.window import parse_window
from schemas.words import Action, DriftKind, HeldBy, Severity
from tests.helpers.acting import ANNA, BERT, NOON, Lab, at, policy, rule, target

WEB, WHERE = "piha/web", target("piha/web")
TYPO = PolicyFault(FaultSeverity.ERROR, "policy.yaml", 12, 5, "unknown key coldown; did you mean cooldown")


def later(**duration):
    return NOON + timedelta(**duration)


def broken(*names, services=(WEB,), **given):
    """Return a lab in which these have been broken for long."""
    lab = Lab(services=services, **given)
    for name in names or (WEB,):
        lab.stand(name)
    return lab


def yes(lab, moment, operator=ANNA, name=WEB, hours=1, **changed):
    """Approve what the last run decided about a target."""
    intent_id = lab.decision(name).intent_id
    lab.say(moment, Approved(intent_id=intent_id, ends_at=moment + timedelta(hours=hours), **changed), operator)
    return intent_id


def ask(lab, moment, name=WEB, verb=Verb.RESTART, operator=ANNA, **changed):
    """Request a verb by hand."""
    where = target(name)
    request = Requested(
        node=where.node, service=where.service, verb=verb, ends_at=moment + timedelta(hours=1), **changed
    )
    return lab.say(moment, request, operator)


def test_2a_without_rules_everything_is_observed():
    lab = broken(policy=replace(policy(), rules=()))

    lab.run(NOON)

    assert (*lab.verdict(WEB), lab.decision(WEB).mode) == ("observe", "no_rule", Mode.OBSERVE)
    assert lab.kinds() == []


def test_2b_a_broken_policy_refuses_all_keeps_approvals_and_still_verifies():
    lab = broken(WEB, "vps/mail", services=(WEB, "vps/mail"), policy=policy(rule(mode="approve")))
    lab.run(NOON)
    yes(lab, NOON)
    intent_id = yes(lab, NOON, name="vps/mail")
    lab.run(NOON)
    lab.end(lab.start(WEB, NOON), later(seconds=5))
    whole, lab.policy = lab.policy, BrokenPolicy(faults=(TYPO,))
    lab.mend(WEB)

    assert lab.settle(later(seconds=30), "recovered") == later(minutes=2)
    decision = lab.decision("vps/mail")
    assert (decision.verdict, decision.decided_by, decision.rule_id) == ("refuse", "policy_invalid", None)
    assert decision.reason == "policy.yaml:12:5 unknown key coldown; did you mean cooldown"
    lab.policy = whole
    lab.run(later(minutes=3))
    assert (lab.decision("vps/mail").intent_id, *lab.verdict("vps/mail")) == (intent_id, "start", "all")


def test_3_the_first_rule_that_matches_decides():
    narrow = rule("b", "observe", {"service": ["db-*"]})
    lab = broken(WEB, "piha/db-x", services=(WEB, "piha/db-x"), policy=policy(narrow, rule("a")))

    lab.run(NOON)

    assert lab.verdict("piha/db-x") == ("observe", "b")
    assert lab.decision(WEB).rule_id == "a"


def test_4_a_ceiling_and_protection_lower_the_mode():
    ceiling = Ceiling(match=Match((("node", ("piha",)),)), mode=Mode.APPROVE)
    lab = broken(policy=policy(ceilings=(ceiling,)))
    lab.run(NOON)
    assert (*lab.verdict(WEB), lab.decision(WEB).lowered_by) == ("ask", "approval", "ceilings[0]")

    lab = broken(policy=policy(ceilings=(ceiling,), protected=("*/web",)))
    ask(lab, NOON)
    lab.run(NOON)
    shown = {decision.requested is not None: decision for decision in lab.decided.decisions}
    assert (shown[False].verdict, shown[False].decided_by) == ("suggest", "protected")
    assert (shown[True].verdict, shown[True].decided_by) == ("refuse", "protected")


@pytest.mark.parametrize("result", ["done", "failed"])
def test_5_success_is_what_the_observer_sees_whatever_the_exit_code(result):
    lab = broken()
    lab.run(NOON)
    assert lab.kinds() == ["problem_opened", "proposed"]
    lab.end(lab.start(WEB, NOON), later(seconds=5), result)
    lab.mend(WEB)

    assert lab.settle(later(seconds=30), "recovered") == later(seconds=120)
    assert lab.book().attempts[0].result == result


def test_6_the_ladder_is_climbed_after_each_rest_and_ends_with_a_person():
    lab = broken()
    story = []
    for now in (NOON + timedelta(seconds=30 * step) for step in range(500)):
        lab.run(now)
        story += [f"{now:%H:%M:%S} {found}" for found in lab.outcomes()]
        story += [
            f"{now:%H:%M:%S} escalated {record.reason}" for record in lab.decided.records if record.kind == "escalated"
        ]
        if lab.decision(WEB).verdict == "start":
            story.append(f"{now:%H:%M:%S} {lab.decision(WEB).verb}")
            lab.end(lab.start(WEB, now), now + timedelta(seconds=5))

    assert story == [
        "12:00:00 restart", "12:10:30 not_recovered",
        "12:30:30 restart", "12:41:00 not_recovered",
        "13:31:00 redeploy", "13:41:30 not_recovered",
        "13:41:30 diagnostics", "13:42:00 collected", "13:42:00 escalated ladder_end",
    ]  # fmt: skip
    assert lab.verdict(WEB) == ("refuse", "needs_human")


@pytest.mark.parametrize("minutes", [12, 29.5])
def test_7a_trouble_within_the_stable_time_is_a_relapse(minutes):
    lab = broken()
    lab.act(WEB, NOON)
    lab.mend(WEB)
    lab.settle(later(seconds=30), "recovered")
    for step in range(5, int(2 * minutes) + 1):
        lab.run(later(seconds=30 * step))
    lab.break_it(WEB)
    now = later(minutes=minutes, seconds=30)
    lab.run(now)

    assert "relapsed" in lab.kinds()
    assert lab.book().problems[WHERE].attempts[0].outcome == "relapsed"
    assert lab.decision(WEB).number == 2
    assert {hit.name: hit.until for hit in lab.decision(WEB).guards}.get("cooldown", later(seconds=1805)) == later(
        seconds=1805
    )


def test_only_a_later_world_than_that_of_the_recovery_shows_a_relapse():
    lab = broken()
    lab.act(WEB, NOON)
    lab.mend(WEB)
    recovered_at = lab.settle(later(seconds=30), "recovered")
    lab.break_it(WEB)
    lab.run(recovered_at + timedelta(seconds=30), world_at=recovered_at)
    assert "relapsed" not in lab.kinds()
    lab.run(recovered_at + timedelta(seconds=60))

    assert "relapsed" in lab.kinds()


def test_7b_trouble_behind_the_stable_time_is_a_new_problem():
    lab = broken()
    lab.act(WEB, NOON)
    lab.mend(WEB)
    for step in range(1, 70):
        lab.run(later(seconds=30 * step))
    assert lab.book().problems == {}
    lab.stand(WEB, since=later(minutes=40))
    lab.run(later(minutes=45))

    assert (lab.decision(WEB).number, lab.verdict(WEB)) == (1, ("start", "all"))
    assert lab.kinds() == ["problem_opened", "proposed"]


def test_7c_a_changed_entry_ends_the_problem_that_of_another_service_does_nothing():
    lab = broken(services=(WEB, "piha/db"))
    for begun in (NOON, later(hours=1)):
        lab.act(WEB, begun)
        lab.settle(begun + timedelta(seconds=30), "not_recovered")
    now = later(hours=3)
    lab.asked[target("piha/db")] = Asked(desired_hash="e" * 64)
    lab.run(now)
    assert (lab.decision(WEB).number, lab.decision(WEB).verb) == (3, "redeploy")
    lab.asked[WHERE] = Asked(desired_hash="e" * 64)
    lab.run(now + timedelta(seconds=30))

    assert [record.reason for record in lab.decided.records if record.kind == "problem_closed"] == ["desired_changed"]
    assert (lab.decision(WEB).number, lab.decision(WEB).verb) == (1, "restart")


def test_8a_a_lost_attempt_is_not_repeated_but_judged():
    lab = broken()
    lab.run(NOON)
    started = lab.start(WEB, NOON)
    lost = Lost(intent_id=started.intent_id, fence=started.fence, result=Result.LOST, ended_at=later(minutes=1))
    lab.say(later(minutes=1), lost)

    assert lab.settle(later(minutes=1), "not_recovered") == later(minutes=11)
    assert (lab.decision(WEB).number, lab.verdict(WEB)) == (2, ("wait", "cooldown"))


def test_8b_what_was_never_sent_is_tried_again_soon_and_by_the_same_verb():
    lab = broken()
    lab.act(WEB, NOON, "no_effect")
    lab.run(later(seconds=30))
    assert lab.outcomes() == ["no_effect"]
    assert (lab.decision(WEB).number, lab.decision(WEB).verb) == (2, "restart")
    assert lab.decision(WEB).until == later(seconds=5, minutes=5)


def test_8_what_no_executor_comes_back_for_is_lost():
    lab = broken()
    lab.run(NOON)
    lab.start(WEB, NOON)
    lab.run(later(minutes=16, seconds=59))
    assert lab.outcomes() == []
    lab.run(later(minutes=17))

    assert lab.outcomes() == ["not_recovered"]
    assert lab.book().attempts[0].ended_at == later(minutes=2)


@pytest.mark.parametrize(
    ("by", "is_ended"), [(0, True), (1, True), (-1, False)], ids=["its own", "a later one", "an earlier one"]
)
def test_8_an_end_is_believed_from_the_executor_that_started_or_a_later_one(by, is_ended):
    lab = broken()
    lab.run(NOON)
    started = lab.start(WEB, NOON)
    lab.end(replace(started, fence=started.fence + by), later(seconds=5))

    assert (lab.book().attempts[0].ended_at == later(seconds=5)) is is_ended
    assert len(lab.book().ignored) == (not is_ended)


def test_9a_two_different_people_must_say_yes():
    lab = broken(policy=policy(rule(mode="approve", approvals=2)))
    lab.run(NOON)
    for second, (operator, verdict) in enumerate(((ANNA, "ask"), (ANNA, "ask"), (BERT, "start"))):
        yes(lab, later(seconds=second), operator)
        lab.run(NOON)
        assert lab.decision(WEB).verdict == verdict


def test_who_said_yes_is_told_while_others_must():
    lab = broken(policy=policy(rule(mode="approve", approvals=2)))
    lab.run(NOON)
    yes(lab, later(seconds=1), ANNA)
    lab.run(later(minutes=1))

    assert [hit.text for hit in lab.decision(WEB).guards] == ["2 must say yes; anna did"]


def test_an_approval_that_is_not_enough_any_more_is_asked_for_again():
    lab = broken(policy=policy(rule(mode="approve")))
    lab.run(NOON)
    yes(lab, NOON, ANNA)
    lab.policy = policy(rule(mode="approve", approvals=2))
    lab.run(NOON)
    assert (lab.kinds(), *lab.verdict(WEB)) == (["expired"], "ask", "approval")
    yes(lab, NOON, BERT)
    lab.run(NOON)

    assert lab.decision(WEB).verdict == "start"


def test_9b_an_unused_approval_ends_and_is_asked_for_again():
    window = parse_window({"from": "13:30", "to": "15:00"})
    lab = broken(policy=policy(rule(mode="approve", allow=("day",)), windows=(("day", window),)))
    lab.run(NOON)
    intent_id = yes(lab, NOON)
    lab.run(later(minutes=59))
    assert (*lab.verdict(WEB), lab.decision(WEB).until) == ("wait", "window", later(minutes=90))
    lab.run(later(minutes=60))
    assert (lab.kinds(), *lab.verdict(WEB)) == (["expired"], "ask", "approval")
    lab.run(later(minutes=95))

    assert (lab.verdict(WEB), lab.decision(WEB).intent_id) == (("ask", "approval"), intent_id)


def test_10_an_approval_to_repair_is_none_to_restart_what_is_well():
    lab = broken(policy=policy(rule(mode="approve")))
    lab.run(NOON)
    yes(lab, NOON)
    lab.mend(WEB)
    lab.run(later(seconds=30))

    assert [(record.kind, record.reason) for record in lab.decided.records] == [("withdrawn", "drift_resolved_auto")]


def test_11_new_evidence_voids_an_approval_and_ages_do_not():
    lab = broken(policy=policy(rule(mode="approve")))
    lab.run(NOON)
    intent_id = yes(lab, NOON)
    lab.run(later(minutes=5))
    assert (lab.decision(WEB).intent_id, lab.verdict(WEB)) == (intent_id, ("start", "all"))
    lab.advice[WEB] = lab.advice[WEB]._replace(
        causing_kinds=(DriftKind.UNHEALTHY_SERVICE, DriftKind.UNRESOLVED_INCIDENT)
    )
    lab.run(later(minutes=6))

    assert lab.kinds() == ["withdrawn", "proposed"]
    assert (lab.decided.records[0].reason, *lab.verdict(WEB)) == ("evidence_changed", "ask", "approval")


def test_12_what_the_executor_refused_is_decided_anew_on_the_next_world():
    lab = broken()
    lab.run(NOON)
    lab.say(NOON, Refused(intent_id=lab.decision(WEB).intent_id, world_at=NOON, why="starting"))
    lab.run(later(seconds=10), NOON)
    assert (*lab.verdict(WEB), lab.guards(WEB)) == ("wait", "refused", ["refused"])
    lab.run(later(seconds=30))

    assert (lab.verdict(WEB), lab.decision(WEB).number) == (("start", "all"), 1)


def test_13a_an_old_world_starts_nothing():
    lab = broken()

    lab.run(later(minutes=4), NOON)

    assert lab.verdict(WEB) == ("wait", "stale_world")


def test_13b_what_is_not_seen_any_more_becomes_unknown_and_holds_until_it_is_seen():
    lab = broken()
    lab.act(WEB, NOON)
    lab.more["shown"] = {WHERE: Shown(False, NOON)}
    assert lab.settle(later(seconds=30), "unknown") == later(minutes=25, seconds=30)
    lab.run(later(hours=2))
    assert lab.verdict(WEB) == ("wait", "stale_world")
    lab.more["shown"] = {WHERE: Shown(False, later(hours=2))}
    lab.run(later(hours=2, seconds=30))

    assert lab.verdict(WEB) == ("start", "all")


def test_14_a_fault_of_something_bigger_starts_nothing_and_asks_nothing():
    names = [f"{node}/{name}" for node in ("piha", "vps") for name in "abcd"]
    lab = broken(*names[1:3], *names[4:6], services=names, policy=policy(rule(mode="approve")))
    lab.run(NOON)
    assert lab.verdict("piha/b") == ("wait", "too_many_unhealthy")
    assert "4 of 8" in lab.decision("piha/b").reason
    assert lab.decision("piha/b").until is None
    assert lab.kinds() == []
    lab.mend("piha/b")
    lab.run(later(minutes=9))
    assert (*lab.verdict("piha/c"), lab.decision("piha/c").until) == ("wait", "storm", later(minutes=10))
    lab.run(later(minutes=10))

    assert lab.verdict("piha/c") == ("ask", "approval")


def test_15a_three_of_four_of_a_node_are_repaired_one_at_a_time():
    names = ["piha/a", "piha/b", "piha/c", "piha/d"]
    lab = broken(*names[:3], services=names)

    lab.run(NOON)

    assert [lab.verdict(name) for name in names[:3]] == [("start", "all"), ("wait", "busy"), ("wait", "busy")]


def test_what_starts_goes_by_severity_reach_age_and_name():
    names = ["a/x", "b/x2", "c/x3", "d/x4"]
    lab = Lab(services=names, numbers=Numbers(automation=Automation.AUTO, max_concurrent=4, max_unhealthy_min=9))
    lab.stand("a/x")
    lab.stand("b/x2", since=NOON - timedelta(days=2))
    lab.stand("c/x3", blast_radius=3)
    lab.stand("d/x4", severity=Severity.CRITICAL)
    lab.run(NOON)
    assert [row.service for row in find_startable(lab.decided, lab.book())] == ["x4", "x3", "x2", "x"]
    lab.end(lab.start("d/x4", NOON), later(seconds=5), "no_effect")
    lab.run(later(seconds=30))

    assert lab.outcomes() == ["no_effect"]
    assert find_startable(lab.decided, lab.book()) == ()


def test_15b_nothing_starts_on_a_suspect_node_by_hand_neither_nor_for_a_while_afterwards():
    lab = broken(WEB, "vps/mail", services=(WEB, "vps/mail"))
    ask(lab, NOON)
    lab.run(NOON, suspect=frozenset({"piha"}))
    rows = [row for row in lab.decided.decisions if row.node == "piha"]
    assert {(row.verdict, row.decided_by) for row in rows} == {("wait", "node_suspect")}
    assert lab.verdict("vps/mail") == ("start", "all")
    lab.entries.clear()
    lab.run(later(minutes=1))

    assert (*lab.verdict(WEB), lab.decision(WEB).until) == ("wait", "start_grace", later(minutes=11))


def test_16_a_dependant_waits_for_what_it_depends_on():
    chain = {target("piha/zigbee"): frozenset({WHERE}), WHERE: frozenset({target("piha/zigbee")})}
    lab = broken(services=(WEB, "piha/zigbee"), more={"chain": chain})
    lab.act(WEB, NOON)
    lab.stand("piha/zigbee")
    lab.run(later(seconds=30))

    assert lab.guards("piha/zigbee") == ["chain_busy", "busy"]


def test_17a_of_two_instances_the_second_waits():
    lab = broken("piha/dns", "vps/dns", services=("piha/dns", "vps/dns", "vps/x", "vps/y"))

    lab.run(NOON)

    assert (lab.verdict("piha/dns"), lab.verdict("vps/dns")) == (("start", "all"), ("wait", "quorum"))


def test_17b_a_group_keeps_its_majority():
    names = ["a/etcd", "b/etcd", "c/etcd"]
    members = {"etcd": frozenset(map(target, names))}
    group = Group(name="etcd", targets=("*/etcd",))
    lab = broken("a/etcd", "b/etcd", services=names, policy=policy(groups=(group,)), more={"members": members})
    lab.run(NOON)
    assert [lab.verdict(name) for name in names[:2]] == [("refuse", "quorum")] * 2
    lab.mend("b/etcd")
    lab.act("a/etcd", later(seconds=30))
    lab.stand("b/etcd")
    lab.run(later(seconds=60))

    assert lab.verdict("b/etcd") == ("wait", "quorum")


def test_18a_a_freeze_denies_what_a_window_allows():
    windows = (("always", parse_window({})), ("frozen", parse_window({"from": "11:00", "to": "13:00"})))
    lab = broken(policy=policy(rule(allow=("always",)), windows=windows, freeze=("frozen",)))

    lab.run(NOON)

    assert (*lab.verdict(WEB), lab.decision(WEB).until) == ("wait", "window", at("13:00"))
    assert lab.decision(WEB).reason.startswith("it is frozen")


def test_19_an_override_passes_the_guard_for_this_intent_alone_and_never_a_halt():
    night = (("night", parse_window({"from": "01:00", "to": "02:00"})),)
    lab = broken(policy=policy(rule(mode="approve", allow=("night",)), windows=night))
    lab.run(NOON)
    yes(lab, NOON, overrides=("window", "halted"))
    lab.run(NOON)
    assert lab.verdict(WEB) == ("start", "all")
    lab.say(NOON, Halt(reason="work"))
    lab.run(NOON)
    assert lab.verdict(WEB) == ("refuse", "halted")
    lab.say(NOON, Resume())
    lab.run(NOON)
    lab.end(lab.start(WEB, NOON), later(seconds=5))
    lab.settle(later(seconds=30), "not_recovered")
    lab.run(later(hours=1))
    yes(lab, later(hours=1))
    lab.run(later(hours=1))

    assert lab.verdict(WEB) == ("wait", "window")


def test_19_an_override_ends():
    night = (("night", parse_window({"from": "01:00", "to": "02:00"})),)
    lab = broken(policy=policy(rule(mode="approve", allow=("night",)), windows=night))
    lab.run(NOON)
    yes(lab, NOON, overrides=("window",), overrides_end_at=later(minutes=2))
    lab.run(later(seconds=119))
    assert lab.verdict(WEB) == ("start", "all")
    lab.run(later(seconds=120))

    assert lab.verdict(WEB) == ("wait", "window")


def test_a_recommendation_must_stand_in_two_worlds_however_old_it_is():
    lab = broken()
    lab.memory = replace(lab.memory, seen={})
    lab.run(NOON)
    assert (*lab.verdict(WEB), lab.decision(WEB).until, lab.guards(WEB)) == ("wait", "act_after", None, ["act_after"])
    lab.run(later(seconds=5), NOON)
    assert lab.verdict(WEB) == ("wait", "act_after")
    lab.run(later(seconds=30))

    assert lab.verdict(WEB) == ("start", "all")


def test_20a_a_halt_lets_what_runs_go_on_and_starts_nothing():
    lab = broken(WEB, "vps/mail", services=(WEB, "vps/mail"))
    lab.run(NOON)
    started = lab.start(WEB, NOON)
    lab.say(NOON, Halt(reason="work"))
    lab.run(later(seconds=1))
    assert lab.verdict("vps/mail") == ("refuse", "halted")
    lab.end(started, later(seconds=2), "aborted")

    assert lab.settle(later(seconds=30), "not_recovered") == later(minutes=10, seconds=30)


def test_20b_a_hold_ends_at_its_moment():
    lab = broken()
    lab.say(NOON, Hold(target="piha/all", until=later(minutes=2), reason="work"))
    lab.run(later(minutes=2) - timedelta(seconds=1))
    assert (*lab.verdict(WEB), lab.decision(WEB).until) == ("wait", "held", later(minutes=2))
    lab.run(later(minutes=2))

    assert lab.verdict(WEB) == ("start", "all")


def test_21_a_breaker_lets_one_probe_through_and_rests_longer_each_time():
    names = ["a/x", "b/y", "c/z", "d/v", "e/w", *(f"f/{place}" for place in range(9))]
    lab = broken(*names[:3], services=names, policy=policy(rule(ladder=(Verb.RESTART,))))
    now = NOON
    for name in names[:3]:
        lab.act(name, now)
        now = lab.settle(now + timedelta(seconds=30), "not_recovered")
    last = now
    lab.mend(names[0])
    lab.mend(names[1])
    lab.stand("d/v")
    lab.stand("e/w")
    lab.run(last + timedelta(seconds=30))
    assert (*lab.verdict("d/v"), lab.decision("d/v").until) == ("wait", "breaker", last + timedelta(hours=2))
    probe = last + timedelta(hours=2)
    lab.run(probe)
    assert (lab.verdict("d/v"), lab.verdict("e/w")) == (("start", "all"), ("wait", "breaker"))
    lab.end(lab.start("d/v", probe), probe + timedelta(seconds=5))
    failed = lab.settle(probe + timedelta(seconds=30), "not_recovered")

    assert (lab.decision("e/w").decided_by, lab.decision("e/w").until) == ("breaker", failed + timedelta(hours=4))
    lab.say(failed, Reset(target="fleet/all"))
    lab.run(failed + timedelta(seconds=30))
    assert lab.verdict("e/w") == ("start", "all")


def test_22a_lost_memory_only_makes_things_slower():
    lab = broken()
    lab.memory = Memory()
    for step in range(20):
        lab.run(later(seconds=30 * step))
        assert lab.decision(WEB).verdict == "wait"
    lab.run(later(minutes=10))

    assert lab.verdict(WEB) == ("start", "all")


def test_22b_a_clock_that_was_set_back_starts_nothing():
    lab = broken()
    lab.run(NOON)
    lab.run(NOON - timedelta(days=1))

    assert lab.verdict(WEB) == ("refuse", "clock_behind")


def test_23c_a_start_without_leave_is_told_and_counts():
    lab = broken(policy=policy(rule(mode="approve")))
    lab.run(NOON)
    lab.end(lab.start_anyway(lab.decision(WEB), NOON), later(seconds=5))
    lab.run(later(seconds=30))

    book = lab.book()
    assert (len(book.illegal), book.attempts[0].is_illegal) == (1, True)
    assert (*lab.verdict(WEB), lab.decision(WEB).number) == ("wait", "busy", 2)


def test_24a_trouble_in_the_way_explains_a_failure():
    lab = broken()
    lab.act(WEB, NOON)
    lab.advice[WEB] = lab.advice[WEB]._replace(action=Action.DELAYED_DEPLOYMENT)

    assert lab.settle(later(seconds=30), "explained") == later(minutes=10, seconds=30)
    assert lab.book().problems[WHERE].attempts[0].outcome == "explained"


def test_24b_a_deployment_by_hand_supersedes():
    lab = broken()
    lab.act(WEB, NOON)
    lab.more["deployments"] = {WHERE: (Deployed(later(minutes=1)),)}

    assert lab.settle(later(seconds=90), "superseded") == later(seconds=90)


def test_25a_a_node_that_stays_away_after_a_start_is_worse():
    lab = broken(WEB, services=(WEB, "vps/mail"))
    lab.act(WEB, NOON)
    lab.mend(WEB)
    lab.more["offline"] = frozenset({"piha"})

    assert lab.settle(later(seconds=30), "worse") == later(minutes=4)
    assert [record.reason for record in lab.decided.records if record.kind == "escalated"] == ["worse"]


@pytest.mark.parametrize(
    ("count", "harmed", "outcome", "noted"),
    [
        pytest.param(4, ["piha/a"], "recovered", 1, id="one of four"),
        pytest.param(1, ["piha/a"], "recovered", 1, id="the only one"),
        pytest.param(3, ["piha/a", "piha/b"], "worse", 2, id="two of three"),
        pytest.param(5, ["piha/a", "piha/b"], "recovered", 2, id="two of five"),
    ],
)
def test_25bc_neighbours_that_fall_are_noted_and_count_from_half_of_them_on(count, harmed, outcome, noted):
    others = [f"piha/{letter}" for letter in "abcdef"[:count]]
    lab = broken(services=(WEB, *others), numbers=Numbers(automation=Automation.AUTO, max_unhealthy_min=9))
    lab.more["neighbours"] = {WHERE: frozenset(map(target, others))}
    lab.act(WEB, NOON)
    lab.mend(WEB)
    for name in harmed:
        lab.break_it(name)

    lab.settle(later(seconds=30), outcome)

    verified = next(record for record in lab.decided.records if record.kind == "verified")
    assert verified.neighbours == tuple(harmed)
    assert len(verified.neighbours) == noted


def test_25_a_node_breaker_opens_with_one_that_made_it_worse():
    lab = broken(WEB, services=(WEB, "piha/a", "vps/mail"))
    lab.act(WEB, NOON)
    lab.mend(WEB)
    lab.more["offline"] = frozenset({"piha"})
    worse = lab.settle(later(seconds=30), "worse")
    del lab.more["offline"]
    lab.stand("piha/a")
    lab.stand("vps/mail")
    lab.run(later(minutes=40))

    assert (*lab.verdict("piha/a"), lab.decision("piha/a").until) == (
        "wait", "start_grace", worse + timedelta(hours=2),
    )  # fmt: skip
    assert "breaker" in lab.guards("piha/a")
    assert lab.verdict("vps/mail") == ("start", "all")


def test_26a_a_failed_deployment_alone_needs_a_backend_that_reports_them():
    lab = Lab()
    lab.stand(WEB, DriftKind.FAILED_DEPLOYMENT)
    lab.run(NOON)
    assert (*lab.verdict(WEB), lab.decision(WEB).verb) == ("refuse", "not_verifiable", "redeploy")
    lab.reports = True
    lab.run(later(seconds=30))

    assert lab.verdict(WEB) == ("start", "all")


def test_26b_what_never_gets_through_needs_a_person_after_three():
    lab = broken()
    now = NOON
    for _ in range(3):
        lab.act(WEB, now, "no_effect")
        lab.run(now + timedelta(seconds=30))
        now += timedelta(hours=1)

    assert [record.reason for record in lab.decided.records if record.kind == "escalated"] == ["no_effect"]
    assert lab.verdict(WEB) == ("refuse", "needs_human")


def test_28a_a_target_that_flaps_waits_until_it_has_an_attempt():
    lab = broken(more={"flapping": {WHERE: later(hours=3)}})
    lab.run(NOON)
    assert (*lab.verdict(WEB), lab.decision(WEB).until) == ("wait", "flapping", later(hours=3))
    lab.more = {}
    lab.act(WEB, later(seconds=30))
    lab.more = {"flapping": {WHERE: later(hours=3)}}
    lab.settle(later(minutes=1), "not_recovered")

    assert "flapping" not in lab.guards(WEB)


def failing_over(**more):
    """Return a lab whose node piha has been offline for long, and whose singleton web may move to saturn."""
    entry = Failover(target=WEB, to=("saturn",), singleton=True)
    rules = policy(rule(ladder=(Verb.FAILOVER,)), failovers=(entry,))
    lab = Lab(services=(WEB, "saturn/x", "vps/y"), policy=rules, more={"offline": frozenset({"piha"}), **more})
    lab.stand("piha/all", DriftKind.OFFLINE_NODE)
    lab.memory = replace(lab.memory, seen={**lab.memory.seen, WHERE: lab.memory.seen[target("piha/all")]})
    lab.more["unhealthy_count"] = 0
    return lab


def test_28b_a_singleton_moves_once_somebody_swears_that_its_node_is_down():
    lab = failing_over()
    lab.run(NOON)
    assert (*lab.verdict(WEB), lab.kinds()) == ("wait", "needs:attest_down", [])
    lab.say(NOON, AttestDown(node="piha", reason="unplugged"))
    lab.run(later(seconds=30))
    decision = lab.decision(WEB)
    assert (decision.verdict, decision.mode, decision.params) == ("ask", "approve", {"to": "saturn"})
    yes(lab, later(seconds=30))
    lab.run(later(seconds=60))
    lab.end(lab.start(WEB, later(seconds=60)), later(seconds=70))
    lab.more["shown"] = {target("saturn/web"): Shown(True, later(minutes=20))}

    assert lab.settle(later(seconds=90), "recovered") == later(minutes=3)
    lab.run(later(minutes=60))
    rows = [(row.service, row.verdict, row.decided_by) for row in lab.decided.decisions]
    assert rows == [("all", "none", "no_verb")]


def test_28b_a_node_must_be_offline_for_a_while():
    lab = failing_over()
    lab.say(NOON, AttestDown(node="piha"))
    where = target("piha/all")
    lab.episodes[where] = (lab.episodes[where][0]._replace(opened_at=later(minutes=-5)),)
    lab.run(NOON)

    assert (*lab.verdict(WEB), lab.decision(WEB).until) == ("wait", "needs:failover_after", later(minutes=10))


def test_28b_a_misplaced_service_has_no_verb():
    lab = Lab()
    lab.stand(WEB, DriftKind.UNHEALTHY_SERVICE, action=Action.PLACEMENT_REVIEW)
    lab.run(NOON)

    assert lab.verdict(WEB) == ("none", "no_verb")


def test_29a_what_was_rejected_is_not_asked_for_a_day_but_other_evidence_is():
    lab = broken(policy=policy(rule(mode="approve")))
    lab.run(NOON)
    lab.say(NOON, Rejected(intent_id=lab.decision(WEB).intent_id))
    lab.run(later(seconds=30))
    assert (*lab.verdict(WEB), lab.decision(WEB).until, lab.kinds()) == ("refuse", "needs_human", later(days=1), [])
    lab.run(later(days=1) - timedelta(seconds=1))
    assert lab.decision(WEB).verdict == "refuse"
    lab.advice[WEB] = lab.advice[WEB]._replace(drift_ids=("other",))
    lab.run(later(minutes=2))

    assert (*lab.verdict(WEB), lab.kinds()) == ("ask", "approval", ["proposed"])


def test_29a_what_was_rejected_is_not_suggested_either():
    lab = broken(policy=policy(rule(mode="approve")))
    lab.run(NOON)
    lab.say(NOON, Rejected(intent_id=lab.decision(WEB).intent_id))
    lab.policy = policy(rule(mode="suggest"))
    lab.run(later(minutes=1))

    assert (*lab.verdict(WEB), lab.kinds()) == ("suggest", "all", [])


def test_29a_behind_a_day_what_was_rejected_is_asked_again():
    lab = broken(policy=policy(rule(mode="approve")))
    lab.run(NOON)
    lab.say(NOON, Rejected(intent_id=lab.decision(WEB).intent_id))
    lab.memory = replace(lab.memory, last_run=later(days=1, minutes=-1))
    lab.run(later(days=1))

    assert (*lab.verdict(WEB), lab.kinds()) == ("ask", "approval", ["proposed"])


def test_30a_maintenance_leaves_nothing_to_decide_and_a_rest_behind_it():
    lab = broken()
    held = Finding(DriftKind.UNHEALTHY_SERVICE, Severity.ERROR, HeldBy.MAINTENANCE)
    lab.run(NOON, advice=(), findings={WHERE: (held,)}, resting=frozenset({WHERE}))
    assert lab.decided.decisions == ()
    lab.run(later(minutes=1))

    assert (*lab.verdict(WEB), lab.decision(WEB).until) == ("wait", "start_grace", later(minutes=10))


def test_30b_a_request_starts_in_a_maintenance():
    lab = Lab()
    held = Finding(DriftKind.UNHEALTHY_SERVICE, Severity.ERROR, HeldBy.MAINTENANCE)
    ask(lab, NOON)
    lab.run(NOON, findings={WHERE: (held,)}, resting=frozenset({WHERE}))

    assert lab.verdict(WEB) == ("start", "requested")
    assert lab.kinds() == ["problem_opened", "proposed"]


def test_30c_a_status_that_settles_moves_the_deadline():
    lab = broken()
    lab.act(WEB, NOON)
    lab.mend(WEB)
    lab.findings[WEB] = [Finding(DriftKind.UNHEALTHY_SERVICE, Severity.ERROR, HeldBy.SETTLING)]
    for step in range(1, 11):
        lab.run(later(seconds=30 * step))
    lab.mend(WEB)
    lab.break_it(WEB)

    assert lab.settle(later(seconds=330), "not_recovered") == later(minutes=15)


def test_30d_an_attempt_on_what_runs_elsewhere_is_explained():
    lab = broken()
    lab.act(WEB, NOON)
    lab.mend(WEB)
    lab.findings[WEB] = [Finding(DriftKind.MISPLACED_SERVICE, Severity.ERROR)]

    assert lab.settle(later(seconds=30), "explained") == later(minutes=20, seconds=30)


def test_31a_a_full_disk_is_cleaned_and_a_redeploy_onto_it_waits():
    lab = Lab()
    lab.stand("piha/all", DriftKind.NODE_PRESSURE)
    lab.run(NOON)
    decision = lab.decision("piha/all")
    assert (decision.verb, decision.verdict, decision.action_id) == ("cleanup", "start", "disk-cleanup-piha")

    lab = broken(policy=policy(rule(ladder=(Verb.REDEPLOY,))), more={"disk_pressed": frozenset({"piha"})})
    lab.run(NOON)
    assert lab.verdict(WEB) == ("wait", "needs:disk")


def test_31c_what_loops_is_looked_at_and_then_a_person_is_needed():
    lab = Lab()
    lab.stand(WEB, action=Action.DIAGNOSTICS)
    lab.act(WEB, NOON)
    lab.run(later(seconds=30))

    assert (lab.outcomes(), *lab.verdict(WEB)) == (["collected"], "refuse", "needs_human")


def test_a_request_need_not_wait_until_trouble_has_stood():
    lab = Lab(policy=policy(rule(mode="observe")))
    lab.break_it(WEB)
    ask(lab, NOON)
    lab.run(NOON)

    assert [(row.verdict, row.decided_by) for row in lab.decided.decisions if row.requested] == [("start", "requested")]


def test_a_request_is_held_by_needs_and_windows_of_the_rule_that_matches_its_target():
    windows = (("night", parse_window({"from": "01:00", "to": "05:00"})),)
    careful = rule("careful", needs=(Need.OTHER_INSTANCE_HEALTHY,), allow=("night",))
    lab = Lab(policy=policy(careful, windows=windows))
    ask(lab, NOON)
    lab.run(NOON)

    (row,) = lab.decided.decisions
    assert (row.rule_id, row.mode, row.verdict) == ("careful", "approve", "wait")
    assert [hit.name for hit in row.guards] == ["needs:other_instance_healthy", "window"]


def test_a_request_that_no_rule_matches_is_observed():
    lab = Lab(policy=policy(rule(match={"service": ["db"]})))
    ask(lab, NOON)
    lab.run(NOON)

    assert lab.verdict(WEB) == ("observe", "no_rule")


def test_a_reset_begins_anew_with_an_intent_that_was_never_started():
    lab = broken()
    started = lab.act(WEB, NOON)
    lab.settle(later(seconds=30), "not_recovered")
    lab.say(later(hours=1), Reset(target=WEB))
    lab.run(later(hours=1))

    assert lab.kinds() == ["problem_closed", "withdrawn", "problem_opened", "proposed"]
    assert (lab.decision(WEB).number, lab.verdict(WEB)) == (1, ("start", "all"))
    assert lab.decision(WEB).intent_id != started.intent_id


def test_a_request_ends_unused_and_with_its_target():
    lab = Lab()
    ask(lab, NOON)
    lab.say(NOON, Hold(target=WEB, until=later(hours=5)))
    lab.run(NOON)
    assert (lab.verdict(WEB), lab.kinds()) == (("wait", "held"), [])
    lab.entries.pop()
    lab.run(later(seconds=30), suspect=frozenset())
    lab.run(later(hours=1))

    assert [record.reason for record in lab.decided.records if record.kind == "withdrawn"] == ["request_ended"]
    assert lab.decided.decisions == ()


def test_what_the_executor_does_not_offer_is_refused():
    lab = broken()
    lab.able = Able(NOON - timedelta(hours=25), Capabilities())
    lab.run(NOON)

    assert (*lab.verdict(WEB), lab.decision(WEB).unblocked_by) == ("refuse", "not_allowed", "a running executor")
    assert lab.decision(WEB).verdict == Verdict.REFUSE

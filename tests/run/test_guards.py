"""Guards at their edges (ACTIONS 15.1): what a row of the table says to the letter, where no scenario looks."""

from dataclasses import replace
from datetime import timedelta

from schemas.attempt import order_by_scope
from schemas.decider_record import Verified
from schemas.decision import PLACES, Guard
from schemas.executor_record import Refused
from schemas.ledger_words import AttemptOutcome
from schemas.match import Comparison, Match
from schemas.numbers import Automation, Numbers
from schemas.operator_record import AttestDown
from schemas.policy import Ceiling, Failover
from schemas.scene import OpenEpisode, Shown
from schemas.verb import Mode, Verb
from schemas.window import parse_window
from schemas.words import Action, DriftKind
from stages.evaluate_guards import TABLE
from tests.helpers.acting import LONG_AGO, NOON, Lab, policy, rule, target

WEB, WHERE = "piha/web", target("piha/web")


def broken(**given):
    lab = Lab(services=given.pop("services", (WEB,)), **given)
    lab.stand(WEB)
    return lab


def test_the_tables_guards_are_in_the_order_of_precedence():
    places = [PLACES[row.guard] for row in TABLE]

    assert places == sorted(set(places))


def test_a_suspect_observer_is_named_and_not_the_nodes_that_it_made_suspect():
    lab = broken()
    lab.more |= {"suspect": frozenset({"piha"}), "is_observer_suspect": True}
    lab.run(NOON)

    assert lab.guards(WEB)[0] == "observer_suspect"
    assert "node_suspect" not in lab.guards(WEB)


def test_a_window_may_need_no_time_left_in_it():
    windows = (("noon", parse_window({"from": "11:00", "to": "12:01"})),)
    lab = broken(policy=policy(rule(allow=("noon",), window_margin=timedelta()), windows=windows))
    lab.run(NOON)

    assert lab.verdict(WEB) == ("start", "all")


def test_a_node_is_offline_since_its_review_stands_whatever_it_had_before():
    entry = Failover(target=WEB, to=("vps",))
    lab = Lab(services=(WEB, "vps/mail"), policy=policy(rule(mode="approve", ladder=()), failovers=(entry,)))
    lab.stand("piha/all", DriftKind.OFFLINE_NODE, since=NOON - timedelta(minutes=1))
    row = (OpenEpisode(Action.DISK_CLEANUP, LONG_AGO), *lab.episodes[target("piha/all")])
    lab.more["episodes"] = {target("piha/all"): row}
    lab.more |= {"offline": frozenset({"piha"}), "shown": {target("piha/all"): Shown(last_seen_at=LONG_AGO)}}
    lab.say(NOON, AttestDown(node="piha"))
    lab.run(NOON)

    assert lab.decision(WEB).verb is Verb.FAILOVER
    hits = {hit.name: hit.until for hit in lab.decision(WEB).guards}
    assert hits["needs:failover_after"] == NOON + timedelta(minutes=14)


def test_many_dependants_are_told_in_every_mode_until_somebody_approves():
    lab = broken(policy=policy(rule(mode="suggest")))
    lab.more |= {"dependants": {WHERE: 4}}
    lab.run(NOON)
    assert (*lab.verdict(WEB), lab.guards(WEB)) == ("suggest", "all", ["collateral"])
    lab.policy = policy(rule(mode="approve"))
    lab.run(NOON)

    assert (*lab.verdict(WEB), lab.guards(WEB)) == ("ask", "approval", ["collateral", "approval"])


def test_what_the_executor_refused_stays_refused_on_that_world_though_it_is_proposed_anew():
    lab = broken()
    intent_id = lab.run(NOON).decisions[0].intent_id
    lab.say(NOON, Refused(intent_id=intent_id, world_at=NOON, why="starting"))
    lowered = replace(lab.policy, ceilings=(Ceiling(match=Match(), mode=Mode.OBSERVE),))
    before, lab.policy = lab.policy, lowered
    assert lab.run(NOON + timedelta(seconds=10), NOON).records[0].kind == "withdrawn"
    lab.policy = before
    assert "proposed" in [record.kind for record in lab.run(NOON + timedelta(seconds=20), NOON).records]
    lab.run(NOON + timedelta(seconds=30), NOON)
    assert lab.decision(WEB).intent_id == intent_id
    assert lab.guards(WEB) == [Guard.REFUSED]


def test_failures_settled_at_one_moment_count_in_the_order_in_which_they_began():
    """A recovery that began first ends nothing of what began behind it, whichever was written first."""
    lab = Lab(services=("a/x", "b/y"))
    lab.stand("a/x")
    lab.stand("b/y")
    begun = [lab.act(name, NOON) for name in ("b/y", "a/x")]
    for started, outcome in zip(begun, ("recovered", "not_recovered"), strict=True):
        lab.say(NOON, Verified(intent_id=started.intent_id, outcome=AttemptOutcome(outcome), world_at=NOON))

    recovered, failed = lab.book().attempts
    assert order_by_scope(lab.book().attempts)["fleet"] == [recovered, failed]
    written_last = replace(recovered, settled_n=failed.settled_n + 1)
    assert order_by_scope([failed, written_last])["fleet"] == [written_last, failed]


def test_a_rule_asks_each_recommendation_of_a_kind_how_far_its_trouble_reaches():
    few = Match((("blast_radius", (Comparison("<=", 2),)), ("consecutive_failures", (Comparison("<=", 2),))))
    rules = policy(replace(rule("few"), match=few), rule("rest", mode="suggest"))
    lab = Lab(services=("a/web", "b/web", "c/web"), policy=rules)
    for name, reach, failures in (("a/web", 1, 1), ("b/web", 3, 1), ("c/web", 1, 3)):
        lab.stand(name, blast_radius=reach, consecutive_failures=failures)
    lab.run(NOON)

    assert [lab.decision(name).rule_id for name in lab.services] == ["few", "rest", "rest"]


def test_what_runs_on_a_node_or_in_a_chain_holds_back_what_is_near_it_and_nothing_else():
    names = ("a/cache", "piha/db", "vps/mail")
    rules = policy(rule("web", match={"service": ["web"]}), rule("rest", mode="approve"))
    numbers = Numbers(automation=Automation.AUTO, max_concurrent=9, max_unhealthy_min=9)
    lab = broken(services=(WEB, *names), numbers=numbers, policy=rules)
    lab.more["chain"] = {target("vps/mail"): frozenset({WHERE})}
    lab.run(NOON)
    lab.start(WEB, NOON)
    for name in names:
        lab.stand(name)
    lab.run(NOON + timedelta(seconds=1))

    assert [lab.guards(name) for name in names] == [["approval"], ["busy", "approval"], ["chain_busy", "approval"]]

"""The scene says of the targets of interest what the frames of the run say."""

from datetime import timedelta

from schemas.acknowledgement import Acknowledgement
from schemas.episode import Episode, Target
from schemas.policy import Need
from schemas.rules import PastRules
from schemas.scene import CLEAN, DIRTY, UNCLEAR, Finding, OpenEpisode, Shown, look_at
from schemas.words import Action, DriftKind, EventType, HeldBy, Severity
from stages.declare_targets import declare_targets
from stages.find_neighbours import find_neighbours
from stages.see_targets import see_targets
from stages.trace_chains import trace_chains
from stages.view_runs import view_runs
from tests.helpers.acting import NOON, at, policy, rule, target
from tests.helpers.sights import sight

WEB, DB = target("piha/web"), target("piha/db")


def see(*services, interest=("piha/web",), episodes=(), acknowledgements=(), watched=(), rules=None, **frames):
    """Return the scene of a run at noon."""
    seen = sight(*services, **frames)
    asked = [target(name) for name in interest]
    above, below = trace_chains(seen.desired.services, seen.desired.dependencies, asked)
    declared = declare_targets(seen.desired, above, below, asked, rules or policy())
    view = view_runs(seen, declared, below, [NOON], asked, rules or policy())[NOON]
    neighbours = find_neighbours(seen.desired.services, below, [target(name) for name in watched])
    return see_targets(view, (), episodes, acknowledgements, asked, PastRules(), NOON, NOON, neighbours)


def episode(*openings, is_open=True, **changed):
    fields = {"recommendation_id": "r", "event_type": EventType.RECONCILE_REQUIRED, "severity": Severity.ERROR}
    fields |= {"node": "piha", "service": "web", "causing_kinds": (), "seq": 1, "action": Action.REDEPLOY}
    return Episode(**fields | changed, is_open=is_open, opened_at=openings[-1], last_event_at=NOON, openings=openings)


def test_findings_are_the_drift_of_what_is_asked_about():
    scene = see("piha/web", "piha/db", drift=[{"target": "piha/web", "held_by": "settling"}, {"target": "piha/db"}])

    assert scene.findings == {WEB: (Finding(DriftKind.UNHEALTHY_SERVICE, Severity.ERROR, HeldBy.SETTLING, False),)}


def test_what_is_asked_of_a_target_is_unknown_while_a_file_that_says_it_cannot_be_read():
    scene = see({"target": "piha/web", "has_readable_dependencies": False}, "piha/db", interest=("piha/web", "piha/db"))

    assert {name: asked.desired_hash for name, asked in scene.asked.items()} == {WEB: None, DB: "d" * 64}


def test_a_scene_counts_who_is_in_trouble_on_the_nodes_that_are_up():
    services = ["piha/web", "piha/db", "vps/mail", "vps/dns", "attic/nas"]
    services.append({"target": "piha/off", "is_monitored": False})
    drift = [
        {"target": "piha/web"},
        {"target": "piha/web", "kind": "missing_service", "held_by": "observer_suspect"},
        {"target": "piha/db", "held_by": "maintenance"},
        {"target": "vps/mail", "held_by": "offline_node"},
        {"target": "vps/dns"},
        {"target": "vps/all", "kind": "offline_node"},
    ]
    scene = see(*services, nodes=[{"node": "attic", "is_intermittent": True}], drift=drift)

    assert (scene.service_count, scene.unhealthy_count) == (3, 1)
    assert (scene.node_count, scene.down_count) == (2, 1)
    assert scene.offline == {"vps"}


def test_a_stale_world_makes_all_unclear_and_nothing_conclusive():
    scene = see("piha/web", drift=[{"target": "fleet/all", "kind": "stale_world", "severity": "critical"}])

    assert (scene.is_world_stale, scene.is_conclusive) == (True, False)
    assert look_at(scene, WEB) == UNCLEAR


def test_how_a_target_is_follows_from_its_drift():
    services = ["piha/web", "piha/db", "piha/held", "piha/odd", "vps/mail"]
    drift = [
        {"target": "piha/web"},
        {"target": "piha/db", "kind": "failed_deployment", "severity": "info"},
        {"target": "piha/held", "held_by": "settling"},
        {"target": "piha/odd", "kind": "misplaced_service"},
        {"target": "vps/all", "kind": "offline_node"},
    ]
    scene = see(*services, interest=[*services, "piha/gone"], drift=drift)

    looks = [look_at(scene, target(name)) for name in [*services, "piha/gone"]]
    assert looks == [DIRTY, CLEAN, UNCLEAR, UNCLEAR, UNCLEAR, UNCLEAR]


def test_what_cannot_be_read_is_not_judged():
    nodes = [{"node": "attic", "is_readable": False}, {"node": "piha"}]
    unread = [{"node": "piha", "service": "web"}, {"node": "piha", "service": "db", "is_warning": True}]
    scene = see("piha/web", "piha/db", interest=["piha/web", "piha/db", "attic/nas"], nodes=nodes, unread=unread)

    assert scene.unjudged == {WEB, target("attic/nas")}
    assert scene.is_gone(target("attic/nas")) is False


def test_pressure_of_the_disk_is_told_from_that_of_the_memory():
    drift = [{"target": "piha/all", "kind": "node_pressure", "severity": "warning"}]
    full = see("piha/web", drift=drift, seen_nodes=[{"node": "piha", "has_disk_pressure": True}])
    busy = see("piha/web", drift=drift, seen_nodes=[{"node": "piha", "has_memory_pressure": True}])

    assert (full.disk_pressed, busy.disk_pressed) == ({"piha"}, frozenset())


def test_dependants_are_counted_where_they_are_clean():
    needs = [{"target": f"piha/{name}", "dependency": "web"} for name in ("a", "b", "c")]
    services = ["piha/web", "piha/a", "piha/b", {"target": "piha/c", "is_monitored": False}]
    scene = see(*services, needs=needs, drift=[{"target": "piha/b"}])

    assert scene.dependants == {WEB: 1}


def test_of_a_chain_what_is_asked_about_is_kept_in_both_directions():
    needs = [{"target": "piha/a", "dependency": "web"}, {"target": "piha/web", "dependency": "db"}]
    scene = see("piha/web", "piha/a", "piha/db", needs=needs, interest=["piha/a", "piha/db"])

    assert scene.chain == {target("piha/a"): {DB}, DB: {target("piha/a")}}


def test_neighbours_do_not_depend_on_the_target():
    scene = see("piha/web", "piha/a", "piha/b", needs=[{"target": "piha/a", "dependency": "web"}], watched=["piha/web"])

    assert scene.neighbours == {WEB: {target("piha/b")}}


def test_a_target_flaps_until_too_few_openings_are_left():
    openings = [at("06:00"), at("09:00"), at("11:00")]
    flaps = see("piha/web", episodes=[episode(*openings)])
    calm = see("piha/web", episodes=[episode(*openings[1:])])
    would = see("piha/web", episodes=[episode(*openings[1:], is_open=False)])

    assert flaps.flapping == {WEB: at("06:00", day=4)}
    assert calm.flapping == {}
    assert would.flapping == {WEB: at("09:00", day=4)}
    assert flaps.episodes == {WEB: (OpenEpisode(Action.REDEPLOY, at("11:00")),)}


def test_who_answers_for_a_node_answers_for_its_services_and_the_longest_counts():
    given = [
        Acknowledgement(node=node, service=service, owner=owner, reason="", acknowledged_at=NOON, until=NOON + timedelta(hours=h))
        for node, service, owner, h in [("piha", "web", "a", 1), ("piha", "all", "b", 2), ("piha", "db", "c", 0)]
    ]  # fmt: skip
    scene = see("piha/web", "piha/db", interest=["piha/web", "piha/db"], acknowledgements=given)

    assert {where: row.owner for where, row in scene.answered.items()} == {WEB: "b", DB: "b"}


def test_groups_have_the_desired_services_that_their_globs_match():
    from schemas.policy import Group

    scene = see(
        "piha/etcd", "vps/etcd", "attic/etcd", "piha/web", interest=["piha/etcd"],
        rules=policy(groups=(Group(name="etcd", targets=("*/etcd",)),)), drift=[{"target": "vps/etcd"}],
    )  # fmt: skip

    assert scene.members == {"etcd": {target("piha/etcd"), target("vps/etcd"), target("attic/etcd")}}
    assert look_at(scene, target("vps/etcd")) == DIRTY


def test_names_that_two_services_share_are_told_apart():
    scene = see("a/b-c", "a-b/c", "a/d", interest=["a/b-c", "a/d"])

    assert set(scene.shared_names) == {Target("a", "b-c"), Target("a-b", "c")}


def test_records_show_health_and_when_they_were_seen():
    seen = [{"target": "piha/web", "health": "looping"}, {"target": "vps/web", "last_seen_at": None}]
    rules = policy(rule(needs=(Need.OTHER_INSTANCE_HEALTHY,)))
    names = ["piha/web", "vps/web"]
    scene = see(*names, interest=names, seen=seen, seen_nodes=[{"node": "vps"}], rules=rules)

    assert scene.shown[WEB] == Shown(False, NOON)
    assert scene.shown[target("vps/web")] == Shown(True, None)
    assert scene.shown.get(target("vps/all")) == Shown(True, NOON)
    assert scene.healthy_on == {"web": {"vps"}}

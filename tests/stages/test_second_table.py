"""The second edition's lines of the decision table, root causes, ids and near names (SEMANTICS 3 and 5)."""

import hashlib

import pytest

from stages.misplace import are_near
from tests.helpers.frames import actual, advice, ago, desired, doubted, found, judged

DOWN = {"target": "n/a", "status": "exited"}


def ids(judgement):
    return [row[0] for row in advice(judgement)]


def reason(judgement, identity):
    return judgement.recommendations.filter(recommendation_id=identity)["reason"].item()


# the table


@pytest.mark.parametrize(
    ("status", "incident", "expected"),
    [
        pytest.param("restarting", {}, "diagnostics-n-a", id="its status is looping"),
        pytest.param(
            "exited", {"occurrence_count": 5}, "diagnostics-n-a", id="its incident occurred max_restarts times"
        ),
        pytest.param("exited", {"occurrence_count": 4}, "redeploy-n-a", id="one time fewer"),
        pytest.param("exited", {"trigger_type": "disk_full"}, "diagnostics-n-a", id="a redeploy would make it worse"),
        pytest.param(
            "exited",
            {"trigger_type": "mqtt_unreachable", "occurrence_count": 9},
            "diagnostics-n-a",
            id="before a container restart",
        ),
    ],
)
def test_what_must_not_be_repaired_again_is_diagnosed(status, incident, expected):
    have = actual({**DOWN, "status": status}, "n/b", incidents=[{"target": "n/a", **incident}])

    assert ids(judged(desired("n/a", "n/b"), have)) == [expected]


def test_a_missing_service_is_not_diagnosed_for_how_often_its_incident_occurred():
    have = actual("n/b", incidents=[{"target": "n/a", "occurrence_count": 9}])

    assert ids(judged(desired("n/a", "n/b"), have)) == ["redeploy-n-a"]


def test_a_service_that_runs_elsewhere_is_misplaced():
    judgement = judged(desired("n/web", "n/z", "m/y"), actual("n/z", "m/y", "m/web"))

    assert advice(judgement) == [("placement-review-n-web", "reconcile_recommended", "error")]
    assert "web runs on m, where nobody asks for it" in reason(judgement, "placement-review-n-web")


@pytest.mark.parametrize(
    "have",
    [
        pytest.param([{"target": "m/web", "status": "exited"}], id="not well"),
        pytest.param([{"target": "m/web", "last_seen_at": ago(minutes=16)}], id="not fresh"),
        pytest.param(["ghost/web"], id="on a node that nobody desires"),
    ],
)
def test_a_service_that_does_not_really_run_elsewhere_is_missing(have):
    drift = doubted(desired("n/web", "n/z", "m/y"), actual("n/z", "m/y", *have))

    assert ("missing_service", "n/web", "error") in found(drift)


def test_a_misplaced_dependency_is_unavailable_to_its_own_node_alone():
    needs = [
        {"target": "n/app", "dependency": "web"},
        {"target": "k/app", "dependency": "web", "scope": "external"},
    ]
    want = desired("n/web", "n/app", "n/z", "k/app", "k/z", "m/y", needs=needs)
    down = [{"target": f"{node}/app", "status": "exited"} for node in "nk"]

    assert sorted(ids(judged(want, actual(*down, "n/z", "k/z", "m/y", "m/web")))) == [
        "delayed-deployment-n-app",
        "placement-review-n-web",
        "redeploy-k-app",
    ]


@pytest.mark.parametrize(
    "of_web",
    [
        pytest.param(["db"], id="on its way"),
        pytest.param(["db", "app"], id="in a cycle with what waits for it"),
    ],
)
def test_what_waits_for_a_misplaced_service_waits_for_what_that_waits_for_itself(of_web):
    needs = [{"target": "n/app", "dependency": "web"}, *({"target": "n/web", "dependency": name} for name in of_web)]
    want = desired("n/db", "n/web", "n/app", "n/z", "m/y", needs=needs)

    judgement = judged(want, actual({"target": "n/app", "status": "exited"}, "n/z", "m/y", "m/web"))

    assert judgement.recommendations.filter(service="app")["root_causes"].to_list() == [["n/db"]]


PRESSED = {"node": "n", "has_disk_pressure": True}


@pytest.mark.parametrize(
    ("node", "rules", "expected"),
    [
        pytest.param(PRESSED, {}, "disk-cleanup-n-all", id="the disk"),
        pytest.param({"node": "n", "has_memory_pressure": True}, {}, "node-review-n-all", id="the memory"),
        pytest.param(PRESSED, {"no_cleanup_nodes": ["n*"]}, "incident-review-n-all", id="nobody cleans it by rote"),
    ],
)
def test_pressure_of_a_node_is_a_warning(node, rules, expected):
    judgement = judged(desired("n/a"), actual("n/a", nodes=[node]), **rules)

    assert advice(judgement) == [(expected, "reconcile_recommended", "warning")]


def test_nothing_is_redeployed_onto_a_full_disk():
    judgement = judged(desired("n/a", "n/b"), actual(DOWN, "n/b", nodes=[PRESSED]))

    assert ids(judgement) == ["delayed-deployment-n-a", "disk-cleanup-n-all"]
    rows = judgement.recommendations.select("root_causes", "blast_radius", "unblocked_by").rows()
    assert rows == [(["n/all"], 0, "the disk of n available again"), ([], 1, None)]


def test_what_waits_for_such_a_service_waits_for_the_disk():
    needs = [{"target": "m/web", "dependency": "a", "scope": "external"}]
    want = desired("n/a", "n/b", "m/web", "m/x", needs=needs)
    have = actual(DOWN, "n/b", {"target": "m/web", "status": "exited"}, "m/x", nodes=[PRESSED, "m"])

    judgement = judged(want, have)

    delayed = judgement.recommendations.filter(action="delayed_deployment")
    assert delayed.select("node", "root_causes").rows() == [("m", ["n/all"]), ("n", ["n/all"])]


@pytest.mark.parametrize(
    ("seen_at", "others", "refreshes", "expected"),
    [
        pytest.param(ago(minutes=16), 2, None, ["n/a"], id="others of its node are fresh"),
        pytest.param(ago(minutes=15), 2, None, [], id="it is as old as it may be"),
        pytest.param(ago(minutes=16), 1, None, [], id="one other is fresh alone"),
        pytest.param(ago(minutes=16), 0, True, ["n/a"], id="each record is written anew each time"),
    ],
)
def test_stale_observation(seen_at, others, refreshes, expected):
    beside = [f"n/s{number}" for number in range(others)]
    have = actual({"target": "n/a", "last_seen_at": seen_at}, *beside, "m/x", refreshes=refreshes)

    drift = doubted(desired("n/a", *beside, "m/x"), have)

    assert [target for kind, target, _ in found(drift) if kind == "stale_observation"] == expected


def test_a_failed_deployment_of_long_ago_gives_no_recommendation():
    old = {"target": "n/a", "status": "failed", "begun_at": ago(days=2)}

    judgement = judged(desired("n/a"), actual("n/a", deployments=[old]))

    assert (found(judgement.drift), ids(judgement)) == ([("failed_deployment", "n/a", "info")], [])
    assert judgement.summary["state"].to_list() == ["nominal"]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        pytest.param(
            {"resolved_at": ago(minutes=1), "last_activity_at": ago(minutes=1)}, [], id="since it last occurred"
        ),
        pytest.param({"resolved_at": ago(minutes=2), "last_activity_at": ago(minutes=1)}, ["n/a"], id="before"),
        pytest.param({"resolved_at": ago(minutes=2)}, [], id="it has no other time"),
    ],
)
def test_an_incident_that_was_resolved_since_it_last_occurred_is_over(times, expected):
    drift = doubted(desired("n/a"), actual("n/a", incidents=[{"target": "n/a", **times}]))

    assert [target for kind, target, _ in found(drift) if kind == "unresolved_incident"] == expected


# root causes


def test_what_waits_for_what_nobody_believes_waits_for_that():
    needs = [{"target": "m/web", "dependency": "a", "scope": "external"}]
    want = desired("n/a", "n/b", "m/web", "m/x", needs=needs)

    judgement = judged(want, actual({"target": "m/web", "status": "exited"}, "m/x", nodes=["n", "m"]))

    rows = judgement.recommendations.select("recommendation_id", "root_causes", "blast_radius").rows()
    assert rows == [("node-review-n-all", [], 3), ("delayed-deployment-m-web", ["n/all"], 0)]


@pytest.mark.parametrize(
    ("run", "is_completion", "expected"),
    [
        pytest.param("once", False, ["redeploy-n-app", "redeploy-n-job"], id="nobody waits for a job"),
        pytest.param("once", True, ["redeploy-n-job", "delayed-deployment-n-app"], id="who does not say so"),
    ],
)
def test_a_job_makes_nobody_wait_who_does_not_wait_for_it_to_be_done(run, is_completion, expected):
    needs = [{"target": "n/app", "dependency": "job", "is_completion": is_completion}]
    want = desired("n/app", {"target": "n/job", "run": run}, "n/z", needs=needs)
    down = [{"target": f"n/{name}", "status": "exited (1)"} for name in ("app", "job")]

    assert ids(judged(want, actual(*down, "n/z"))) == expected


def test_a_dependency_whose_entry_cannot_be_read_is_judged_by_its_record():
    needs = [{"target": "n/app", "dependency": "db"}]
    bad = [{"node": "n", "service": "db", "file": "hosts/n/services.yaml", "problem": "odd"}]
    want = desired("n/app", "n/z", needs=needs, unread=bad)
    app = {"target": "n/app", "status": "exited"}

    assert ids(judged(want, actual(app, {"target": "n/db", "status": "exited"}, "n/z"))) == ["delayed-deployment-n-app"]
    assert ids(judged(want, actual(app, "n/db", "n/z"))) == ["redeploy-n-app"]
    assert ids(judged(want, actual(app, "n/z"))) == ["redeploy-n-app"]


@pytest.mark.parametrize(
    ("is_monitored", "expected"),
    [
        pytest.param(True, ["redeploy-n-db", "redeploy-n-app"], id="it may be asked for there"),
        pytest.param(
            False, ["redeploy-n-db", "delayed-deployment-n-app"], id="nothing is asked of a node without monitoring"
        ),
    ],
)
def test_what_runs_on_a_node_whose_inventory_cannot_be_read_may_meet_a_dependency(is_monitored, expected):
    needs = [{"target": "n/app", "dependency": "db", "scope": "external"}]
    other = {"node": "m", "is_readable": False, "is_monitored": is_monitored}
    want = desired("n/app", "n/db", "n/z", nodes=["n", other], needs=needs)
    down = [{"target": f"n/{name}", "status": "exited"} for name in ("app", "db")]

    assert sorted(ids(judged(want, actual(*down, "n/z", "m/db")))) == sorted(expected)


def test_what_blocks_one_member_of_a_cycle_by_its_offline_node_blocks_them_all():
    needs = [
        {"target": "n/a", "dependency": "b", "scope": "external"},
        {"target": "m/b", "dependency": "a", "scope": "external"},
    ]
    want = desired("n/a", "n/z", "m/b", needs=needs)

    judgement = judged(want, actual(DOWN, "n/z", "m/b", nodes=["n", {"node": "m", "status": "off"}]))

    assert judgement.recommendations.filter(node="n")["root_causes"].to_list() == [["m/all"]]


def test_dependencies_that_could_not_be_read_are_told():
    want = desired({"target": "n/a", "has_readable_dependencies": False}, "n/b")

    assert "its dependencies could not be read" in reason(judged(want, actual(DOWN, "n/b")), "redeploy-n-a")


# ids, order and near names


def test_targets_that_would_share_an_id_are_told_apart():
    want = desired("a/b-c", "a-b/c", "a/z", "a-b/z")
    have = actual({"target": "a/b-c", "status": "exited"}, {"target": "a-b/c", "status": "exited"}, "a/z", "a-b/z")

    expected = [f"redeploy-a-b-c~{hashlib.sha256(target.encode()).hexdigest()[:8]}" for target in ("a/b-c", "a-b/c")]
    assert sorted(ids(judged(want, have))) == sorted(expected)


def test_the_fleet_comes_first():
    gone = [f"{node}/s{number}" for node in "nm" for number in range(3)]
    have = actual("k/x", nodes=["n", "m", "k", {"node": "dead", "status": "down"}])

    assert ids(judged(desired(*gone, "k/x", "dead/y"), have)) == [
        "observer-review-fleet-all",
        "failover-review-dead-all",
    ]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("node_exporter", "node-exporter", True),
        ("web", "web2", True),
        ("nas", "nas.office", True),
        ("mosquitto", "mosqitto", True),
        ("mosquitto", "zigbee2mqtt", False),
        ("web", "wob", False),
        ("12", "34", False),
    ],
)
def test_names_are_near(one, other, expected):
    assert (are_near(one, other), are_near(other, one)) == (expected, expected)


def test_a_missing_service_names_what_its_node_runs_under_a_near_name():
    judgement = judged(desired("n/node_exporter", "n/z"), actual("n/node-exporter", "n/z"))

    assert "node-exporter" in reason(judgement, "redeploy-n-node_exporter")

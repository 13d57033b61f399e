"""Node suspect (SEMANTICS 3, 4.8), and what holds back besides (4.1, 4.5, 4.7, 4.9)."""

import pytest

from tests.helpers.frames import actual, advice, ago, batch, desired, judged, kinds

DOWN = "exited"


def down(*targets, **rest):
    """Return records of services that exited."""
    return [{"target": target, "status": DOWN, **rest} for target in targets]


def ids(judgement):
    return [row[0] for row in advice(judgement)]


def held_by(judgement):
    return {target: by for _, target, by in kinds(judgement.drift) if by}


def test_a_node_of_which_everything_is_broken_is_looked_at_first():
    judgement = judged(desired("n/a", "n/b", "m/c"), actual(*down("n/a"), "m/c", nodes=["n", "m"]))

    assert advice(judgement) == [("node-review-n-all", "reconcile_blocked", "error")]
    assert "a: exited, b: missing" in judgement.recommendations["reason"][0]
    assert judgement.recommendations["blast_radius"].to_list() == [2]


@pytest.mark.parametrize(
    ("want", "have"),
    [
        pytest.param(["n/a", "n/b"], [*down("n/a"), "n/b"], id="one of it is well"),
        pytest.param(["n/a"], down("n/a"), id="it is one service alone"),
    ],
)
def test_a_node_is_not_suspect(want, have):
    assert "node-review-n-all" not in ids(judged(desired(*want, "m/c"), actual(*have, "m/c")))


def test_only_what_waits_for_no_other_counts_for_the_minimum():
    needs = [{"target": "n/a", "dependency": "b"}]

    assert ids(judged(desired("n/a", "n/b", "m/c", needs=needs), actual(*down("n/a", "n/b"), "m/c"))) == [
        "redeploy-n-b",
        "delayed-deployment-n-a",
    ]


def test_jobs_do_not_count():
    want = desired("n/a", {"target": "n/job", "run": "once"}, "m/c")

    assert ids(judged(want, actual(*down("n/a", "n/job"), "m/c"))) == ["redeploy-n-a", "redeploy-n-job"]


def test_a_suspect_node_is_as_severe_as_what_it_holds_back():
    critical = [{"target": "n/a", "severity": "critical"}]

    judgement = judged(desired("n/a", "n/b", "m/c"), actual(*down("n/a", "n/b"), "m/c", incidents=critical))

    assert advice(judgement) == [("node-review-n-all", "reconcile_blocked", "critical")]


# 4.1 maintenance


@pytest.mark.parametrize(
    "window",
    [
        pytest.param({}, id="of the fleet"),
        pytest.param({"node": "n"}, id="of the node"),
        pytest.param({"target": "n/a"}, id="of the service"),
    ],
)
def test_what_is_planned_is_held_back(window):
    judgement = judged(desired("n/a", "n/b", maintenance=[window]), actual(*down("n/a"), "n/b"))

    assert (held_by(judgement), ids(judgement)) == ({"n/a": "maintenance"}, [])
    assert judgement.summary.select("planned_count", "state").row(0) == (1, "nominal")


def test_a_window_that_is_shut_holds_nothing_back():
    shut = {"target": "n/a", "from_min": 60, "to_min": 120}

    assert ids(judged(desired("n/a", "n/b", maintenance=[shut]), actual(*down("n/a"), "n/b"))) == ["redeploy-n-a"]


def test_planned_is_known_until_when():
    until_one = {"target": "n/a", "from_min": 11 * 60, "to_min": 13 * 60}

    summary = judged(desired("n/a", maintenance=[until_one]), actual("n/a")).summary
    assert summary["planned_until"].to_list() == [ago(hours=-1)]


# 4.5 nobody can look


def test_nobody_can_look_at_a_node_and_it_is_as_severe_as_what_it_holds_back():
    judgement = judged(
        desired("n/a", "m/c"), actual(*down("n/a"), "m/c", nodes=[{"node": "n", "status": "unobservable"}, "m"])
    )

    assert held_by(judgement) == {"n/a": "unreadable_observation"}
    assert advice(judgement) == [("observer-review-n-all", "reconcile_recommended", "error")]


# 4.7 settling


@pytest.mark.parametrize(
    ("since_at", "expected"),
    [
        pytest.param(ago(minutes=9), [], id="it settles"),
        pytest.param(ago(minutes=10), ["redeploy-n-a"], id="it takes too long"),
    ],
)
def test_a_settling_status_has_its_time(since_at, expected):
    have = actual({"target": "n/a", "status": "starting", "since_at": since_at}, "n/b")

    judgement = judged(desired("n/a", "n/b"), have)

    assert ids(judgement) == expected
    assert judgement.summary["state"].to_list() == ["degraded" if expected else "reconciling"]


def test_without_a_time_a_status_settles_from_the_first_of_the_runs_in_a_row_that_saw_it():
    runs = [
        actual({"target": "n/a", "status": "starting"}, "n/b", as_of=ago(minutes=minutes)) for minutes in (12, 8, 1)
    ]
    calm = actual("n/a", "n/b", as_of=ago(minutes=9))

    in_a_row = judged(desired("n/a", "n/b"), batch(*runs))
    anew = judged(desired("n/a", "n/b"), batch(runs[0], calm, *runs[1:]))

    assert ids(in_a_row) == ["redeploy-n-a"]
    assert ids(anew) == []


@pytest.mark.parametrize(
    ("online_since_at", "expected"),
    [
        pytest.param(ago(minutes=2), [], id="from before the node came back"),
        pytest.param(ago(minutes=10), ["node-review-n-all"], id="which is long ago"),
        pytest.param(ago(minutes=30), ["node-review-n-all"], id="from after it"),
    ],
)
def test_a_record_from_before_its_node_came_back_has_time(online_since_at, expected):
    have = actual(
        *down("n/a", "n/b", last_seen_at=ago(minutes=20)),
        "m/c",
        nodes=[{"node": "n", "online_since_at": online_since_at}, "m"],
    )

    assert ids(judged(desired("n/a", "n/b", "m/c"), have)) == expected


# 4.6 and 4.9 deployments in flight


STARTED = {"status": "started", "begun_at": ago(minutes=1)}


def test_a_deployment_in_flight_no_longer_hides_that_deploying_failed_too_often():
    failed = [{"target": "n/a", "status": "failed", "begun_at": ago(minutes=9 + number)} for number in range(3)]

    judgement = judged(
        desired("n/a", "n/b"), actual(*down("n/a"), "n/b", deployments=[*failed, {"target": "n/a", **STARTED}])
    )

    assert ids(judgement) == ["diagnostics-n-a"]


def test_what_waits_only_for_what_is_being_deployed_is_held_back_as_well():
    want = desired("n/web", "n/db", "n/x", needs=[{"target": "n/web", "dependency": "db"}])
    have = actual(*down("n/web", "n/db"), "n/x", deployments=[{"target": "n/db", **STARTED}])

    judgement = judged(want, have)

    assert held_by(judgement) == {"n/db": "deployment_in_flight", "n/web": "deployment_in_flight"}
    assert judgement.summary["state"].to_list() == ["reconciling"]


def test_what_waits_for_something_else_too_stands():
    needs = [{"target": "n/web", "dependency": name} for name in ("db", "disk")]
    want = desired("n/web", "n/db", "n/disk", "n/x", needs=needs)
    have = actual(*down("n/web", "n/db", "n/disk"), "n/x", deployments=[{"target": "n/db", **STARTED}])

    assert "delayed-deployment-n-web" in ids(judged(want, have))

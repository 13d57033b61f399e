"""What holds back what (SEMANTICS 4): a test for each line, and for their order."""

import pytest

from tests.helpers.frames import actual, ago, desired, judged, kinds, surveyed

WEB = "piha/web"
EXITED = {"target": WEB, "status": "exited"}
FAILED = {"target": WEB, "status": "failed"}
JUST_FAILED = {**FAILED, "begun_at": ago(minutes=1)}
STARTED = {"target": WEB, "status": "started", "begun_at": ago(minutes=1)}
GONE = [f"piha/gone{i}" for i in range(5)]
OFFLINE = {"node": "piha", "status": "offline"}


def held(want, have, **rules):
    """Return the kinds of the drifts that each explanation holds back; None holds those that stand."""
    return {(kind, held_by) for kind, _, held_by in kinds(surveyed(want, have, **rules))}


# 1. stale_world


def test_a_stale_world_holds_back_every_other_drift():
    have = actual(
        EXITED,
        "piha/stray",
        nodes=["piha", {"node": "vps", "status": "offline"}],
        deployments=[FAILED],
        incidents=[{"target": WEB}],
        rejected=[{"target": "piha/torn"}],
        last_update_at=ago(hours=1),
    )

    drift = held(desired(WEB, "piha/torn", "vps/gone"), have)

    assert {kind for kind, held_by in drift if held_by is None} == {"stale_world"}
    assert {held_by for kind, held_by in drift if kind != "stale_world"} == {"stale_world"}
    assert len(drift) == 8


def test_a_stale_world_holds_back_a_suspect_observer():
    drift = held(desired(*GONE), actual(nodes=["piha"], last_update_at=ago(hours=1)))

    assert ("observer_suspect", "stale_world") in drift


# 2. observer_suspect


def test_observer_suspect_on_the_fleet_holds_back_every_missing_service():
    have = actual(EXITED, nodes=["piha", "vps"])

    drift = held(desired(WEB, *GONE, "vps/gone"), have)

    assert drift == {
        ("observer_suspect", None),
        ("missing_service", "observer_suspect"),
        ("unhealthy_service", None),
    }


def test_a_suspect_node_holds_back_what_it_is_drawn_from():
    want = desired(*GONE[:3], "vps/gone", *(f"vps/s{i}" for i in range(4)))

    judgement = judged(want, actual(*(f"vps/s{i}" for i in range(4)), nodes=["piha"]))

    assert kinds(judgement.drift) == [
        ("node_suspect", "piha/all", None),
        *(("missing_service", target, "node_suspect") for target in GONE[:3]),
        ("missing_service", "vps/gone", None),
    ]


def test_observer_suspect_does_not_hold_back_an_incident_or_a_failed_deployment():
    have = actual(nodes=["piha"], deployments=[{**FAILED, "target": GONE[0]}], incidents=[{"node": "piha"}])

    drift = held(desired(*GONE), have)

    assert {("failed_deployment", None), ("unresolved_incident", None)} <= drift


# 3. offline_node


def test_offline_node_holds_back_every_other_drift_of_that_node():
    have = actual(
        EXITED,
        nodes=[OFFLINE],
        deployments=[FAILED],
        incidents=[{"target": WEB}, {"node": "piha"}],
        rejected=[{"target": "piha/torn"}],
    )

    drift = held(desired(WEB, "piha/torn", "piha/gone"), have)

    assert drift == {
        ("offline_node", None),
        ("missing_service", "offline_node"),
        ("unhealthy_service", "offline_node"),
        ("unreadable_observation", "offline_node"),
        ("failed_deployment", "offline_node"),
        ("unresolved_incident", "offline_node"),
    }


def test_offline_node_holds_back_nothing_of_another_node():
    drift = held(desired(WEB), actual(EXITED, nodes=["piha", {"node": "vps", "status": "offline"}]))

    assert ("unhealthy_service", None) in drift


def test_observer_suspect_comes_before_offline_node():
    want = desired("piha/web", *(f"vps/s{i}" for i in range(5)))

    drift = surveyed(want, actual("lone/x", nodes=[OFFLINE, "vps"]))

    assert ("missing_service", "piha/web", "observer_suspect") in kinds(drift)


# 4. deployment in flight


@pytest.mark.parametrize("status", ["started", "running", "in_progress", "pending"])
def test_a_deployment_in_flight_holds_back_its_services_unhealthy_service(status):
    drift = held(desired(WEB), actual(EXITED, deployments=[{**STARTED, "status": status}]))

    assert drift == {("unhealthy_service", "deployment_in_flight")}


def test_a_deployment_in_flight_holds_back_its_services_missing_service():
    drift = held(desired(WEB, "piha/db"), actual("piha/db", deployments=[STARTED]))

    assert drift == {("missing_service", "deployment_in_flight")}


def test_a_deployment_in_flight_holds_back_its_services_failed_deployment():
    drift = held(desired(WEB), actual(WEB, deployments=[{**STARTED, "begun_at": ago(minutes=2)}, JUST_FAILED]))

    assert drift == {("failed_deployment", "deployment_in_flight")}


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [
        pytest.param(600 - 1e-6, "deployment_in_flight", id="a microsecond less than progress_deadline"),
        pytest.param(600, None, id="exactly progress_deadline"),
        pytest.param(-5, "deployment_in_flight", id="begun in the future counts as now"),
    ],
)
def test_a_deployment_in_flight_holds_back_for_less_than_the_progress_deadline(age_s, expected):
    have = actual(EXITED, deployments=[{**STARTED, "begun_at": ago(seconds=age_s)}])

    assert held(desired(WEB), have) == {("unhealthy_service", expected)}


@pytest.mark.parametrize(
    "deployment",
    [
        pytest.param({"status": "completed"}, id="not in flight"),
        pytest.param({"status": None}, id="without a status"),
        pytest.param({"begun_at": None}, id="without a readable time"),
        pytest.param({"target": "piha/db"}, id="of another service"),
        pytest.param({"target": "vps/web"}, id="of another node"),
    ],
)
def test_a_deployment_that_is_not_the_services_own_in_flight_holds_back_nothing(deployment):
    drift = held(
        desired(WEB, "piha/db", "vps/web"), actual(EXITED, "piha/db", "vps/web", deployments=[STARTED | deployment])
    )

    assert drift == {("unhealthy_service", None)}


def test_a_deployment_in_flight_does_not_hold_back_an_incident_or_an_unreadable_observation():
    have = actual("piha/db", incidents=[{"target": WEB}], rejected=[{"target": WEB}], deployments=[STARTED])

    drift = held(desired(WEB, "piha/db"), have)

    assert drift == {("unresolved_incident", None), ("unreadable_observation", None)}


def test_offline_node_comes_before_a_deployment_in_flight():
    drift = held(desired(WEB), actual(EXITED, nodes=[OFFLINE], deployments=[STARTED]))

    assert ("unhealthy_service", "offline_node") in drift


# unexpected_service is held back by 1 alone


def test_unexpected_service_is_not_held_back_by_an_offline_node():
    drift = held(desired(nodes=["piha"]), actual("piha/stray", nodes=[OFFLINE]))

    assert drift == {("offline_node", None), ("unexpected_service", None)}


def test_unexpected_service_is_not_held_back_by_a_deployment_or_a_suspect_observer():
    have = actual("piha/stray", nodes=["piha"], deployments=[{**STARTED, "target": "piha/stray"}])

    drift = held(desired(*GONE), have)

    assert ("unexpected_service", None) in drift


# "an inhibited finding never un-inhibits": the parent heals, and the child is visible in the same run


def test_a_drift_stands_in_the_run_in_which_its_explanation_is_gone():
    drift = held(desired(WEB), actual(EXITED, nodes=[{"node": "piha", "status": "online"}]))

    assert drift == {("unhealthy_service", None)}

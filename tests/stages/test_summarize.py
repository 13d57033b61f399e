"""The summary state: a test for each line of SEMANTICS 6."""

import pytest

from tests.helpers.frames import actual, ago, desired, judged

WEB = "piha/web"
EXITED = {"target": WEB, "status": "exited"}
STARTED = {"target": WEB, "status": "started", "begun_at": ago(minutes=1)}
CRITICAL = {"target": WEB, "severity": "critical"}


def old(*services):
    """Return a world of an hour ago."""
    seen = [{"target": target, "last_seen_at": ago(hours=1)} for target in services]
    return actual(*seen, nodes=[{"node": "piha", "last_seen_at": ago(hours=1)}], last_update_at=ago(hours=1))


def state(want, have, **rules):
    """Return the one snapshot's state."""
    return judged(want, have, **rules).summary["state"].item()


@pytest.mark.parametrize(
    "have",
    [
        pytest.param(old(WEB), id="a recommendation that is blocked"),
        pytest.param(actual(WEB, incidents=[CRITICAL]), id="a recommendation that is critical"),
        pytest.param(actual(WEB, nodes=[{"node": "piha", "status": "off"}]), id="one that is required and critical"),
        pytest.param(actual(EXITED, deployments=[STARTED], incidents=[CRITICAL]), id="even while reconciling"),
    ],
)
def test_unstable(have):
    assert state(desired(WEB), have) == "unstable"


def test_unstable_where_a_blocked_recommendation_is_only_an_error():
    healthy = [f"vps/s{i}" for i in range(5)]

    have = actual(*healthy, nodes=["piha", "vps"])

    assert state(desired(*(f"piha/gone{i}" for i in range(3)), *healthy), have) == "unstable"


@pytest.mark.parametrize(
    "have",
    [
        pytest.param(actual(EXITED), id="an error"),
        pytest.param(actual(WEB, incidents=[{"target": WEB}]), id="a warning"),
        pytest.param(actual(EXITED, deployments=[STARTED], incidents=[{"target": WEB}]), id="even while reconciling"),
    ],
)
def test_degraded(have):
    assert state(desired(WEB), have) == "degraded"


def test_reconciling():
    assert state(desired(WEB), actual(EXITED, deployments=[STARTED])) == "reconciling"


def test_reconciling_beside_a_recommendation_of_severity_info():
    have = actual(EXITED, "piha/stray", deployments=[STARTED])

    assert state(desired(WEB), have, report_unexpected=True) == "reconciling"


@pytest.mark.parametrize(
    ("have", "report_unexpected"),
    [
        pytest.param(actual(WEB), False, id="agreement"),
        pytest.param(actual(WEB, deployments=[STARTED]), False, id="a deployment in flight without any drift"),
        pytest.param(actual(WEB, "piha/stray"), False, id="an unexpected service"),
        pytest.param(actual(WEB, "piha/stray"), True, id="one that is reported, since it is only info"),
    ],
)
def test_nominal(have, report_unexpected):
    assert state(desired(WEB), have, report_unexpected=report_unexpected) == "nominal"


def test_an_empty_inventory_and_an_empty_world_are_nominal():
    assert state(desired(), actual()) == "nominal"


def test_the_summary_counts_the_rows():
    have = actual(
        EXITED,
        "piha/stray",
        {"target": "piha/db", "status": "exited"},
        "piha/calm",
        deployments=[STARTED],
        incidents=[{"target": "piha/db"}, {"node": "piha"}],
        rejected=[{"key": "?"}],
        unreadable_timestamp_count=4,
    )

    summary = judged(desired(WEB, "piha/db", "piha/calm"), have).summary.row(0, named=True)

    assert {name: count for name, count in summary.items() if name.endswith("_count")} == {
        "blocked_count": 0,
        "required_count": 1,
        "recommended_count": 1,
        "drift_count": 5,
        "held_count": 1,
        "in_flight_count": 1,
        "rejected_count": 1,
        "unreadable_timestamp_count": 4,
        "settling_count": 0,
        "asked_service_count": 3,
        "asked_node_count": 1,
        "well_service_count": 1,
        "planned_count": 0,
    }


def test_the_summary_says_how_old_the_world_is():
    have = actual({"target": WEB, "last_seen_at": None}, nodes=[{"node": "piha", "last_seen_at": ago(minutes=7)}])
    summary = judged(desired(WEB), have._replace(snapshots=actual(last_update_at=ago(minutes=8)).snapshots)).summary

    assert summary.select("world_at", "world_age_s").row(0) == (ago(minutes=7), 420)

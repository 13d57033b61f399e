"""Recommendations: a test for each line of SEMANTICS 5's table, for their order, and for what they say."""

import pytest

from tests.helpers.frames import actual, advice, ago, desired, judged
from tests.stages.test_link import needs

WEB = "piha/web"
EXITED = {"target": WEB, "status": "exited"}
GONE = [f"piha/gone{i}" for i in range(5)]
OFFLINE = {"node": "piha", "status": "offline"}
ON_DB = needs(WEB, "db")
DB_DOWN = {"target": "piha/db", "status": "exited"}


def failed(count, target=WEB):
    """Return that many failed deployments, the last of them a minute ago."""
    return [{"target": target, "status": "failed", "begun_at": ago(minutes=count - i)} for i in range(count)]


def recommended(want, have, target=WEB, **rules):
    """Return (event type, action, severity) of one target's recommendation, or None."""
    node, _, service = target.partition("/")
    rows = judged(want, have, **rules).recommendations.filter(node=node, service=service)
    return rows.select("event_type", "action", "severity").row(0) if rows.height else None


# the table's lines


def test_stale_world_blocks_for_an_observer_review():
    advised = recommended(desired(WEB), actual(WEB, last_update_at=ago(hours=1)), "fleet/all")

    assert advised == ("reconcile_blocked", "observer_review", "critical")


def test_observer_suspect_on_the_fleet_blocks_for_an_observer_review():
    advised = recommended(desired(*GONE), actual(nodes=["piha"]), "fleet/all")

    assert advised == ("reconcile_blocked", "observer_review", "critical")


def test_node_suspect_blocks_for_a_node_review():
    healthy = [f"vps/s{i}" for i in range(5)]

    advised = recommended(desired(*GONE[:3], *healthy), actual(*healthy, nodes=["piha", "vps"]), "piha/all")

    assert advised == ("reconcile_blocked", "node_review", "error")


def test_offline_node_requires_a_failover_review():
    advised = recommended(desired(WEB), actual(WEB, nodes=[OFFLINE]), "piha/all")

    assert advised == ("reconcile_required", "failover_review", "critical")


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        pytest.param(3, ("reconcile_blocked", "diagnostics", "critical"), id="max_deployment_failures"),
        pytest.param(2, ("reconcile_recommended", "redeploy", "warning"), id="one fewer"),
    ],
)
def test_failed_deployment(count, expected):
    assert recommended(desired(WEB), actual(WEB, deployments=failed(count))) == expected


@pytest.mark.parametrize(
    ("record", "deployments"),
    [
        pytest.param([], [], id="missing_service"),
        pytest.param([EXITED], [], id="unhealthy_service"),
        pytest.param([WEB], failed(1), id="failed_deployment"),
    ],
)
def test_an_unavailable_dependency_delays_the_deployment(record, deployments):
    want = desired(WEB, "piha/db", needs=[ON_DB])

    advised = recommended(want, actual(DB_DOWN, *record, deployments=deployments))

    assert advised == ("reconcile_blocked", "delayed_deployment", "error")


@pytest.mark.parametrize("trigger", ["containers_not_running", "mqtt_unreachable"])
def test_unhealthy_service_with_a_restart_trigger_requires_a_container_restart(trigger):
    advised = recommended(desired(WEB), actual(EXITED, incidents=[{"target": WEB, "trigger_type": trigger}]))

    assert advised == ("reconcile_required", "container_restart", "error")


@pytest.mark.parametrize(
    "incident",
    [
        pytest.param({"trigger_type": "dns_failed"}, id="another trigger"),
        pytest.param({"trigger_type": None}, id="an old incident without a trigger"),
        pytest.param({"trigger_type": "mqtt_unreachable", "status": "resolved"}, id="the incident is not active"),
        pytest.param({"trigger_type": "mqtt_unreachable", "target": "piha/db"}, id="another service's incident"),
        pytest.param({"trigger_type": "mqtt_unreachable", "target": "piha/all"}, id="the node's incident"),
    ],
)
def test_unhealthy_service_without_a_restart_trigger_of_its_own_requires_a_redeploy(incident):
    have = actual(EXITED, "piha/db", incidents=[{"target": WEB, **incident}])

    assert recommended(desired(WEB, "piha/db"), have) == ("reconcile_required", "redeploy", "error")


def test_missing_service_requires_a_redeploy():
    advised = recommended(desired(WEB, "a/b"), actual("a/b", nodes=["piha", "a"]))

    assert advised == ("reconcile_required", "redeploy", "error")


def test_missing_service_with_a_restart_trigger_still_requires_a_redeploy():
    have = actual("a/b", nodes=["piha", "a"], incidents=[{"target": WEB, "trigger_type": "mqtt_unreachable"}])

    assert recommended(desired(WEB, "a/b"), have) == ("reconcile_required", "redeploy", "error")


def test_unhealthy_service_requires_a_redeploy():
    assert recommended(desired(WEB), actual(EXITED)) == ("reconcile_required", "redeploy", "error")


def test_unreadable_observation_recommends_an_observer_review():
    advised = recommended(desired(WEB, "piha/db"), actual("piha/db", rejected=[{"target": WEB}]))

    assert advised == ("reconcile_recommended", "observer_review", "warning")


@pytest.mark.parametrize(("said", "severity"), [("critical", "critical"), ("error", "warning"), (None, "warning")])
def test_unresolved_incident_recommends_an_incident_review(said, severity):
    advised = recommended(desired(WEB), actual(WEB, incidents=[{"target": WEB, "severity": said}]))

    assert advised == ("reconcile_recommended", "incident_review", severity)


@pytest.mark.parametrize(
    ("report_unexpected", "expected"),
    [(False, None), (True, ("reconcile_recommended", "inventory_review", "info"))],
)
def test_unexpected_service_recommends_an_inventory_review_where_it_is_reported(report_unexpected, expected):
    have = actual(WEB, "piha/stray")

    assert recommended(desired(WEB), have, "piha/stray", report_unexpected=report_unexpected) == expected


# the first line that applies decides


@pytest.mark.parametrize(
    ("have", "action"),
    [
        pytest.param(
            actual(
                EXITED, DB_DOWN, deployments=failed(3), incidents=[{"target": WEB, "trigger_type": "mqtt_unreachable"}]
            ),
            "delayed_deployment",
            id="a delayed deployment before diagnostics",
        ),
        pytest.param(
            actual(
                EXITED,
                "piha/db",
                deployments=failed(3),
                incidents=[{"target": WEB, "trigger_type": "mqtt_unreachable"}],
            ),
            "diagnostics",
            id="diagnostics before a container restart",
        ),
        pytest.param(
            actual(
                EXITED, DB_DOWN, deployments=failed(2), incidents=[{"target": WEB, "trigger_type": "mqtt_unreachable"}]
            ),
            "delayed_deployment",
            id="a delayed deployment before a container restart",
        ),
        pytest.param(
            actual(
                EXITED,
                "piha/db",
                deployments=failed(2),
                incidents=[{"target": WEB, "trigger_type": "mqtt_unreachable"}],
            ),
            "container_restart",
            id="a container restart before a redeploy",
        ),
        pytest.param(
            actual(WEB, "piha/db", deployments=failed(1), incidents=[{"target": WEB}]),
            "redeploy",
            id="a redeploy before an incident review",
        ),
        pytest.param(
            actual("piha/db", rejected=[{"target": WEB}], deployments=failed(1)),
            "redeploy",
            id="a redeploy before an observer review",
        ),
        pytest.param(
            actual("piha/db", rejected=[{"target": WEB}], incidents=[{"target": WEB}]),
            "observer_review",
            id="an observer review before an incident review",
        ),
    ],
)
def test_the_first_line_that_applies_decides(have, action):
    want = desired(WEB, "piha/db", needs=[ON_DB])

    assert recommended(want, have)[1] == action


def test_an_incident_on_a_stray_service_comes_before_its_inventory_review():
    have = actual(WEB, "piha/stray", incidents=[{"target": "piha/stray"}])

    assert recommended(desired(WEB), have, "piha/stray", report_unexpected=True)[1] == "incident_review"


def test_a_nodes_incident_beside_its_review_is_one_recommendation():
    healthy = [f"vps/s{i}" for i in range(5)]
    have = actual(*healthy, nodes=["piha", "vps"], incidents=[{"node": "piha", "severity": "critical"}])

    advised = recommended(desired(*GONE[:3], *healthy), have, "piha/all")

    assert advised == ("reconcile_blocked", "node_review", "critical")


# severity


@pytest.mark.parametrize(
    ("have", "expected"),
    [
        pytest.param(actual(EXITED), "critical", id="an unhealthy service"),
        pytest.param(actual(WEB, deployments=failed(1)), "critical", id="a failed deployment"),
        pytest.param(actual(EXITED, DB_DOWN), "critical", id="a delayed deployment"),
    ],
)
def test_a_critical_incident_makes_its_targets_recommendation_critical(have, expected):
    want = desired(WEB, needs=[ON_DB]) if have.services.height == 1 else desired(WEB, "piha/db", needs=[ON_DB])
    critical = actual(incidents=[{"target": WEB, "severity": "critical"}]).incidents

    assert recommended(want, have._replace(incidents=critical))[2] == expected


def test_drift_that_is_held_back_does_not_raise_the_severity():
    started = {"target": WEB, "status": "started", "begun_at": ago(seconds=5)}
    have = actual(EXITED, deployments=[*failed(2), started], incidents=[{"target": WEB}])

    assert recommended(desired(WEB), have) == ("reconcile_recommended", "incident_review", "warning")


# what a recommendation says


@pytest.mark.parametrize(
    ("want", "have", "recommendation_id"),
    [
        pytest.param(
            desired("piha/mosquitto"),
            actual({"target": "piha/mosquitto", "status": "exited"}),
            "redeploy-piha-mosquitto",
            id="redeploy",
        ),
        pytest.param(
            desired(WEB, nodes=["piha", "vps"]),
            actual(WEB, nodes=[{"node": "vps", "status": "down"}]),
            "failover-review-vps-all",
            id="failover review",
        ),
        pytest.param(
            desired("piha/node_exporter"),
            actual({"target": "piha/node_exporter", "status": "exited"}),
            "redeploy-piha-node_exporter",
            id="the name keeps its underscore",
        ),
    ],
)
def test_the_recommendation_id_is_action_node_service(want, have, recommendation_id):
    assert recommendation_id in [row[0] for row in advice(judged(want, have))]


def test_a_recommendation_names_the_drifts_that_cause_it():
    have = actual(EXITED, deployments=failed(1), incidents=[{"target": WEB}, {"target": WEB}])

    advised = judged(desired(WEB), have).recommendations.row(0, named=True)

    assert advised["causing_kinds"] == ["failed_deployment", "unhealthy_service", "unresolved_incident"]
    assert advised["drift_ids"] == [
        "failed-deployment-piha-web",
        "unhealthy-service-piha-web",
        "unresolved-incident-piha-web-inc-0",
        "unresolved-incident-piha-web-inc-1",
    ]


def test_recommendations_are_in_the_order_to_act_on():
    want = desired(WEB, "piha/db", "piha/log", "piha/app", "vps/x", nodes=["piha", "vps"], needs=[ON_DB])
    have = actual(
        EXITED,
        DB_DOWN,
        {"target": "piha/app", "status": "exited"},
        "piha/log",
        nodes=["piha", {"node": "vps", "status": "down"}],
        incidents=[{"target": "piha/log"}],
    )

    assert [row[0] for row in advice(judged(want, have))] == [
        "failover-review-vps-all",
        "redeploy-piha-db",
        "redeploy-piha-app",
        "delayed-deployment-piha-web",
        "incident-review-piha-log",
    ]


def radius(judgement):
    """Return the blast radius of each recommended target."""
    return {
        f"{row['node']}/{row['service']}": row["blast_radius"] for row in judgement.recommendations.rows(named=True)
    }


def test_the_blast_radius_counts_the_targets_that_wait_for_it():
    want = desired(WEB, "piha/db", "piha/app", needs=[ON_DB, needs("piha/app", "web")])
    have = actual(EXITED, DB_DOWN, {"target": "piha/app", "status": "exited"})

    assert radius(judged(want, have)) == {"piha/db": 2, WEB: 0, "piha/app": 0}


def test_the_blast_radius_of_an_offline_node_counts_what_it_holds_back_and_what_waits_for_it():
    want = desired("b/app", WEB, "piha/log", needs=[needs("b/app", "web", "external")])
    have = actual({"target": "b/app", "status": "exited"}, EXITED, nodes=["b", OFFLINE], incidents=[{"target": WEB}])

    assert radius(judged(want, have)) == {"piha/all": 3, "b/app": 0}


def test_the_blast_radius_of_a_stale_world_counts_every_other_target():
    have = actual(EXITED, nodes=["piha", {"node": "vps", "status": "down"}], last_update_at=ago(hours=1))

    assert radius(judged(desired(WEB, "vps/db"), have)) == {"fleet/all": 3}


def test_the_blast_radius_of_a_suspect_observer_counts_the_missing_services():
    assert radius(judged(desired(*GONE), actual(nodes=["piha"]))) == {"fleet/all": 5}


def test_a_delayed_deployment_names_its_root_causes_and_no_other_recommendation_does():
    want = desired(WEB, "piha/db", needs=[ON_DB])

    rows = judged(want, actual(EXITED, DB_DOWN)).recommendations

    assert dict(rows.select("recommendation_id", "root_causes").rows()) == {
        "delayed-deployment-piha-web": ["piha/db"],
        "redeploy-piha-db": [],
    }


@pytest.mark.parametrize(
    ("want", "have", "reason"),
    [
        pytest.param(
            desired(WEB),
            actual({**EXITED, "last_seen_at": ago(minutes=3)}),
            "web on piha is unhealthy: its status is 'exited', last seen 3 min ago; redeploy it.",
            id="unhealthy",
        ),
        pytest.param(
            desired(WEB),
            actual({**EXITED, "status": None, "last_seen_at": None}),
            "web on piha is unhealthy: its status is 'null'; redeploy it.",
            id="nothing known but that it is not healthy",
        ),
        pytest.param(
            desired(nodes=["piha"]),
            actual(nodes=[{"node": "piha", "last_seen_at": ago(hours=3)}]),
            "piha is offline: last seen 3 h ago, more than the 5 min allowed; "
            "bring it back, or move its services to another node.",
            id="offline",
        ),
        pytest.param(
            desired(WEB),
            actual(WEB, incidents=[{"target": WEB, "started_at": None}]),
            "Incident inc-0 of web on piha is open; review the incident and close it.",
            id="an incident without a time",
        ),
        pytest.param(
            desired(WEB, "piha/db"),
            actual("piha/db", rejected=[{"target": WEB, "reason": "a list"}]),
            "The observation of web on piha cannot be read: a list; check what the observer writes for it.",
            id="set aside",
        ),
        pytest.param(
            desired(WEB),
            actual(WEB, last_update_at=ago(days=3)),
            "The world is 3 d old, more than the 15 min allowed; "
            "check the observer before acting on anything it reports.",
            id="stale",
        ),
    ],
)
def test_the_reason_is_a_sentence_built_from_the_evidence(want, have, reason):
    assert judged(want, have).recommendations["reason"].to_list() == [reason]


@pytest.mark.parametrize(
    ("want", "have", "unblocked_by"),
    [
        pytest.param(desired(WEB), actual(WEB, last_update_at=ago(hours=1)), "a fresh world", id="stale_world"),
        pytest.param(desired(*GONE), actual(nodes=["piha"]), "an observation of what is gone", id="observer_suspect"),
        pytest.param(
            desired(WEB), actual(WEB, deployments=failed(3)), "a deployment that succeeds", id="failed_deployment"
        ),
        pytest.param(
            desired(WEB, "piha/db", needs=[ON_DB]), actual(EXITED, DB_DOWN), "db on piha available again", id="delayed"
        ),
    ],
)
def test_a_blocked_recommendation_says_what_unblocks_it(want, have, unblocked_by):
    blocked = judged(want, have).recommendations.filter(event_type="reconcile_blocked")

    assert blocked["unblocked_by"].to_list() == [unblocked_by]

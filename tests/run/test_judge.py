"""The stages together: what each setting changes, and worlds that must not lead to mass action."""

import pytest
from polars.testing import assert_frame_equal

from flows.run.judge import judge
from schemas.rules import Rules
from tests.helpers.frames import actual, advice, ago, batch, desired, judged, kinds

pytestmark = pytest.mark.wide

WEB = "piha/web"
EXITED = {"target": WEB, "status": "exited"}
BOTH = ["piha", "lte"]
FAILED = {"target": WEB, "status": "failed"}


# every number and word list of the rules changes what it should


@pytest.mark.parametrize(
    ("rules", "have", "as_it_is", "changed"),
    [
        pytest.param(
            {"world_ttl": 60},
            actual(
                {"target": WEB, "last_seen_at": ago(seconds=61)},
                nodes=[{"node": node, "last_seen_at": ago(seconds=61)} for node in BOTH],
                last_update_at=ago(seconds=61),
            ),
            [],
            ["stale_world"],
            id="world_ttl",
        ),
        pytest.param(
            {"node_ttl": 60},
            actual(
                {"target": WEB, "last_seen_at": ago(seconds=61)},
                nodes=["lte", {"node": "piha", "last_seen_at": ago(seconds=61)}],
            ),
            [],
            ["offline_node"],
            id="node_ttl",
        ),
        pytest.param(
            {"node_ttl_intermittent": 60},
            actual(WEB, nodes=["piha", {"node": "lte", "last_seen_at": ago(seconds=61)}]),
            [],
            ["offline_node"],
            id="node_ttl_intermittent",
        ),
        pytest.param(
            {"healthy_words": ["exited"]}, actual(EXITED, nodes=BOTH), ["unhealthy_service"], [], id="healthy_words"
        ),
        pytest.param(
            {"online_words": ["Napping"]},
            actual(WEB, nodes=[{"node": "piha", "status": "napping"}, {"node": "lte", "status": "napping"}]),
            ["offline_node", "offline_node"],
            [],
            id="online_words",
        ),
        pytest.param(
            {"failed_words": ["broken"]},
            actual(WEB, nodes=BOTH, deployments=[{**FAILED, "status": "broken"}]),
            [],
            ["failed_deployment"],
            id="failed_words",
        ),
        pytest.param(
            {"closed_words": ["muted"]},
            actual(WEB, nodes=BOTH, incidents=[{"target": WEB, "status": "muted"}]),
            ["unresolved_incident"],
            [],
            id="closed_words",
        ),
    ],
)
def test_a_setting_changes_what_is_drift(rules, have, as_it_is, changed):
    want = desired(WEB, nodes=["piha", {"node": "lte", "is_intermittent": True}])

    assert judged(want, have).drift["kind"].to_list() == as_it_is
    assert judged(want, have, **rules).drift["kind"].to_list() == changed


@pytest.mark.parametrize(
    ("rules", "suspects"),
    [
        pytest.param({"node_drift_min": 3}, [], id="neither"),
        pytest.param({"mass_drift_min": 3, "mass_drift_share": 0.4}, ["observer_suspect"], id="mass_drift_min"),
        pytest.param({"mass_drift_min": 3, "mass_drift_share": 0.6, "node_drift_min": 3}, [], id="mass_drift_share"),
        pytest.param({}, ["node_suspect"], id="node_drift_min"),
    ],
)
def test_a_setting_changes_what_is_suspect(rules, suspects):
    there = ["vps/a", "vps/b", "vps/c"]
    want = desired("piha/a", "piha/b", "vps/d", *there)

    judgement = judged(want, actual(*there, nodes=["piha", "vps"]), **rules)

    assert [row[0] for row in kinds(judgement.drift) if row[0].endswith("suspect")] == suspects


@pytest.mark.parametrize(
    ("rules", "have", "as_it_is", "changed"),
    [
        pytest.param(
            {"max_deployment_failures": 1},
            actual(WEB, deployments=[FAILED]),
            "redeploy-piha-web",
            "diagnostics-piha-web",
            id="max_deployment_failures",
        ),
        pytest.param(
            {"deployment_window": 60},
            actual(WEB, deployments=[{**FAILED, "begun_at": ago(seconds=61)}]),
            "redeploy-piha-web",
            None,
            id="deployment_window",
        ),
        pytest.param(
            {"restart_triggers": ["stuck"]},
            actual(EXITED, incidents=[{"target": WEB, "trigger_type": "stuck"}]),
            "redeploy-piha-web",
            "container-restart-piha-web",
            id="restart_triggers",
        ),
        pytest.param(
            {"progress_deadline": 30},
            actual(EXITED, deployments=[{"target": WEB, "status": "started", "begun_at": ago(seconds=31)}]),
            None,
            "redeploy-piha-web",
            id="progress_deadline",
        ),
        pytest.param(
            {"in_flight_words": ["rolling"]},
            actual(EXITED, deployments=[{"target": WEB, "status": "rolling", "begun_at": ago(seconds=31)}]),
            "redeploy-piha-web",
            None,
            id="in_flight_words",
        ),
        pytest.param(
            {"report_unexpected": True},
            actual(WEB, "piha/stray"),
            None,
            "inventory-review-piha-stray",
            id="report_unexpected",
        ),
    ],
)
def test_a_setting_changes_what_is_recommended(rules, have, as_it_is, changed):
    assert [row[0] for row in advice(judged(desired(WEB), have))] == [as_it_is] * (as_it_is is not None)
    assert [row[0] for row in advice(judged(desired(WEB), have, **rules))] == [changed] * (changed is not None)


def test_succeeded_words_say_what_ends_a_run_of_failures():
    have = actual(WEB, deployments=[FAILED, {"target": WEB, "status": "shipped"}, FAILED])

    assert judged(desired(WEB), have).drift["consecutive_failures"].to_list() == [2]
    assert judged(desired(WEB), have, succeeded_words=["shipped"]).drift["consecutive_failures"].to_list() == [1]


# the steps, and batches


def test_the_steps_run_in_the_order_that_is_written_once():
    ran = []

    def step(stage, *arguments):
        ran.append(stage.__name__)
        return stage(*arguments)

    judge(desired(WEB), actual(WEB), Rules(), step)

    assert ran == [
        "plan_absence",
        "date_worlds",
        "look_at_services",
        "settle",
        "find_places",
        "doubt_observer",
        "hold_back",
        "link_dependencies",
        "find_blocks",
        "suspect_nodes",
        "trace_root_causes",
        "explain_targets",
        "recommend",
        "summarize",
    ]


def test_a_batch_judges_each_snapshot_at_its_own_moment():
    snapshots = [
        actual(EXITED, as_of=ago(minutes=10)),
        actual(WEB, nodes=[{"node": "piha", "status": "off"}], as_of=ago(minutes=5)),
        actual(WEB),
    ]

    judgement = judged(desired(WEB), batch(*snapshots))

    assert judgement.summary["state"].to_list() == ["degraded", "unstable", "nominal"]


def test_no_snapshot_gives_no_rows():
    judgement = judged(desired(WEB), actual()._replace(snapshots=actual().snapshots.clear()))

    assert [frame.height for frame in judgement] == [0] * len(judgement)


def test_a_snapshot_does_not_see_another_ones_deployments():
    started = {"target": WEB, "status": "started", "begun_at": ago(minutes=1)}

    judgement = judged(
        desired(WEB), batch(actual(EXITED, as_of=ago(seconds=30)), actual(EXITED, deployments=[started]))
    )

    assert judgement.summary["state"].to_list() == ["degraded", "reconciling"]


# pitfalls of peers: never a flood, one message for one outage


@pytest.mark.parametrize(
    "have",
    [
        pytest.param(actual(nodes=["a", "b"]), id="services.json is empty"),
        pytest.param(actual("a/s0", nodes=["a", "b"]), id="most of the fleet vanished"),
        pytest.param(actual("a/s0", nodes=["a", "b"], last_update_at=ago(hours=2)), id="the world is stale"),
    ],
)
def test_a_world_that_says_little_leads_to_one_recommendation(have):
    want = desired(*(f"{node}/s{i}" for node in "ab" for i in range(10)))

    assert [row[0] for row in advice(judged(want, have))] == ["observer-review-fleet-all"]


def test_an_outage_of_a_node_is_one_recommendation_with_a_blast_radius():
    targets = [f"piha/s{i:02}" for i in range(30)]
    down = [{"target": target, "status": "exited"} for target in targets]

    advised = judged(desired(*targets), actual(*down, nodes=[{"node": "piha", "status": "off"}])).recommendations

    assert advised.select("recommendation_id", "blast_radius").rows() == [("failover-review-piha-all", 30)]


def test_an_unchanged_inventory_with_one_record_gone_is_a_finding():
    assert kinds(judged(desired(WEB, "piha/db"), actual("piha/db")).drift) == [("missing_service", WEB, None)]


def test_the_same_input_judged_again_gives_the_same_frames():
    want, have = desired(WEB, "vps/db"), actual(EXITED, incidents=[{"target": WEB}])

    for one, other in zip(judged(want, have), judged(want, have), strict=True):
        assert_frame_equal(one, other)

"""The drift kinds of SEMANTICS 3: one test for each row of its table, with its boundaries."""

import pytest

from schemas.words import DriftKind
from tests.frames import NOON, actual, ago, desired, detected, found

WEB = "piha/web"
FIVE = [f"piha/s{i}" for i in range(5)]
MICROSECOND = 1e-6


def of_kind(drift, kind):
    """Return the targets of one kind of drift."""
    return [target for found_kind, target, _ in found(drift) if found_kind == kind]


def test_agreement_is_no_drift():
    drift = detected(desired(WEB), actual(WEB))

    assert found(drift) == []


# stale_world


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [
        pytest.param(900, [], id="exactly the ttl is not stale"),
        pytest.param(900 + MICROSECOND, [("stale_world", "fleet/all", "critical")], id="one microsecond more is"),
        pytest.param(-3600, [], id="a world from the future is fresh"),
    ],
)
def test_stale_world(age_s, expected):
    drift = detected(desired(WEB), actual(WEB, last_update_at=ago(seconds=age_s)))

    assert found(drift) == expected


@pytest.mark.parametrize(
    ("last_update_at", "node_seen", "service_seen", "world_ref"),
    [
        pytest.param(ago(hours=1), NOON, NOON, "runtime-summary.json#last_update", id="last_update wins, even older"),
        pytest.param(None, ago(hours=3), ago(hours=2), "the newest last_seen", id="then a service's last_seen"),
        pytest.param(None, ago(hours=2), ago(hours=3), "the newest last_seen", id="or a node's, the newest of all"),
    ],
)
def test_the_worlds_time_is_last_update_else_the_newest_last_seen(last_update_at, node_seen, service_seen, world_ref):
    node = {"node": "piha", "last_seen_at": node_seen}
    have = actual({"target": WEB, "last_seen_at": service_seen}, nodes=[node], last_update_at=last_update_at)

    drift = detected(desired(WEB, nodes=["piha"]), have, node_ttl="1d")

    assert drift["actual_ref"].to_list() == [world_ref]


@pytest.mark.parametrize(
    ("files_age_s", "expected"),
    [pytest.param(900, [], id="fresh"), pytest.param(901, ["fleet/all"], id="stale")],
)
def test_the_worlds_time_is_the_newest_file_time_where_nothing_else_is_readable(files_age_s, expected):
    node = {"node": "piha", "last_seen_at": None}
    have = actual(
        {"target": WEB, "last_seen_at": None}, nodes=[node], last_update_at=None, files_at=ago(seconds=files_age_s)
    )

    drift = detected(desired(WEB), have)

    assert of_kind(drift, DriftKind.STALE_WORLD) == expected


# observer_suspect


@pytest.mark.parametrize(
    ("missing", "present", "expected"),
    [
        pytest.param(5, 5, ["fleet/all"], id="at the minimum and at half"),
        pytest.param(4, 1, [], id="one fewer than the minimum"),
        pytest.param(5, 6, [], id="less than half"),
        pytest.param(6, 5, ["fleet/all"], id="more than half"),
    ],
)
def test_observer_suspect_on_the_fleet(missing, present, expected):
    gone = [f"gone/s{i}" for i in range(missing)]
    there = ["gone/there", *(f"piha/s{i}" for i in range(present - 1))]

    drift = detected(desired(*gone, *there), actual(*there, nodes=["gone", "piha"]))

    assert of_kind(drift, DriftKind.OBSERVER_SUSPECT) == expected


@pytest.mark.parametrize(
    ("want", "have", "expected"),
    [
        pytest.param([WEB], [], [("fleet/all", "critical")], id="no usable record while a service is monitored"),
        pytest.param([WEB], ["other/x"], [], id="one record of anything is enough"),
        pytest.param([{"target": WEB, "is_monitored": False}], [], [], id="no service is monitored"),
    ],
)
def test_observer_suspect_where_services_json_is_empty(want, have, expected):
    drift = detected(desired(*want), actual(*have, nodes=["piha"]))

    assert [row[1:] for row in found(drift) if row[0] == DriftKind.OBSERVER_SUSPECT] == expected


@pytest.mark.parametrize(
    ("want", "have"),
    [
        pytest.param(FIVE, actual(nodes=[{"node": "piha", "status": "offline"}, "vps"]), id="an offline node's"),
        pytest.param([{"target": s, "is_monitored": False} for s in FIVE], actual(nodes=["piha"]), id="unmonitored"),
        pytest.param(FIVE, actual(nodes=["piha"], rejected=[{"target": s} for s in FIVE]), id="set aside"),
    ],
)
def test_services_that_do_not_count_as_missing_make_no_observer_suspect(want, have):
    there = actual("vps/web")

    drift = detected(desired(*want, "vps/web"), have._replace(services=there.services))

    assert of_kind(drift, DriftKind.OBSERVER_SUSPECT) == []


@pytest.mark.parametrize(
    ("missing", "present", "expected"),
    [
        pytest.param(3, 0, [("observer_suspect", "piha/all", "error")], id="all of the minimum are missing"),
        pytest.param(2, 0, [], id="one fewer than the minimum"),
        pytest.param(3, 1, [], id="one is there"),
    ],
)
def test_observer_suspect_on_a_node(missing, present, expected):
    there = [f"piha/there{i}" for i in range(present)]
    elsewhere = [f"vps/s{i}" for i in range(4)]

    drift = detected(
        desired(*there, *elsewhere, *(f"piha/gone{i}" for i in range(missing))),
        actual(*there, *elsewhere, nodes=["piha", "vps"]),
    )

    assert [row for row in found(drift) if row[0] == DriftKind.OBSERVER_SUSPECT] == expected


def test_observer_suspect_on_a_node_is_not_drawn_while_the_fleet_wide_one_is():
    drift = detected(desired(*FIVE, "vps/web"), actual("vps/web", nodes=["piha", "vps"]))

    assert of_kind(drift, DriftKind.OBSERVER_SUSPECT) == ["fleet/all"]


def test_observer_suspect_is_not_drawn_for_an_offline_node():
    nodes = [{"node": "piha", "status": "offline"}, "vps"]

    drift = detected(desired(*FIVE, "vps/web"), actual("vps/web", nodes=nodes))

    assert of_kind(drift, DriftKind.OBSERVER_SUSPECT) == []


def test_a_suspect_observer_counts_what_it_misses():
    drift = detected(desired(*FIVE, "vps/web"), actual("vps/web", nodes=["piha", "vps"]))

    suspect = drift.filter(kind=DriftKind.OBSERVER_SUSPECT).row(0, named=True)
    assert (suspect["missing_count"], suspect["monitored_count"]) == (5, 6)


# offline_node

OFFLINE = [("offline_node", "piha/all", "critical")]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        *(pytest.param({"status": word}, [], id=word) for word in ["online", "active", "ready", "up", "ok", "healthy"]),
        pytest.param({"status": "offline"}, OFFLINE, id="another status"),
        pytest.param({"status": None}, OFFLINE, id="a null status"),
        pytest.param({"last_seen_at": ago(minutes=5)}, [], id="last seen exactly node_ttl ago"),
        pytest.param({"last_seen_at": ago(seconds=300 + MICROSECOND)}, OFFLINE, id="a microsecond longer ago"),
        pytest.param({"last_seen_at": ago(hours=-1)}, [], id="last seen in the future"),
        pytest.param({"last_seen_at": None}, [], id="without a readable last_seen status alone decides: online"),
        pytest.param({"last_seen_at": None, "status": "down"}, OFFLINE, id="without a readable last_seen: down"),
    ],
)
def test_offline_node(record, expected):
    drift = detected(desired(nodes=["piha"]), actual(nodes=[{"node": "piha", **record}]))

    assert found(drift) == expected


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [
        pytest.param(3600, [], id="exactly node_ttl_intermittent"),
        pytest.param(3600 + MICROSECOND, OFFLINE, id="a microsecond longer ago"),
    ],
)
def test_offline_node_with_intermittent_connectivity(age_s, expected):
    want = desired(nodes=[{"node": "piha", "is_intermittent": True}])

    drift = detected(want, actual(nodes=[{"node": "piha", "last_seen_at": ago(seconds=age_s)}]))

    assert found(drift) == expected


def test_offline_node_without_a_record_in_nodes_json():
    assert found(detected(desired(nodes=["piha"]), actual())) == OFFLINE


def test_a_node_whose_record_was_set_aside_is_not_called_offline():
    have = actual(rejected=[{"node": "piha", "file": "nodes.json"}])

    assert found(detected(desired(nodes=["piha"]), have)) == []


def test_a_node_that_no_inventory_names_is_never_offline():
    assert found(detected(desired(), actual(nodes=[{"node": "ghost", "status": "offline"}]))) == []


# missing_service, unhealthy_service, unreadable_observation


@pytest.mark.parametrize(
    ("want", "have", "expected"),
    [
        pytest.param(WEB, [], [("missing_service", WEB, "error")], id="monitored and desired, without a record"),
        pytest.param({"target": WEB, "is_monitored": False}, [], [], id="unmonitored"),
        pytest.param(WEB, [WEB], [], id="its record is there"),
    ],
)
def test_missing_service(want, have, expected):
    drift = detected(desired(want, "piha/db"), actual(*have, "piha/db"))

    assert found(drift) == expected


@pytest.mark.parametrize("is_monitored", [True, False])
@pytest.mark.parametrize("status", ["exited", None, "", "unknown", "running"])
def test_unhealthy_service(status, is_monitored):
    want = desired({"target": WEB, "is_monitored": is_monitored})

    drift = detected(want, actual({"target": WEB, "status": status}))

    assert found(drift) == [("unhealthy_service", WEB, "error")] * is_monitored


@pytest.mark.parametrize("status", ["ok", "healthy"])
def test_a_service_with_a_healthy_status_is_in_agreement(status):
    assert found(detected(desired(WEB), actual({"target": WEB, "status": status}))) == []


@pytest.mark.parametrize(
    ("have", "rejected", "expected"),
    [
        pytest.param([], [{"target": WEB}], ["unreadable_observation"], id="its record was set aside"),
        pytest.param([], [{"target": WEB}, {"target": WEB}], ["unreadable_observation"], id="two records were"),
        pytest.param([WEB], [{"target": WEB}], [], id="another record of it is readable"),
        pytest.param([], [{"key": "?"}], ["missing_service"], id="a record without a usable key was set aside"),
        pytest.param([], [{"target": WEB, "file": "deployments.json"}], ["missing_service"], id="of another file"),
    ],
)
def test_unreadable_observation(have, rejected, expected):
    drift = detected(desired(WEB, "piha/db"), actual(*have, "piha/db", rejected=rejected))

    assert drift["kind"].to_list() == expected


@pytest.mark.parametrize("reasons", [["a list", "a number"], ["a number", "a list"]])
def test_of_two_records_that_were_set_aside_one_speaks_whatever_their_order(reasons):
    rejected = [{"target": WEB, "reason": reason} for reason in reasons]

    assert detected(desired(WEB), actual(nodes=["piha"], rejected=rejected))["observed"].to_list()[-1] == "a list"


def test_an_unmonitored_service_has_no_unreadable_observation():
    want = desired({"target": WEB, "is_monitored": False})

    assert found(detected(want, actual(nodes=["piha"], rejected=[{"target": WEB}]))) == []


# failed_deployment


def deployed(*deployments, want=WEB, **rules):
    """Detect on a healthy service with these deployments, the last of them a minute ago."""
    timed = [{"target": WEB, "begun_at": ago(minutes=len(deployments) - i), **d} for i, d in enumerate(deployments)]
    return detected(desired(want), actual(WEB, deployments=timed), **rules)


@pytest.mark.parametrize("status", ["failed", "failure", "error"])
def test_failed_deployment(status):
    assert found(deployed({"status": status})) == [("failed_deployment", WEB, "warning")]


@pytest.mark.parametrize(
    "status", ["started", "running", "in_progress", "pending", "completed", "success", "succeeded", "rolled back", None]
)
def test_a_deployment_that_did_not_fail_is_no_failed_deployment(status):
    assert found(deployed({"status": "failed"}, {"status": status})) == []


@pytest.mark.parametrize(
    ("age_s", "count"),
    [pytest.param(86_400, 1, id="exactly the window"), pytest.param(86_400 + MICROSECOND, 0, id="a microsecond more")],
)
def test_failed_deployment_within_the_window(age_s, count):
    assert deployed({"status": "failed", "begun_at": ago(seconds=age_s)}).height == count


@pytest.mark.parametrize(
    ("statuses", "failures", "severity"),
    [
        pytest.param(["failed"] * 2, 2, "warning", id="one fewer than max_deployment_failures"),
        pytest.param(["failed"] * 3, 3, "critical", id="max_deployment_failures"),
        pytest.param(["failed", "failed", "completed", "failed"], 1, "warning", id="a success ends the run"),
        pytest.param(["failed", "started", "failed", None, "failed"], 3, "critical", id="neither ends nor adds"),
    ],
)
def test_failed_deployment_counts_the_failures_since_the_last_success(statuses, failures, severity):
    drift = deployed(*({"status": status} for status in statuses))

    assert drift.select("consecutive_failures", "severity").row(0) == (failures, severity)


def test_deployments_are_ordered_by_their_time_and_not_by_their_place():
    drift = deployed({"status": "failed", "begun_at": ago(minutes=1)}, {"begun_at": ago(minutes=2)})

    assert of_kind(drift, DriftKind.FAILED_DEPLOYMENT) == [WEB]


@pytest.mark.parametrize(
    ("statuses", "failures"),
    [
        pytest.param(["completed", "failed"], 2, id="the success came before the failure"),
        pytest.param(["failed", "completed"], 1, id="the failure came before the success"),
    ],
)
def test_deployments_without_a_readable_time_come_first_in_file_order(statuses, failures):
    timeless = [{"status": status, "begun_at": None} for status in statuses]

    drift = deployed({"status": "failed"}, *timeless)

    assert drift["consecutive_failures"].to_list() == [failures]


def test_a_failed_deployment_without_any_time_cannot_be_known_to_be_recent():
    assert found(deployed({"status": "failed", "begun_at": None})) == []


@pytest.mark.parametrize("want", [{"target": WEB, "is_monitored": False}, "piha/other"])
def test_failed_deployment_of_a_service_that_is_not_monitored_or_not_desired(want):
    assert of_kind(deployed({"status": "failed"}, want=want), DriftKind.FAILED_DEPLOYMENT) == []


# unresolved_incident


@pytest.mark.parametrize(
    ("incident", "expected"),
    [
        pytest.param({"target": WEB}, [(WEB, "warning")], id="a service's"),
        pytest.param({"target": WEB, "severity": "critical"}, [(WEB, "critical")], id="a critical one"),
        pytest.param({"target": WEB, "severity": None}, [(WEB, "warning")], id="one without a severity"),
        pytest.param({"target": WEB, "status": None}, [(WEB, "warning")], id="one without a status"),
        pytest.param({"target": WEB, "status": "resolved"}, [], id="resolved"),
        pytest.param({"target": WEB, "status": "closed"}, [], id="closed"),
        pytest.param({"node": "piha"}, [("piha/all", "warning")], id="the node's"),
        pytest.param({"target": "piha/unknown"}, [("piha/unknown", "warning")], id="of a service not in the inventory"),
        pytest.param({"target": "piha/quiet"}, [], id="of a service that is desired but unmonitored"),
        pytest.param({"target": "ghost/web"}, [], id="of a node that is not desired"),
    ],
)
def test_unresolved_incident(incident, expected):
    want = desired(WEB, {"target": "piha/quiet", "is_monitored": False})

    drift = detected(want, actual(WEB, incidents=[incident]))

    assert found(drift) == [("unresolved_incident", *row) for row in expected]


def test_each_unresolved_incident_is_a_drift_of_its_own():
    drift = detected(desired(WEB), actual(WEB, incidents=[{"target": WEB, "key": key} for key in ("inc-2", "inc-1")]))

    assert drift["drift_id"].to_list() == [f"unresolved-incident-piha-web-inc-{i}" for i in (1, 2)]


# unexpected_service


@pytest.mark.parametrize(
    ("have", "expected"),
    [
        pytest.param(["piha/stray"], [("unexpected_service", "piha/stray", "info")], id="no inventory asks for it"),
        pytest.param(["ghost/web"], [("unexpected_service", "ghost/web", "info")], id="on a node not desired"),
        pytest.param(["piha/quiet"], [], id="an unmonitored service is not unexpected"),
        pytest.param([{"target": "piha/quiet", "status": "exited"}], [], id="nor when it is unhealthy"),
    ],
)
def test_unexpected_service(have, expected):
    want = desired(WEB, {"target": "piha/quiet", "is_monitored": False})

    assert found(detected(want, actual(WEB, *have))) == expected


# SEMANTICS 2: an inventory file that cannot be read


def test_a_node_whose_inventory_is_unreadable_has_no_unexpected_service():
    want = desired(nodes=[{"node": "piha", "is_readable": False}])

    assert found(detected(want, actual(WEB))) == []


def test_a_service_whose_declaration_is_unreadable_is_not_unexpected():
    want = desired("piha/db", unread=[{"target": WEB, "file": "hosts/piha/services.yaml", "problem": "a list"}])

    assert found(detected(want, actual(WEB, "piha/db"))) == []


def test_a_node_whose_inventory_is_unreadable_is_still_called_offline():
    want = desired(nodes=[{"node": "piha", "is_readable": False}])

    assert found(detected(want, actual(nodes=[{"node": "piha", "status": "offline"}]))) == OFFLINE


# evidence


@pytest.mark.parametrize(
    ("have", "kind", "refs"),
    [
        pytest.param(
            actual(nodes=["piha"]), DriftKind.MISSING_SERVICE, ("hosts/piha/services.yaml:2", None), id="missing"
        ),
        pytest.param(
            actual({"target": WEB, "status": "exited", "key": " PIHA/web"}),
            DriftKind.UNHEALTHY_SERVICE,
            ("hosts/piha/services.yaml:2", "services.json# PIHA/web"),
            id="unhealthy: the key as it is written",
        ),
        pytest.param(
            actual(WEB, nodes=[{"node": "piha", "status": "off"}]),
            DriftKind.OFFLINE_NODE,
            ("hosts/piha/services.yaml", "nodes.json#piha"),
            id="offline",
        ),
        pytest.param(
            actual(WEB, deployments=[{"target": WEB, "status": "failed"}]),
            DriftKind.FAILED_DEPLOYMENT,
            ("hosts/piha/services.yaml:2", "deployments.json#d-0"),
            id="failed",
        ),
        pytest.param(
            actual(WEB, incidents=[{"target": WEB}]),
            DriftKind.UNRESOLVED_INCIDENT,
            ("hosts/piha/services.yaml:2", "incidents.json#inc-0"),
            id="incident",
        ),
    ],
)
def test_the_evidence_says_where_the_inventory_and_the_world_say_so(have, kind, refs):
    drift = detected(desired(WEB), have).filter(kind=kind)

    assert drift.select("desired_ref", "actual_ref").row(0) == refs

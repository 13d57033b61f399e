"""The drift kinds of SEMANTICS 3: one test for each row of its table, with its boundaries."""

import pytest

from schemas.words import DriftKind
from tests.helpers.frames import actual, ago, desired, detected, doubted, found

WEB = "piha/web"
FIVE = [f"piha/s{i}" for i in range(5)]
MICROSECOND = 1e-6


def of_kind(drift, kind):
    """Return the targets of one kind of drift."""
    return [target for found_kind, target, _ in found(drift) if found_kind == kind]


def test_agreement_is_no_drift():
    drift = doubted(desired(WEB), actual(WEB))

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
    seen = {"last_seen_at": ago(seconds=age_s)}
    have = actual({"target": WEB, **seen}, nodes=[{"node": "piha", **seen}], last_update_at=ago(seconds=age_s))

    drift = doubted(desired(WEB), have, node_ttl="1d")

    assert found(drift) == expected


@pytest.mark.parametrize(
    ("last_update_at", "node_seen", "service_seen", "world_ref"),
    [
        pytest.param(ago(hours=1), ago(hours=2), ago(hours=2), "runtime-summary.json#last_update", id="last_update"),
        pytest.param(ago(hours=3), ago(hours=2), ago(hours=2), "the newest last_seen", id="a record that is newer"),
        pytest.param(None, ago(hours=3), ago(hours=2), "the newest last_seen", id="then a service's last_seen"),
        pytest.param(None, ago(hours=2), ago(hours=3), "the newest last_seen", id="or a node's, the newest of all"),
    ],
)
def test_the_worlds_time_is_the_newest_of_last_update_and_every_last_seen(
    last_update_at, node_seen, service_seen, world_ref
):
    node = {"node": "piha", "last_seen_at": node_seen}
    have = actual({"target": WEB, "last_seen_at": service_seen}, nodes=[node], last_update_at=last_update_at)

    drift = doubted(desired(WEB, nodes=["piha"]), have, node_ttl="1d")

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

    drift = doubted(desired(WEB), have)

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
    gone = [f"{'gone' if i else 'lost'}/s{i}" for i in range(missing)]
    there = ["gone/there", *(f"piha/s{i}" for i in range(present - 1))]

    drift = doubted(desired(*gone, *there), actual(*there, nodes=["gone", "lost", "piha"]))

    assert of_kind(drift, DriftKind.OBSERVER_SUSPECT) == expected


@pytest.mark.parametrize(
    ("want", "have", "expected"),
    [
        pytest.param([WEB], [], [("fleet/all", "critical")], id="no usable record while a service is monitored"),
        pytest.param([WEB], ["piha/x"], [], id="one record of anything is enough"),
        pytest.param([{"target": WEB, "is_monitored": False}], [], [], id="no service is monitored"),
    ],
)
def test_observer_suspect_where_services_json_is_empty(want, have, expected):
    drift = doubted(desired(*want), actual(*have, nodes=["piha"]))

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

    drift = doubted(desired(*want, "vps/web"), have._replace(services=there.services))

    assert of_kind(drift, DriftKind.OBSERVER_SUSPECT) == []


def test_all_of_one_nodes_services_unseen_is_no_suspect_observer_while_other_nodes_have_theirs():
    drift = doubted(desired(*FIVE, "vps/web"), actual("vps/web", nodes=["piha", "vps"]))

    assert of_kind(drift, DriftKind.OBSERVER_SUSPECT) == []


def test_observer_suspect_is_not_drawn_for_an_offline_node():
    nodes = [{"node": "piha", "status": "offline"}, "vps"]

    drift = doubted(desired(*FIVE, "vps/web"), actual("vps/web", nodes=nodes))

    assert of_kind(drift, DriftKind.OBSERVER_SUSPECT) == []


def test_a_suspect_observer_counts_what_it_misses():
    drift = doubted(desired(*FIVE[1:], "vps/gone", "vps/web"), actual("vps/web", nodes=["piha", "vps"]))

    suspect = drift.filter(kind=DriftKind.OBSERVER_SUSPECT).row(0, named=True)
    assert (suspect["missing_count"], suspect["monitored_count"]) == (5, 6)


# offline_node

OFFLINE = [("offline_node", "piha/all", "critical")]
UNREADABLE = [("unreadable_observation", "piha/all", "warning")]


def near(**node):
    """Return two nodes that are asked for something, one of which is as it should be."""
    return desired("piha/web", "vps/web", nodes=[{"node": "piha", **node}, "vps"])


def piha(**record):
    """Return the world of both, with this record of `piha`, and an old one of its service."""
    return actual({"target": WEB, "last_seen_at": None}, "vps/web", nodes=[{"node": "piha", **record}, "vps"])


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        *(pytest.param({"status": word}, [], id=word) for word in ["online", "active", "ready", "up", "ok", "healthy"]),
        pytest.param({"status": "offline"}, OFFLINE, id="another status"),
        pytest.param({"status": None}, UNREADABLE, id="no status"),
        pytest.param({"status": "unobservable"}, UNREADABLE, id="nobody may look: that is not down"),
        pytest.param({"last_seen_state": "doubtful", "last_seen_at": None}, UNREADABLE, id="a time in doubt"),
        pytest.param({"last_seen_at": ago(minutes=5)}, [], id="last seen exactly node_ttl ago"),
        pytest.param({"last_seen_at": ago(seconds=300 + MICROSECOND)}, OFFLINE, id="a microsecond longer ago"),
        pytest.param({"last_seen_at": ago(hours=-1)}, [], id="last seen in the future"),
        pytest.param({"last_seen_at": None}, [], id="without a readable last_seen status alone decides: online"),
        pytest.param({"last_seen_at": None, "status": "down"}, OFFLINE, id="without a readable last_seen: down"),
    ],
)
def test_offline_node(record, expected):
    assert found(detected(near(), piha(**record))) == expected


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [
        pytest.param(3600, [], id="exactly node_ttl_intermittent"),
        pytest.param(3600 + MICROSECOND, OFFLINE, id="a microsecond longer ago"),
    ],
)
def test_offline_node_with_intermittent_connectivity(age_s, expected):
    drift = detected(near(is_intermittent=True), piha(last_seen_at=ago(seconds=age_s)))

    assert found(drift) == expected


def test_offline_node_without_a_record_in_nodes_json():
    have = piha()._replace(nodes=actual(nodes=["vps"]).nodes)

    assert found(detected(near(), have)) == OFFLINE


def test_a_node_without_a_record_whose_service_was_just_seen_is_not_offline():
    have = actual(WEB, "vps/web")._replace(nodes=actual(nodes=["vps"]).nodes)

    assert found(detected(near(), have)) == UNREADABLE


def test_a_silent_node_whose_service_was_just_seen_is_not_offline():
    have = actual(WEB, "vps/web", nodes=[{"node": "piha", "last_seen_at": ago(minutes=6)}, "vps"])

    assert found(detected(near(), have)) == UNREADABLE


def test_a_node_whose_record_was_set_aside_is_not_called_offline():
    have = actual(WEB, "vps/web", rejected=[{"node": "piha", "file": "nodes.json"}])

    assert found(detected(near(), have._replace(nodes=actual(nodes=["vps"]).nodes))) == UNREADABLE


def test_a_node_that_was_never_seen_is_unclear_where_another_one_was():
    never = {"last_seen_state": "never", "last_seen_at": None}

    assert found(doubted(near(), piha(**never))) == UNREADABLE
    assert (
        found(
            doubted(
                desired("piha/web"), actual({"target": WEB, "last_seen_at": None}, nodes=[{"node": "piha", **never}])
            )
        )
        == []
    )


@pytest.mark.parametrize(
    ("node", "severity"),
    [
        pytest.param({}, "critical", id="a service of it is asked for"),
        pytest.param({"is_best_effort": True}, "warning", id="its availability target is best-effort"),
    ],
)
def test_an_offline_node_that_nobody_counts_on_is_a_warning(node, severity):
    assert [row[2] for row in found(detected(near(**node), piha(status="down")))] == [severity]


@pytest.mark.parametrize(
    ("node", "severity"),
    [
        pytest.param({}, "warning", id="nothing is asked of it"),
        pytest.param({"is_readable": False}, "critical", id="nobody knows what is asked of it"),
    ],
)
def test_an_offline_node_without_services_is_a_warning(node, severity):
    want = desired("vps/web", nodes=[{"node": "piha", **node}, "vps"])

    have = actual("vps/web", nodes=[{"node": "piha", "status": "down"}, "vps"])

    assert [row[2] for row in found(detected(want, have))] == [severity]


def test_unreadable_capabilities_leave_the_silence_between_the_ttls_unjudged():
    unread = near(has_readable_capabilities=False)

    assert found(detected(unread, piha(last_seen_at=ago(minutes=30)))) == UNREADABLE
    assert found(detected(unread, piha(last_seen_at=ago(minutes=61)))) == OFFLINE


def test_a_node_that_is_not_monitored_is_neither_offline_nor_is_anything_of_it_unexpected():
    want = near(is_monitored=False)
    have = actual("piha/stray", "vps/web", nodes=[{"node": "piha", "status": "down"}, "vps"])

    assert found(doubted(want, have)) == []


def test_a_node_that_no_inventory_names_is_unexpected_and_never_offline():
    have = actual("vps/web", nodes=["vps", {"node": "vps2", "status": "offline"}])

    drift = doubted(desired("vps/web"), have)

    assert found(drift) == [("unexpected_node", "vps2/all", "info")]
    assert drift["nearby"].to_list() == ["vps"]


@pytest.mark.parametrize(
    ("record", "observed"),
    [
        pytest.param({"has_disk_pressure": True}, "disk", id="the disk"),
        pytest.param({"has_memory_pressure": True}, "memory", id="the memory"),
        pytest.param({"has_disk_pressure": True, "has_memory_pressure": True}, "disk_and_memory", id="both"),
    ],
)
def test_node_pressure(record, observed):
    drift = detected(near(), piha(**record))

    assert found(drift) == [("node_pressure", "piha/all", "warning")]
    assert drift["cause"].to_list() == [observed]


@pytest.mark.parametrize(
    ("node", "count", "expected"),
    [
        pytest.param({}, 3, ["piha/all"], id="three services run"),
        pytest.param({}, 2, [], id="two do"),
        pytest.param({"has_inventory": False}, 3, [], id="no inventory says so"),
        pytest.param({"is_readable": False}, 3, [], id="its inventory cannot be read"),
        pytest.param({"is_monitored": False}, 3, [], id="it is not monitored"),
    ],
)
def test_empty_inventory(node, count, expected):
    want = desired("vps/web", nodes=[{"node": "piha", **node}, "vps"])

    drift = detected(want, actual("vps/web", *(f"piha/s{number}" for number in range(count))))

    assert of_kind(drift, DriftKind.EMPTY_INVENTORY) == expected


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
@pytest.mark.parametrize("status", ["exited", None, "", "unknown", "completed"])
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


FAILED = ("failed", "failure", "error", "errored", "crashed", "cancelled", "canceled", "aborted")


@pytest.mark.parametrize("status", [*FAILED, "rolled_back", "timeout", "timed_out"])
def test_failed_deployment(status):
    assert found(deployed({"status": status})) == [("failed_deployment", WEB, "warning")]


@pytest.mark.parametrize("status", ["completed", "success", "succeeded", "unheard of", None])
def test_a_deployment_that_did_not_fail_is_no_failed_deployment(status):
    assert found(deployed({"status": "failed"}, {"status": status})) == []


@pytest.mark.parametrize("status", ["started", "running", "in_progress", "pending"])
def test_a_deployment_in_flight_does_not_hide_that_the_one_before_failed(status):
    assert found(deployed({"status": "failed"}, {"status": status})) == [("failed_deployment", WEB, "warning")]


@pytest.mark.parametrize(
    ("age_s", "severity"),
    [
        pytest.param(86_400, "warning", id="exactly the window"),
        pytest.param(86_400 + MICROSECOND, "info", id="a microsecond more"),
    ],
)
def test_a_failed_deployment_that_has_left_the_window_is_info(age_s, severity):
    drift = deployed({"status": "failed", "begun_at": ago(days=9), "ended_at": ago(seconds=age_s)})

    assert found(drift) == [("failed_deployment", WEB, severity)]


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


def test_a_failed_deployment_without_any_time_is_drawn_and_never_critical():
    drift = deployed(*[{"status": "failed", "begun_at": None}] * 5)

    assert found(drift) == [("failed_deployment", WEB, "warning")]


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

    assert [row for row in found(doubted(want, actual(WEB, *have))) if row[0] != "unexpected_node"] == expected


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

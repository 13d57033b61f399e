"""The world: what the observer's files say, in one spelling, with what could not be read set aside (SEMANTICS 2)."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.sources.fingerprint import inventory_fingerprint, world_fingerprint
from flows.sources.inventory.files import InventoryFiles
from flows.sources.world.actual import WorldFiles, dangling_aliases, decode_worlds
from flows.sources.world.names import WorldNames
from schemas.limits import Limits
from schemas.rules import Rules
from tests.helpers.frames import NOON, ago

LIMITS = Limits()
KNOWN = {"piha", "chelsty"}
SEEN = "2026-05-27T11:59:00Z"
OK = {"status": "ok"}


def files(as_of=NOON, **contents):
    """Return a world of `services={...}` and the like; nodes and services are empty unless they are given."""
    given = {"nodes": {}, "services": {}, **contents}
    encoded = {
        f"{name.replace('_', '-')}.json": value if isinstance(value, bytes) else json.dumps(value).encode()
        for name, value in given.items()
    }
    return WorldFiles(as_of, encoded, ago(minutes=1))


def decode(*worlds, aliases=None):
    return decode_worlds(worlds, aliases or {}, KNOWN, LIMITS)


def services(actual):
    return actual.services.select("node", "service", "status").rows()


def rejected(actual):
    return actual.rejected.select("file", "key", "node", "service").rows()


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(
            {"piha/web": {"status": "OK", "node": "other", "new": {"a": [1]}}}, id="the key wins over a field"
        ),
        pytest.param({" PIHA / Web ": {"status": " ok "}}, id="case and spaces"),
        pytest.param([{"node": "piha", "service": "web", "status": "ok"}], id="list with node and service"),
        pytest.param([{"id": "piha/web", "status": "ok"}], id="list with an id"),
    ],
)
def test_every_form_of_services_gives_the_same_service(written):
    assert services(decode(files(services=written))) == [("piha", "web", "ok")]


@pytest.mark.parametrize("written", [{"PIHA": {"status": "Online"}}, [{"node": "piha", "status": "online"}]])
def test_every_form_of_nodes_gives_the_same_node(written):
    assert decode(files(nodes=written)).nodes.select("node", "status").rows() == [("piha", "online")]


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("Healthy ", "healthy"),
        ("Up 3 hours (healthy)", "healthy"),
        ("Up 3 hours (Unhealthy)", "unhealthy"),
        ("Up 2 seconds (health: starting)", "starting"),
        ("Up 2 hours (Paused)", "paused"),
        ("Up 3 days", "up"),
        ("Up", "up"),
        ("Upside down", "upside down"),
        ("up-to-date (healthy)", "up-to-date (healthy)"),
        ("Exited (255) 2 minutes ago", "exited (255)"),
        ("Exited (0)", "exited (0)"),
        ("Restarting (1) 3 seconds ago", "restarting"),
    ],
)
def test_what_docker_ps_prints_is_read_as_the_rules_word(written, status):
    assert services(decode(files(services={"piha/web": {"status": written}}))) == [("piha", "web", status)]


@pytest.mark.parametrize(
    "record", [{}, *({"status": value} for value in (None, "", "  ", 1, True, {"a": 1}, ["ok"]))], ids=str
)
def test_a_service_without_a_status_is_set_aside(record):
    actual = decode(files(services={"piha/web": record}))

    assert services(actual) == []
    assert rejected(actual) == [("services.json", "piha/web", "piha", "web")]


@pytest.mark.parametrize("record", [{}, *({"status": value} for value in (None, " ", 1, ["online"]))], ids=str)
def test_a_node_without_a_status_has_none(record):
    assert decode(files(nodes={"piha": record})).nodes["status"].to_list() == [None]


@pytest.mark.parametrize(
    "written",
    [{"piha//web": OK}, {"piha// web": OK}, [{"node": "piha", "service": "/web", **OK}], [{"id": "piha//web", **OK}]],
)
def test_slashes_at_the_beginning_of_a_service_are_dropped(written):
    assert services(decode(files(services=written))) == [("piha", "web", "ok")]


@pytest.mark.parametrize(
    ("written", "node"),
    [
        pytest.param("http://piha:9100/metrics", "piha", id="a scheme with its path, and a port"),
        pytest.param("piha:9100", "piha", id="a port"),
        pytest.param("PIHA.", "piha", id="a final dot"),
        pytest.param("piha.office.lan", "piha", id="a short name"),
        pytest.param("https://Piha.office.lan:9100", "piha", id="all of it"),
        pytest.param("node-2:9100", "chelsty", id="an alias in it"),
        pytest.param("nas.office", "nas.office", id="nobody's short name"),
        pytest.param("10.0.0.5:9100", "10.0.0.5", id="an address is nobody's short name"),
    ],
)
def test_a_node_is_found_in_what_an_observer_writes(written, node):
    names = WorldNames({"node-2": "chelsty"}, {*KNOWN, "10"}, LIMITS)

    assert names.read_node(written) == node


def test_without_short_names_only_what_surrounds_a_name_is_cut():
    names = WorldNames({}, KNOWN, LIMITS, match_short_names=False)

    assert names.read_node("piha.office:9100") == "piha.office"
    assert names.read_node("piha.:9100") == "piha"


def test_a_known_name_is_taken_as_it_is_whatever_it_looks_like():
    assert WorldNames({}, {"piha", "piha.office"}, LIMITS).read_node("piha.office") == "piha.office"


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        pytest.param(
            {"piha": {}}, {"piha:9100": {"last_seen": SEEN}}, "piha", id="an exact name over one that was cut"
        ),
        pytest.param(
            {"node-2": {}}, {"chelsty.lan": {"last_seen": SEEN}}, "node-2", id="an alias over one that was cut"
        ),
        pytest.param({"piha.a": {"last_seen": SEEN}}, {"piha.b": {}}, "piha.a", id="then the newer"),
        pytest.param({"PIHA": {}}, {"piha": {}}, "piha", id="then the spelling of the inventory"),
        pytest.param({"piha.b": {}}, {"piha.a": {}}, "piha.b", id="then the first in the file"),
    ],
)
def test_of_several_records_of_one_node_one_counts_and_the_others_are_told(first, second, kept):
    actual = decode(files(nodes=first | second), aliases={"node-2": "chelsty"})

    others = [name for name in first | second if name != kept]
    assert actual.nodes.select("key", "names_set_aside").rows() == [(kept, others)]
    assert actual.rejected["key"].to_list() == others


def test_it_is_told_which_name_was_taken_for_which():
    actual = decode(
        files(nodes={"piha:9100": {}, "node-2": {}, "other.lan": {}}, services={"Piha.lan/web": OK}),
        aliases={"node-2": "chelsty"},
    )

    assert actual.taken.rows() == [(NOON, "Piha.lan", "piha"), (NOON, "piha:9100", "piha")]


@pytest.mark.parametrize("name", ["nodes", "services"])
def test_what_comes_twice_under_one_spelling_is_set_aside_in_a_list_as_in_an_object(name):
    record = {"node": "piha", "service": "web", "status": "ok"}
    key = "piha/web" if name == "services" else "piha"

    listed = decode(files(**{name: [record, record]}))
    keyed = decode(files(**{name: f'{{"{key}": {json.dumps(record)}, "{key}": {json.dumps(record)}}}'.encode()}))

    for actual in (listed, keyed):
        assert actual.services.is_empty()
        assert actual.nodes.is_empty()
        assert actual.rejected.select("node", "service").rows() == [("piha", "web" if name == "services" else None)] * 2


def test_another_spelling_of_what_comes_twice_counts():
    record = {"node": "piha", "service": "web", "status": "ok"}

    assert services(decode(files(services=[record, record, {**record, "node": "PIHA"}]))) == [("piha", "web", "ok")]


@pytest.mark.parametrize(
    ("record", "state"),
    [
        ({}, "absent"),
        *(({"last_seen": value}, "never") for value in (None, "", 0, -1, "0001-01-01T00:00:00Z")),
        ({"last_seen": "yesterday"}, "doubtful"),
        ({"last_seen": "2026-05-27T12:06:00Z"}, "doubtful"),
        ({"last_seen": "2026-05-27T12:05:00Z"}, "readable"),
    ],
    ids=str,
)
def test_it_is_told_what_a_record_says_of_when_it_was_seen(record, state):
    actual = decode(files(nodes={"piha": record}, services={"piha/web": {**OK, **record}}))

    assert actual.nodes["last_seen_state"].to_list() == [state]
    assert actual.services["last_seen_state"].to_list() == [state]
    assert actual.doubtful.height == (2 if state == "doubtful" else 0)


def test_each_doubtful_time_has_its_place_and_what_it_says():
    actual = decode(
        files(
            nodes={"piha": {"last_seen": "yester\nday", "online_since": [1]}},
            services={"piha/web": {**OK, "since": 5}},
            deployments={"d": {"node": "piha", "service": "web", "started_at": 10**30}},
            incidents={"i": {"node": "piha", "resolved_at": "?"}},
            runtime_summary={"last_update": (NOON + timedelta(hours=2)).timestamp()},
        )
    )

    assert actual.doubtful.drop("as_of").rows() == [
        ("incidents.json", "i", "resolved_at", "?"),
        ("nodes.json", "piha", "last_seen", r"yester\nday"),
        ("nodes.json", "piha", "online_since", "[1]"),
        ("runtime-summary.json", "", "last_update", "1779890400.0"),
        ("services.json", "piha/web", "since", "5"),
    ]
    assert actual.snapshots.select("last_update_at", "unreadable_timestamp_count").rows() == [(None, 5)]


def test_a_time_without_a_zone_is_in_the_naive_timezone():
    world = files(nodes={"piha": {"last_seen": "2026-05-27T13:59:00"}})
    actual = decode_worlds([world], {}, KNOWN, LIMITS, Rules(naive_timezone="Europe/Berlin"))

    assert actual.nodes["last_seen_at"].to_list() == [ago(minutes=1)]


@pytest.mark.parametrize("value", ["high", " Critical", "TRUE", True])
def test_pressure_is_read_from_a_text_or_a_boolean(value):
    nodes = decode(files(nodes={"piha": {"disk_pressure": value, "memory_pressure": "low"}})).nodes

    assert nodes.select("has_disk_pressure", "has_memory_pressure").rows() == [(True, False)]


@pytest.mark.parametrize("value", ["low", "", False, None, 1, "none"])
def test_any_other_word_is_no_pressure(value):
    assert decode(files(nodes={"piha": {"disk_pressure": value}})).nodes["has_disk_pressure"].to_list() == [False]


def test_what_our_own_observer_adds_is_read():
    actual = decode(
        files(
            nodes={"piha": {"status": "unobservable", "reason_class": "ssh_auth", "online_since": SEEN}},
            services={"piha/web": {**OK, "since": SEEN, "incident_id": "inc-1"}},
            runtime_summary={"refreshes": True},
        )
    )

    assert actual.nodes.select("reason_class", "online_since_at").rows() == [("ssh_auth", ago(minutes=1))]
    assert actual.services.select("since_at", "incident_id").rows() == [(ago(minutes=1), "inc-1")]
    assert actual.snapshots["refreshes"].to_list() == [True]


def test_an_incident_has_its_newest_activity_its_end_and_how_often_it_happened():
    times = {"started_at": "2026-05-27T10:00:00Z", "last_occurrence": SEEN, "updated_at": "2026-05-27T11:00:00Z"}
    actual = decode(files(incidents={"i": {"node": "piha", **times, "resolved_at": SEEN, "occurrence_count": 40}}))

    columns = actual.incidents.select("started_at", "last_activity_at", "resolved_at", "occurrence_count")
    assert columns.rows() == [(ago(hours=2), ago(minutes=1), ago(minutes=1), 40)]


def test_a_deployment_has_its_end():
    times = {"started_at": "2026-05-27T10:00:00Z", "completed_at": SEEN}
    actual = decode(files(deployments={"d": {"node": "piha", "service": "/Web", **times}}))

    assert actual.deployments.select("service", "begun_at", "ended_at").rows() == [
        ("web", ago(hours=2), ago(minutes=1))
    ]


def test_the_key_of_a_record_is_kept_as_it_is_written():
    actual = decode(files(services={"Node-2/WEB": OK}), aliases={"NODE-2": "Chelsty"})

    assert actual.services.select("node", "service", "key").rows() == [("chelsty", "web", "Node-2/WEB")]


def test_aliases_apply_to_every_file():
    named = {"node": "node-2", "service": "web"}
    actual = decode(
        files(nodes={"node-2": {}}, services={"node-2/web": OK}, deployments={"d": named}, incidents={"i": named}),
        aliases={"node-2": "chelsty"},
    )

    frames = (actual.nodes, actual.services, actual.deployments, actual.incidents)
    assert [frame["node"].to_list() for frame in frames] == [["chelsty"]] * 4


def test_an_alias_to_a_node_that_no_inventory_names_is_not_used():
    aliases = {"node-2": "chelsty", "node-3": "gone"}

    assert dangling_aliases(aliases, KNOWN) == {"node-3": "gone"}
    assert services(decode(files(services={"node-3/web": OK}), aliases=aliases)) == [("node-3", "web", "ok")]


def test_a_deployment_began_at_the_first_time_that_can_be_read():
    times = {"started_at": "garbage", "completed_at": None, "timestamp": 1779877800, "updated_at": SEEN}
    actual = decode(files(deployments={"d": {"node": "piha", "service": "web", "status": "Failed", **times}}))

    assert actual.deployments.select("status", "begun_at", "file_order", "key").rows() == [
        ("failed", NOON - timedelta(minutes=90), 0, "d")
    ]
    assert actual.snapshots["unreadable_timestamp_count"].item() == 1


def test_deployments_keep_their_place_in_the_file():
    named = {"node": "piha", "service": "web"}
    actual = decode(files(deployments=[{**named, "correlation_id": "b"}, "?", {**named, "id": "a"}, named]))

    assert actual.deployments.select("file_order", "key").rows() == [(0, "b"), (2, "a"), (3, "3")]
    assert rejected(actual) == [("deployments.json", "1", None, None)]


@pytest.mark.parametrize("service", [None, "", "ALL"])
def test_an_incident_without_a_service_is_about_its_node(service):
    actual = decode(files(incidents={"inc-1": {"node": "piha", "service": service, "severity": "CRITICAL"}}))

    assert actual.incidents.select("service", "severity", "key").rows() == [("all", "critical", "inc-1")]


def test_a_snapshot_knows_its_times():
    actual = decode(files(runtime_summary={"last_update": NOON.timestamp(), "status": "NOMINAL"}))

    assert actual.snapshots.rows() == [(NOON, NOON, ago(minutes=1), 0, None)]


def test_a_batch_keeps_its_snapshots_apart():
    worlds = [
        files(ago(minutes=m), services={"piha/web": {"status": str(m)}}, incidents={"i": {"node": "x"}})
        for m in (0, 5, 10)
    ]

    batch = decode(*worlds)
    single = [decode(world) for world in worlds]

    assert all(
        frame.equals(type(frame)(frame.clear().vstack(one[i]).vstack(two[i]).vstack(three[i])))
        for i, frame in enumerate(batch)
        for three, two, one in [single]
    )


@given(st.permutations(["a/web", "A/web", "b/db", "b/?", "c", "a/cache"]), st.data())
def test_the_order_of_keys_makes_no_difference(keys, data):
    records = {
        key: {"status": key, "last_seen": data.draw(st.sampled_from([None, SEEN, 1779877800]))} for key in sorted(keys)
    }

    one, other = decode(files(services=records)), decode(files(services={key: records[key] for key in keys}))

    assert all(a.equals(b) for a, b in zip(one, other, strict=True))


def test_a_fingerprint_is_of_names_and_content_alone():
    assert world_fingerprint({"a": b"1", "b": b"2"}) == world_fingerprint({"b": b"2", "a": b"1"})
    assert world_fingerprint({"a": b"1b", "b": b""}) != world_fingerprint({"a": b"1", "b": b"b"})


def test_an_inventorys_fingerprint_is_of_its_files_and_empty_folders():
    def fingerprint(data, folder="hosts/a"):
        return inventory_fingerprint(InventoryFiles({"hosts/a/services.yaml": data}, folders=frozenset({folder})))

    assert fingerprint(b"x\r\n") == fingerprint(b"\xef\xbb\xbfx\n")
    assert fingerprint(b"x") != fingerprint(b"y")
    assert fingerprint(b"x") != fingerprint(b"x", folder="hosts/b")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (40, 40),
        (40.0, 40),
        ("40", 40),
        (" 40 ", 40),
        (40.5, None),
        (-1, None),
        (True, None),
        (None, None),
        (1e30, None),
    ],
)
def test_a_count_is_the_same_however_it_is_written(written, read):
    incident = {"node": "piha", "status": "active", "occurrence_count": written}

    assert decode(files(incidents={"i": incident})).incidents["occurrence_count"].to_list() == [read]

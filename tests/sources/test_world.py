"""The world: what the observer's files say, in one spelling, with what could not be read set aside (SEMANTICS 2)."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.sources.fingerprint import inventory_fingerprint, world_fingerprint
from flows.sources.inventory.files import InventoryFiles
from flows.sources.world.actual import WorldFiles, dangling_aliases, decode_worlds
from schemas.limits import Limits
from tests.frames import NOON, ago

LIMITS = Limits()
KNOWN = {"piha", "chelsty"}
SEEN = "2026-05-27T11:59:00Z"


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
        (None, None),
        (1, "1"),
        (True, "true"),
        ({"b": 1, "a": None}, '{"a":null,"b":1}'),
        ("", ""),
    ],
)
def test_a_status_of_any_kind_is_kept_as_a_text(written, status):
    assert services(decode(files(services={"piha/web": {"status": written}}))) == [("piha", "web", status)]


def test_the_key_of_a_record_is_kept_as_it_is_written():
    actual = decode(files(services={"Node-2/WEB": {}}), aliases={"NODE-2": "Chelsty"})

    assert actual.services.select("node", "service", "key").rows() == [("chelsty", "web", "Node-2/WEB")]


def test_aliases_apply_to_every_file():
    named = {"node": "node-2", "service": "web"}
    actual = decode(
        files(nodes={"node-2": {}}, services={"node-2/web": {}}, deployments={"d": named}, incidents={"i": named}),
        aliases={"node-2": "chelsty"},
    )

    frames = (actual.nodes, actual.services, actual.deployments, actual.incidents)
    assert [frame["node"].to_list() for frame in frames] == [["chelsty"]] * 4


def test_an_alias_to_a_node_that_no_inventory_names_is_not_used():
    aliases = {"node-2": "chelsty", "node-3": "gone"}

    assert dangling_aliases(aliases, KNOWN) == {"node-3": "gone"}
    assert services(decode(files(services={"node-3/web": {}}), aliases=aliases)) == [("node-3", "web", None)]


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

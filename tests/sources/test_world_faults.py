"""What of the world cannot be read: a record is set aside with its target, a file gives no conclusion at all."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.errors import WorldUnreadableError
from flows.sources.world.actual import WorldFiles, decode_readable_worlds
from tests.helpers.frames import NOON, ago
from tests.sources.test_world import KNOWN, LIMITS, OK, SEEN, decode, files, rejected, services


@pytest.mark.parametrize(
    "key", ["web", "a/b/c", "/web", "a/", "", "piha/all", "fleet/web", "piha/\x00", "piha/..", "p/" + "x" * 64]
)
def test_a_service_with_an_unusable_key_is_set_aside_alone(key):
    actual = decode(files(services={key: OK, "piha/db": OK}))

    assert services(actual) == [("piha", "db", "ok")]
    assert actual.rejected.select("file", "service").rows() == [("services.json", None)]
    assert actual.rejected["key"][0].isprintable()


@pytest.mark.parametrize(
    "written",
    [{"piha/koush/x:latest": OK}, [{"node": "PIHA", "service": "a b", **OK}], {"piha": {"node": "piha", **OK}}],
)
def test_a_record_of_which_only_the_node_can_be_read_is_set_aside_with_its_node(written):
    actual = decode(files(services=written))

    assert actual.rejected.select("node", "service").rows() == [("piha", None)]


def test_one_whose_unusable_key_comes_twice_is_still_of_the_service_that_its_fields_name():
    twice = b'{"web": {"node": "piha", "service": "web", "status": "ok"}, "web": {"status": "ok"}}'

    assert rejected(decode(files(services=twice))) == [
        ("services.json", "web", "piha", "web"),
        ("services.json", "web", None, None),
    ]


def test_a_record_without_a_usable_key_is_set_aside_with_the_target_that_its_fields_name():
    actual = decode(files(services={"web": {"node": "PIHA", "service": "web"}}))

    assert services(actual) == []
    assert rejected(actual) == [("services.json", "web", "piha", "web")]


@pytest.mark.parametrize(
    "record", ["null", '"healthy"', "[]", "1", "NaN", '{"status": NaN}', '{"age": 1e999}', r'{"a": "\ud800"}']
)
def test_a_service_whose_record_is_unusable_is_set_aside_with_its_target(record):
    actual = decode(files(services=f'{{"PIHA/web": {record}}}'.encode()))

    assert services(actual) == []
    assert rejected(actual) == [("services.json", "PIHA/web", "piha", "web")]


def test_of_records_with_the_same_key_none_is_believed():
    actual = decode(
        files(services=b'{"piha/web": {"status": "ok"}, "piha/web": {"status": "failed"}, "piha/db": {"status": "ok"}}')
    )

    assert services(actual) == [("piha", "db", "ok")]
    assert rejected(actual) == [("services.json", "piha/web", "piha", "web")] * 2


@pytest.mark.parametrize(
    ("records", "kept"),
    [
        pytest.param({"PIHA/web": {"last_seen": SEEN}, "piha/web": {"last_seen": 1}}, "PIHA/web", id="the newest"),
        pytest.param(
            {"PIHA/web": {"last_seen": SEEN}, "piha/web": {"last_seen": SEEN}}, "piha/web", id="the usual spelling"
        ),
    ],
)
def test_of_keys_that_name_one_service_one_is_kept_and_the_others_set_aside(records, kept):
    records = {key: {**OK, **record} for key, record in records.items()}
    one, other = decode(files(services=records)), decode(files(services=dict(reversed(records.items()))))

    assert one.services["key"].to_list() == [kept]
    assert set(one.rejected["key"]) == set(records) - {kept}
    assert all(a.equals(b) for a, b in zip(one, other, strict=True))


def test_a_node_whose_record_is_unusable_is_set_aside_with_its_name():
    assert rejected(decode(files(nodes={"PIHA": None}))) == [("nodes.json", "PIHA", "piha", None)]


@pytest.mark.parametrize(
    "incidents",
    [
        {"inc-1": {"service": "web"}},
        {"inc-1": {"node": 5}},
        {"inc\n1": {"node": "piha"}},
        {"": {"node": "piha"}},
        [{"node": "piha"}],
    ],
)
def test_an_incident_without_a_node_or_a_printable_id_is_set_aside(incidents):
    actual = decode(files(incidents=incidents))

    assert actual.incidents.is_empty()
    assert actual.rejected.height == 1


def test_incidents_of_a_list_with_the_same_id_are_set_aside():
    actual = decode(
        files(incidents=[{"id": "i", "node": "piha"}, {"id": "i", "node": "chelsty"}, {"id": "j", "node": "piha"}])
    )

    assert actual.incidents["key"].to_list() == ["j"]
    assert actual.rejected["key"].to_list() == ["0", "1"]


def test_unreadable_timestamps_are_null_and_counted():
    actual = decode(
        files(
            nodes={"piha": {"last_seen": "2026-05-27 noon"}},
            services={"piha/web": {**OK, "last_seen": 17798778}, "piha/db": {**OK, "last_seen": None}},
            incidents={"i": {"node": "piha", "started_at": "?", "resolved_at": "?"}},
            runtime_summary={"last_update": "never"},
        )
    )

    assert actual.snapshots.select("last_update_at", "unreadable_timestamp_count").rows() == [(None, 5)]
    assert actual.nodes["last_seen_at"].to_list() == [None]


@pytest.mark.parametrize(
    ("contents", "told"),
    [
        ({"services": b""}, "services.json: the file is empty"),
        ({"services": b'{"piha/web": {"status": "hea'}, "services.json:1:25: not JSON"),
        ({"services": b"null"}, "services.json:1:1: expected an object or a list, found null"),
        ({"nodes": b"{}{}"}, "nodes.json:1:3: not JSON: Extra data"),
        ({"deployments": b"x"}, "deployments.json:1:1: not JSON"),
        ({"incidents": b"["}, "incidents.json:1:2: not JSON"),
        ({"runtime_summary": b"[]"}, "runtime-summary.json:1:1: expected an object, found a list"),
        ({"services": b"[" * 100_000}, "services.json: nested too deep"),
    ],
)
def test_a_file_that_is_unreadable_gives_no_conclusion(contents, told):
    with pytest.raises(WorldUnreadableError, match=told):
        decode(files(**contents))


def test_every_unreadable_file_of_a_snapshot_is_named_at_once():
    with pytest.raises(WorldUnreadableError, match=r"(?s)nodes\.json.*services\.json: no such file"):
        decode(WorldFiles(NOON, {"nodes.json": b""}, NOON))


def test_an_unreadable_snapshot_of_a_batch_is_told_and_leaves_no_row():
    torn = files(ago(minutes=5), nodes={"piha": {}}, services=b"{")

    decoded = decode_readable_worlds([files(), torn], {}, KNOWN, LIMITS)

    assert decoded.actual.snapshots["as_of"].to_list() == [NOON]
    assert decoded.actual.nodes.is_empty()
    assert [(world.as_of, world.problem[:20]) for world in decoded.unreadable] == [
        (ago(minutes=5), "services.json:1:2: n")
    ]


@given(
    st.sampled_from(["nodes", "services", "deployments", "incidents", "runtime_summary"]),
    st.binary() | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from(["piha", "piha/web", "node", "service", "last_seen", "\ud800", ""]), inner, max_size=4
        ),
    ).map(lambda value: json.dumps(value).encode()),
)  # fmt: skip
def test_any_bytes_of_any_file_give_frames_or_our_own_error(name, data):
    decoded = decode_readable_worlds([files(**{name: data})], {}, KNOWN, LIMITS)

    assert decoded.actual.snapshots.height + len(decoded.unreadable) == 1

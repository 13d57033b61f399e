"""Nodes, deployments and incidents read field by field are those read record by record."""

import json
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from flows.errors import WorldUnreadableError
from flows.sources.world import rows
from flows.sources.world.actual import WorldFiles, decode_worlds
from flows.sources.world.plain_rows import PlainRows
from schemas.limits import Limits

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
LIMITS = Limits(max_word_length=20, max_key_length=30, max_rejected_records=3)
READERS = ("read_nodes", "read_deployments", "read_incidents")
FILES = ("nodes.json", "deployments.json", "incidents.json")


def read(texts):
    contents = {"services.json": b"{}", "nodes.json": b"{}"} | {name: text.encode() for name, text in texts.items()}
    try:
        return decode_worlds([WorldFiles(NOON, contents, NOON)], {"box": "piha"}, ["piha", "vps"], LIMITS)
    except WorldUnreadableError as error:
        return str(error)


def read_both_ways(texts):
    """Return how many rows of each file came field by field, once both ways agree; a file that did not is not there."""
    counts = Counter()

    def counted(name, file):
        way = getattr(PlainRows, name)

        def count(*arguments):
            found = way(*arguments)
            if found is not None:
                counts[file] = len(found)
            return found

        return count

    with pytest.MonkeyPatch.context() as patch:
        for name, file in zip(READERS, FILES, strict=True):
            patch.setattr(rows.PlainRows, name, counted(name, file))
        by_fields = read(texts)
        for name in READERS:
            patch.setattr(rows.PlainRows, name, lambda *_: None)
        by_records = read(texts)
    if isinstance(by_records, str):
        assert by_fields == by_records
        return counts
    for name, found, right in zip(by_records._fields, by_fields, by_records, strict=True):
        assert found.equals(right), name
    return counts


TEXTS = ["ok", " Done ", "", "w" * 20]
PLAIN_TIMES: st.SearchStrategy[object] = st.sampled_from(
    [None, 1780488000, 1780488000.25, "2026-06-03T11:59:00Z", "2026-06-03 11:58", 1780488300, 1780488000123456789,
     1780488000123456789.0, 0, -1, "", "0001-01-01T00:00:00Z", 0.0, "1780488000"]
)  # fmt: skip
ODD_TIMES = st.sampled_from(["yesterday", True, False, 1, 1.0, 1780488301, [], {}, "2026-06-03T12:05:01Z", 2**64])
ODD = st.sampled_from([True, False, 1, 0, 1.0, [], ["a"], {"a": 1}, "w" * 21, "\x00", "all", "fleet", "a b", None])
PLAIN_NODES = st.sampled_from(["piha", "PIHA", "box", "vps.lan", "http://vps:80/", "other"])
PLAIN_SERVICES = st.sampled_from(["web", "/Web ", "db"])
TIMES = [
    "started_at",
    "completed_at",
    "last_occurrence",
    "timestamp",
    "updated_at",
    "resolved_at",
    "last_seen",
    "online_since",
]
PLAIN = {
    **dict.fromkeys(TIMES, PLAIN_TIMES),
    **dict.fromkeys(["status", "severity", "trigger_type", "reason_class"], st.sampled_from([*TEXTS, None])),
    **dict.fromkeys(["disk_pressure", "memory_pressure"], st.sampled_from([True, False, None, "True", "high", "no"])),
    "occurrence_count": st.sampled_from([3, 3.0, "3", -1, 0, 2**53, 2**53 + 1, True, None, "x", []]),
}
NAMED = {"node": PLAIN_NODES, "service": PLAIN_SERVICES}
ODDITIES = {name: ODD_TIMES if name in TIMES else ODD for name in PLAIN} | dict.fromkeys(NAMED, ODD)
PLAIN_RECORDS = st.fixed_dictionaries(NAMED, optional=PLAIN)
MISFITS: st.SearchStrategy[object] = st.sampled_from(["ok", None, 3, [], True, [{}], 2**70])
ODD_RECORDS = st.one_of(
    st.builds(lambda plain, odd: plain | odd, PLAIN_RECORDS, st.fixed_dictionaries({}, optional=ODDITIES)),
    st.fixed_dictionaries({}, optional=NAMED | PLAIN),
)
PLAIN_KEYS = ["piha", "vps", "other", "a.b", "inc-1", "A_b"]
KEYS = st.one_of(
    st.sampled_from([*PLAIN_KEYS, "PIHA", "box", "vps.lan", "fleet", "", "a\tb", "é", "x" * 31, "a b", "n" * 30]),
    st.text(st.sampled_from("ab./ é\x00"), max_size=3),
)


@given(
    records=st.dictionaries(st.sampled_from(PLAIN_KEYS), PLAIN_RECORDS, max_size=6),
    misfits=st.dictionaries(st.sampled_from(["piha.lan", "x", "fleet", "a b"]), MISFITS, max_size=3),
    data=st.data(),
)
def test_plain_records_are_read_field_by_field_beside_what_is_no_record(records, misfits, data):
    text = json.dumps(dict(data.draw(st.permutations([*records.items(), *misfits.items()]))))

    for name in FILES:
        assert read_both_ways({name: text})[name] == len(records)


@given(
    records=st.dictionaries(KEYS, st.one_of(PLAIN_RECORDS, ODD_RECORDS, MISFITS), max_size=5),
    name=st.sampled_from(FILES),
)
def test_any_records_are_read_the_same_both_ways(records, name):
    counts = read_both_ways({name: json.dumps(records)})

    event(f"{name} {'field by field' if counts[name] else 'record by record'}")


@given(
    pairs=st.lists(st.tuples(st.sampled_from(PLAIN_KEYS[:3]), st.one_of(PLAIN_RECORDS, MISFITS)), max_size=5),
    name=st.sampled_from(FILES),
    is_list=st.booleans(),
)
def test_lists_and_keys_that_come_twice_are_read_the_same_both_ways(pairs, name, is_list):
    records = [{"id": key} | value if isinstance(value, dict) else value for key, value in pairs]
    pieces = ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in pairs)

    read_both_ways({name: json.dumps(records) if is_list else f"{{{pieces}}}"})


@pytest.mark.parametrize(
    ("name", "records"),
    [
        pytest.param("nodes.json", {"piha": {}, "box": {"last_seen": 1780488000}}, id="two of one node"),
        pytest.param("nodes.json", {"fleet": {}}, id="a reserved name of a node"),
        pytest.param("nodes.json", {"piha": {"disk_pressure": 1}}, id="one in place of true"),
        pytest.param("nodes.json", {"piha": {"last_seen": "yesterday"}}, id="a doubtful time"),
        pytest.param("nodes.json", {"piha": {"online_since": 1780488301}}, id="a time of the future"),
        pytest.param("deployments.json", {"d": {"node": "piha"}}, id="a deployment without a service"),
        pytest.param("deployments.json", {"d": {"node": "piha", "service": "all"}}, id="a reserved name of a service"),
        pytest.param("deployments.json", {"d": {"node": "piha", "service": "web", "status": "w" * 21}}, id="a long word"),
        pytest.param("deployments.json", {"d": {"node": "piha", "service": "web", "timestamp": True}}, id="a time that is none"),
        pytest.param("incidents.json", {"": {"node": "piha"}}, id="an incident without an id"),
        pytest.param("incidents.json", {"a\tb": {"node": "piha"}}, id="an id that cannot be printed"),
    ],
)  # fmt: skip
def test_of_what_is_not_plain_the_whole_file_is_read_record_by_record(name, records):
    plain = {"vps": {"node": "vps", "service": "db"}}

    assert name not in read_both_ways({name: json.dumps(plain | records)})

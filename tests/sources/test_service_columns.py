"""Services read by columns are the services read row by row."""

import json
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from flows.errors import WorldUnreadableError
from flows.sources.formats import json_cut, json_table
from flows.sources.formats.json_cut import count_values, cut_records
from flows.sources.formats.json_fast import decode_plainly
from flows.sources.formats.json_records import parse_records
from flows.sources.formats.json_strict import JsonLimitError, decode_strictly
from flows.sources.world import rows
from flows.sources.world.actual import WorldFiles, decode_worlds
from flows.sources.world.service_columns import read_service_columns
from schemas.limits import Limits

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
ALIASES = {"box": "piha"}
NODES = ["piha", "vps"]


def worlds(text):
    contents = {"nodes.json": b"{}", "services.json": text.encode()}
    try:
        return decode_worlds([WorldFiles(NOON, contents, NOON)], ALIASES, NODES, Limits())
    except WorldUnreadableError as error:
        return str(error)


class Read(NamedTuple):
    by_columns: int
    is_cut: bool


def read_all_ways(text, piece_bytes=1):
    """Return what came by columns, and whether the text was cut, once all ways agree; none where the file is refused.

    With a byte to a piece, the text is tried to be cut at each brace, and most records are a piece of their own.
    """
    counts, is_cut = [], []

    def counted(*arguments):
        columns = read_service_columns(*arguments)
        counts.append(columns.rows.height if columns else 0)
        return columns

    def cut(*arguments):
        found = cut_records(*arguments)
        is_cut.append(found is not None)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "read_service_columns", counted)
        patch.setattr(json_table, "cut_records", cut)
        patch.setattr(json_cut, "CHUNK_BYTES", piece_bytes)
        patch.setattr(json_cut, "MOST_DIFFERENT_RATIO", 10**9)
        patch.setattr(json_table, "MIN_RECORDS", 0)
        patch.setattr(json_table, "MAX_OTHERS_RATIO", 10**9)
        patch.setattr(json_table, "PIECE_BYTES", piece_bytes)
        patch.setattr(json_table, "BATCH_RECORDS", 3)
        alike = worlds(text)
        patch.setattr(json_table, "cut_records", lambda *_: None)
        by_columns = worlds(text)
        patch.setattr(json_table, "MIN_RECORDS", 10**9)
        by_rows = worlds(text)
    if isinstance(by_rows, str):
        assert alike == by_columns == by_rows
        return None
    for name, *found, right in zip(by_rows._fields, alike, by_columns, by_rows, strict=True):
        assert all(left.equals(right) for left in found), name
    assert counts[2] == 0, "the last way is by rows"
    return Read(counts[1], any(is_cut))


USUAL_KEYS = [
    "piha/web",
    "piha/" + "x" * 300,
    " " * 300 + "piha/web",
    "box/web",
    "PIHA/web",
    "vps/db",
    "vps/all",
    "fleet/web",
    "x",
    "/",
    "a/b/c",
    "vps/",
    "",
]
KEYS = st.one_of(
    st.sampled_from(USUAL_KEYS),
    st.text(st.sampled_from("abz09./_- AéŁ"), max_size=6),
    st.builds("{}/{}".format, st.sampled_from(["piha", "vps", "box"]), st.text(st.sampled_from("ab.-_"), max_size=3)),
)
STATUSES: st.SearchStrategy[object] = st.one_of(
    st.sampled_from(
        [None, "ok", " Healthy\u00a0", "EXITED", "", " ", True, 1, 1.0, [], {"a": 1}, "x" * 1001, "y" * 1000]
    ),
    st.text(st.sampled_from('okOK \x1c\u2003ßİ"\\{}[],:'), max_size=4),
)
SEEN: st.SearchStrategy[object] = st.sampled_from(
    [None, 1780488000, 1780488000.0, 1780488000.25, "1780488000", "2026-06-03T11:59:00Z", "2026-06-03T13:59:00+02:00",
     "yesterday", True, 0, -1, 1, 1.0, 2**70, [], {}, "", "2026-06-03T11:59:00", 1780488000123, 1780488000123456,
     1780488000123456789, 1780488000123.5, "1780488000123456789", 1780488300, 1780488301, "2026-06-03T12:05:01Z"]
)  # fmt: skip
IDS: st.SearchStrategy[object] = st.sampled_from(["inc-1", " inc-2 ", "", None, 5, "i" * 300])
CLAIMS = {"node": st.just("piha"), "service": st.just("web"), "id": st.just("vps/db"), "name": st.just("db")}
RECORDS: st.SearchStrategy[object] = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={"status": STATUSES, "last_seen": SEEN, "since": SEEN, "incident_id": IDS, "more": st.just([{}])}
        | CLAIMS,
    ),
    st.sampled_from(["healthy", None, 3, [], True]),
)


PLAIN_KEYS = [
    "piha/web",
    "piha//web",
    " piha/web",
    "PIHA/Web",
    "box/db",
    "vps/all",
    "vps/cache",
    "Vps.lan/cache",
    "x/y",
    "fleet/web",
    "vps./z",
    "a_b/c.d",
]
PLAIN_STATUSES = ["ok", "EXITED", " Up 3 hours (healthy) ", "Exited (1) 2 minutes ago", "", " ", None, 1, True]
PLAIN_SEEN = [None, 1780488000, 1780488000.0000005, 1780487999.9999996, 1780488000123, 1780488000123456789, 0, -1, 17, True,
              "2026-06-03T11:59:00Z", "2026-06-03T12:05:01Z", "2026-06-03T13:59:00", "", "never", 1780488300, 1780488301]  # fmt: skip
PLAIN_RECORDS = st.fixed_dictionaries(
    {"status": st.sampled_from(PLAIN_STATUSES)},
    optional={
        "last_seen": st.sampled_from(PLAIN_SEEN),
        "since": st.sampled_from(PLAIN_SEEN),
        "incident_id": st.sampled_from([None, "inc-1", " inc-2 ", "", 5]),
        "more": st.sampled_from([1, "x", None, True]),
    },
)


@given(
    records=st.dictionaries(st.sampled_from(PLAIN_KEYS), PLAIN_RECORDS, max_size=8),
    sure=st.fixed_dictionaries({"last_seen": st.sampled_from(PLAIN_SEEN), "since": st.sampled_from(PLAIN_SEEN)}),
)
@example(
    records={"vps/web": {"status": "ok", "incident_id": " inc-2 "}},
    sure={"last_seen": 1780488000, "since": 1780488000},
)
def test_plain_records_come_by_columns_and_are_read_as_they_are_by_rows(records, sure):
    read = read_all_ways(json.dumps({**records, "vps/sure": {"status": "Ok", **sure}}))

    assert read is not None
    event(f"{read.by_columns} by columns")
    assert read.by_columns >= 1
    assert read.is_cut


@given(records=st.dictionaries(KEYS, RECORDS, max_size=8), piece_bytes=st.sampled_from([1, 100, 8192]))
def test_any_records_are_read_the_same_all_ways(records, piece_bytes):
    read_all_ways(json.dumps(records), piece_bytes)


@given(records=st.dictionaries(KEYS, RECORDS, max_size=4), indent=st.sampled_from([None, 0, 1, "\t"]), data=st.data())
def test_a_text_with_a_byte_wrong_is_read_or_refused_the_same_all_ways(records, indent, data):
    text = json.dumps(records, indent=indent, ensure_ascii=False)
    at = data.draw(st.integers(0, len(text)))
    with_other = data.draw(
        st.sampled_from(["", " ", "{", "}", '"', ",", ":", "[", "1", "0", "-", "e9", "null", "\u20ac"])
    )
    read_all_ways(text[:at] + with_other + text[at + data.draw(st.integers(0, 2)) :])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"piha/web": {"status": "a}b"}, "vps/db": {"status": "ok"}}', id="a brace in a text"),
        pytest.param('{"piha/web": {"status": "a}, \\"vps/db\\": {\\"status\\": \\"b"}}', id="a record in a text"),
        pytest.param('{"piha/web": {"m": {"status": "ok"}}, "vps/db": {"status": "ok"}}', id="an object in a record"),
        pytest.param('{"piha/web": {"status": "ok"}, "vps/db": "ok"}', id="a text behind the last record"),
        pytest.param('{"piha/web": {"status": "ok"},}', id="a comma too many"),
        pytest.param('{"piha/web": {"status": "ok"}}}', id="a brace too many"),
        pytest.param('{"piha/web": {"status": "ok"}', id="a brace too few"),
        pytest.param('{"piha/web": {"status": "ok"}{ "vps/db": {"status": "ok"}}', id="a brace in place of a comma"),
        pytest.param('{"piha/w\tb": {"status": "ok"}, "vps/db": {"status": "ok"}}', id="a tab in a key"),
        pytest.param('{"piha/web": {"s": "a},"vps/db":{"s":"b"}}', id="a text that is not closed"),
        pytest.param('{"piha/web": {}, "vps/db": {"status": "ok"}}', id="a record without fields"),
        pytest.param('{"piha/web": {"status": "ok"}} {}', id="a second document"),
        pytest.param('{"piha/web": {"n": 01}}', id="a number that JSON has not"),
        pytest.param('{"piha/web": {"n": 9223372036854775807}}', id="the largest number"),
        pytest.param('{"piha/web": {"n": 9223372036854775808}}', id="a larger number"),
        pytest.param('{"piha/web": {"last_seen": 1780488000.0000005}}', id="half a microsecond"),
        pytest.param('{"piha/web": {"a:b": 1, "a:c": 2}}', id="a colon in a key"),
        pytest.param('{"piha/w{b": {"a": 1, "a": 2}}', id="a brace in a name"),
        pytest.param('{"piha/web": {"status": "ok"}, "box/web": {"status": "exited", "last_seen": 5}}', id="an alias"),
        pytest.param('{"web": {"node": "piha", "service": "web"}}', id="a claim of a record without a usable key"),
        pytest.param(
            '{"PIHA/web": {"status": "ok"}, "Piha/web": {"status": "exited", "m": []}, "vps/db": {"status": "ok"}}',
            id="two spellings, one of them in the table",
        ),
        pytest.param('{"PIHA/web": {"status": "ok"}, "piha/web": {"status": "exited"}}', id="two spellings"),
    ],
)
def test_what_could_be_cut_wrong_is_read_the_same_all_ways(text):
    read_all_ways(text)


def test_a_usual_file_is_read_by_columns():
    records = {f"node-{n}/web": {"status": "ok", "incident_id": None, "last_seen": 1780488000 + n} for n in range(3000)}

    table = json_table.read_record_table(json.dumps(records).encode(), ("status", "last_seen"), 10, 10**6)

    assert table is not None
    assert table.rows.row(2999) == ("node-2999/web", 2999, 2999)
    assert table.bodies.select("status", "last_seen").row(2999) == ('"ok"', "1780490999")
    assert table.others == []


def test_a_batch_of_large_worlds_is_in_order():
    services = ["vps/b", "piha/web", "vps/a", "vps./c", "piha/db", "piha/db-2", "vps/c"]
    texts = [json.dumps({key: {"status": "ok"} for key in some}).encode() for some in (services, services[::-1])]
    moments = [NOON + timedelta(minutes=1), NOON]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_table, "MIN_RECORDS", 0)
        worlds = [
            WorldFiles(at, {"nodes.json": b"{}", "services.json": text}, at)
            for at, text in zip(moments, texts, strict=True)
        ]
        read = decode_worlds(worlds, ALIASES, NODES, Limits()).services

    expected = [("piha", "db"), ("piha", "db-2"), ("piha", "web"), ("vps", "a"), ("vps", "b"), ("vps", "c")]
    assert read.select("as_of", "node", "service").rows() == [
        (at, *target) for at in sorted(moments) for target in expected
    ]


def test_of_records_that_are_alike_one_is_decoded():
    records = {f"node-{n}/web": {"status": ("ok", "exited")[n % 2]} for n in range(3000)}
    text = json.dumps({"x/a": "ok", **records, "x/b": "ok"}).encode()

    table = json_table.read_record_table(text, ("status", "last_seen"), 10, 10**6)

    assert table is not None
    assert sorted(table.bodies["status"].drop_nulls()) == ['"exited"', '"ok"']
    assert table.rows.row(2998)[:2] == ("node-2999/web", 3000)
    assert table.bodies["status"][table.rows["body"][2998]] == '"exited"'
    assert table.others == [(0, {"x/a": "ok", "node-0/web": {"status": "ok"}}), (3001, {"x/b": "ok"})]


def cut(text, most_values, chunk_bytes=1):
    data = text.encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_cut, "CHUNK_BYTES", chunk_bytes)
        patch.setattr(json_cut, "MOST_DIFFERENT_RATIO", 10**9)
        return cut_records(data, data.index(b"{") + 1, data.rindex(b"}"), 10**9, most_values)


@given(
    records=st.dictionaries(KEYS | st.text("ab,[{/", max_size=6), RECORDS, min_size=1, max_size=8),
    chunk_bytes=st.sampled_from([1, 60, 8192]),
)
def test_a_text_is_cut_to_as_many_values_as_are_counted_in_its_bytes(records, chunk_bytes):
    text = json.dumps(records, ensure_ascii=False).replace("\\", "/")
    count = count_values(text.encode())
    is_cut = cut(text, count, chunk_bytes) is not None
    event(f"{is_cut=}")

    assert is_cut is (cut(text, 10**9, chunk_bytes) is not None)
    assert cut(text, count - 1, chunk_bytes) is None


def test_what_has_too_many_values_is_not_decoded(monkeypatch):
    monkeypatch.setattr(json_cut, "decode_strictly", pytest.fail)
    many = [5] * 1000

    for record in (many, {"m": many}, {"m": [{"n": many}]}):
        assert cut(json.dumps({"a/b": {"status": "ok"}, "c/d": record, "e/f": {"status": "ok"}}), 1000) is None


@pytest.mark.parametrize(
    "record", [{"status": "ok"}, {"status": "ok", "m": {}}, 5], ids=["alike", "cut wrong", "no record"]
)
@pytest.mark.parametrize("fields", [("status",), ()], ids=["by columns", "by rows"])
def test_too_many_values_are_refused_in_the_same_words_however_a_text_is_read(record, fields):
    data = json.dumps(
        {f"a/{n}": record for n in range(2500)} | {f"b/{n}": {"status": "ok"} for n in range(2500)}
    ).encode()
    count = count_values(data)

    assert parse_records(data, Limits(max_json_values=count), fields).is_keyed
    with pytest.raises(
        JsonLimitError, match=f"^about {count} values, over the limit of {count - 1}; mend what writes it"
    ):
        parse_records(data, Limits(max_json_values=count - 1), fields)


def of_long_record(value, end="}}"):
    """Return some thousand records, and one of more bytes than are cut at once."""
    return "{" + '"a":{"m":5},' * 2500 + '"long":{"m":' + value * json_cut.LONG_BYTES + end


def test_too_many_values_of_one_record_are_refused_before_its_text_is_copied():
    data = of_long_record("5,", "5}}").encode()
    tracemalloc.start()
    try:
        with pytest.raises(JsonLimitError):
            parse_records(data, Limits(), ("m",))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak_bytes < json_cut.LONG_BYTES


def test_a_text_that_stays_open_to_its_end_is_decoded_once(monkeypatch):
    sizes = []
    monkeypatch.setattr(json_table, "decode_strictly", lambda piece: sizes.append(len(piece)) or decode_strictly(piece))

    assert json_table.read_record_table(of_long_record(" ", "5").encode() + b"}", ("m",), 9, 10**9) is None
    assert len([size for size in sizes if size > json_cut.LONG_BYTES]) == 1


@given(pairs=st.lists(st.tuples(KEYS, RECORDS), max_size=6))
def test_keys_that_come_twice_are_read_the_same_all_ways(pairs):
    read_all_ways("{" + ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in pairs) + "}")


@pytest.mark.parametrize(
    ("records", "count"),
    [
        pytest.param({"PIHA/Web": "OK"}, 1, id="capitals"),
        pytest.param({"vps/all": "ok", "vps/web": "ok"}, 1, id="a reserved name"),
        pytest.param({"fleet/web": "ok", "vps/web": "ok"}, 1, id="a reserved name of a node"),
        pytest.param({"box/web": "ok", "piha/web": "exited", "vps/web": "ok"}, 1, id="one target twice"),
        pytest.param(
            {"piha//web": "ok", "piha/web": "exited", "vps/web": "ok"}, 1, id="one target twice, once with a slash"
        ),
        pytest.param(
            {"piha/web": "ok", "piha/ web": "exited", "vps/web": "ok"}, 1, id="one target twice, once with a blank"
        ),
        pytest.param({"piha/web": None, "piha/db": 5, "piha/c": "", "vps/web": "ok"}, 1, id="no status"),
    ],
)
def test_what_of_a_plain_file_comes_by_columns(records, count):
    assert read_all_ways(json.dumps({key: {"status": status} for key, status in records.items()})) == (count, True)


def test_a_target_that_what_is_no_record_names_too_is_read_by_rows():
    records = {"box/web": {"status": "ok"}, "piha/web": "exited", "vps/web": {"status": "ok"}}

    assert read_all_ways(json.dumps(records)) == (1, True)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"a/b": {"status": "ok"}, "a/b": {"status": "ok"}}', id="a record twice"),
        pytest.param('{"a/b": {"status": "ok", "status": "ok"}}', id="a field twice"),
        pytest.param('{"a/b": 1, "a/b": 1}', id="a scalar twice"),
        pytest.param('{"a/b": {"n": 9223372036854775808}}', id="a number beyond 64 bits"),
        pytest.param('{"a/b": {"n": 1e999}}', id="a number beyond all"),
        pytest.param('{"a/b": {"n": NaN}}', id="no number"),
    ],
)
def test_an_unusual_table_is_left_to_the_strict_decoder(text):
    assert decode_plainly(text.encode(), 50) is None


def test_a_usual_table_is_decoded_at_once():
    text = '{"a/b": {"status": "o:k", "last_seen": 1.5, "n": -9223372036854775808}, "c/d": "healthy"}'

    assert decode_plainly(text.encode(), 50) == json.loads(text)

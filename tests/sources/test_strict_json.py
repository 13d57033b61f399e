"""JSON: each record whole and unambiguous, or set aside."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.sources.formats.json_fast import count_colons, count_pairs, decode_plainly
from flows.sources.formats.json_records import parse_records
from flows.sources.formats.json_strict import JsonFaultError, Unfit, decode_strictly
from schemas.limits import Limits

LIMITS = Limits()


def unfit(text):
    """Return the reasons by key; a record that is fit has none."""
    records = parse_records(text if isinstance(text, bytes) else text.encode(), LIMITS)
    return {key: value.reason for key, value in records.entries if isinstance(value, Unfit)}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("NaN", "NaN is no JSON number"),
        ('{"age": -Infinity}', "-Infinity is no JSON number"),
        ('{"age": 1e999}', "is too large"),
        ('{"size": 9223372036854775808}', "is outside 64 bits"),
        ('{"size": ' + "9" * 5000 + "}", "is outside 64 bits"),
        (r'{"status": "\ud800"}', "half of a surrogate pair"),
        (r'{"\ud800": 1}', "half of a surrogate pair"),
        ('{"status": "ok", "status": "failed"}', "the key 'status' comes twice"),
        ("[" * 60 + "]" * 60, "nested too deep"),
    ],
)
def test_a_record_that_cannot_be_taken_at_its_word_is_unfit_and_the_others_are_not(record, reason):
    found = unfit(f'{{"a/web": {record}, "a/db": {{"status": "ok"}}}}')

    assert list(found) == ["a/web"]
    assert reason in found["a/web"]


def test_of_two_records_with_one_key_neither_is_fit():
    records = parse_records(b'{"a/web": {}, "a/db": {}, "a/web": {}}', LIMITS)

    assert [isinstance(value, Unfit) for _, value in records.entries] == [True, False, True]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b'{"a": {"b": 1', "1:14: not JSON"),
        (b"{}{}", "1:3: not JSON: Extra data"),
        (b"{}\n{", "2:1: not JSON: Extra data"),
        (b'"text"', "expected an object or a list, found a text"),
        (b"null", "found null"),
        (b"5", "found a number"),
        (b'{"a": "\xff"}', "not UTF-8: the byte at offset 7"),
        (b'{"a": "x\x00"}', "1:9: not JSON: Invalid control character"),
        ("{}".encode("utf-16"), "not UTF-8"),
        (b"[" * 100_000, "nested too deep"),
    ],
)
def test_a_file_that_is_no_json_is_refused_with_the_place(data, told):
    with pytest.raises(JsonFaultError, match=told):
        parse_records(data, LIMITS)


def test_a_byte_order_mark_makes_no_difference():
    assert dict(parse_records(b'\xef\xbb\xbf{"a": 1}', LIMITS).entries) == {"a": 1}


def test_more_records_than_the_limit_are_refused():
    with pytest.raises(
        JsonFaultError, match=r"3 records, over the limit of 2; mend what writes it, or raise limits\.max_records$"
    ):
        parse_records(b"[1, 2, 3]", Limits(max_records=2))


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(' ":\\{}[],é😀', max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('a":\\', max_size=3), inner, max_size=3),
    max_leaves=10,
)
documents = st.dictionaries(st.text('ab"\\:', max_size=4), values, max_size=4) | st.lists(values, max_size=4)


@st.composite
def repeated_keys(draw):
    """Draw the text of an object whose keys may come twice, at any place."""
    pairs = draw(st.lists(st.tuples(st.sampled_from(["a", "b", 'c"', "d\\"]), values), max_size=4))
    return "{" + ",".join(f"{json.dumps(key)} : {json.dumps(value)}" for key, value in pairs) + "}"


@given(repeated_keys() | documents.map(json.dumps) | documents.map(lambda value: json.dumps(value, ensure_ascii=False)))
def test_the_fast_way_agrees_with_the_strict_way_wherever_it_answers(text):
    data = text.encode("utf-8", "replace")
    fast = decode_plainly(data, LIMITS.max_json_depth + 1)

    assert fast is None or (fast == decode_strictly(data) and not unfit(data))


@given(documents)
def test_the_fast_way_answers_for_every_plain_document(document):
    data = json.dumps(document).encode()
    is_plain = not unfit(data)

    assert (decode_plainly(data, LIMITS.max_json_depth + 1) is not None) == is_plain


@given(documents)
def test_colons_outside_of_strings_are_as_many_as_pairs(document):
    assert count_colons(json.dumps(document).encode()) == _pairs(document)


def _pairs(value):
    if isinstance(value, dict):
        return len(value) + sum(map(_pairs, value.values()))
    return sum(map(_pairs, value)) if isinstance(value, list) else 0


def test_colons_are_counted_across_the_pieces_of_a_large_file():
    document = {f"key:{i}": {"text": ":" * (i % 7), "n": i} for i in range(60_000)}
    data = json.dumps(document).encode()

    assert count_colons(data) == count_pairs(document, 3) == 180_000


@given(st.binary() | st.text('{}[]":,\\u0d8 1eE-+.nulltrfasNI', max_size=60).map(str.encode))
def test_any_bytes_give_records_or_our_own_error(data):
    try:
        records = parse_records(data, LIMITS)
    except JsonFaultError:
        return
    assert all(isinstance(key, str) for key, _ in records.entries)

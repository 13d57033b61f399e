"""Timestamps: one function reads them all, and never raises."""

from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.sources.formats.instants import is_never, parse_instant, to_datetime, to_microseconds

MOMENT = datetime(2026, 5, 27, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "spelling",
    [
        "2026-05-27T10:30:00Z",
        "2026-05-27t10:30:00z",
        "2026-05-27 10:30:00Z",
        " 2026-05-27T12:30:00+02:00\n",
        "2026-05-27T12:30:00+0200",
        "2026-05-27T10:30Z",
        "20260527T103000Z",
        "2026-05-27T10:30:00.000000000Z",
        1779877800,
        1779877800.0,
        "1779877800",
        "1779877800.0",
        "1.7798778e9",
    ],
)
def test_every_spelling_of_a_moment_is_that_moment(spelling):
    assert parse_instant(spelling) == to_microseconds(MOMENT)


@pytest.mark.parametrize("size", [10**3, 10**6, 10**9], ids=["milli", "micro", "nano"])
@pytest.mark.parametrize("form", [int, str], ids=["number", "text"])
def test_unix_times_of_finer_units_are_told_apart_by_size(size, form):
    assert parse_instant(form(1779877800 * size)) == to_microseconds(MOMENT)


@pytest.mark.parametrize(
    "spelling",
    [
        "Wed, 27 May 2026 10:30:00 GMT",
        "Wed, 27 May 2026 12:30:00 +0200",
        "27 May 2026 10:30 UT",
        "27 May 26 06:30:00 EDT",
        "Wed, 27 May 2026 12:30:00 +0200 (CEST)",
    ],
)
def test_rfc_1123_and_2822_are_read(spelling):
    assert parse_instant(spelling) == to_microseconds(MOMENT)


@pytest.mark.parametrize(
    "spelling",
    [
        "2026-05-27 12:30:00 +0200 CEST",
        "2026-05-27 10:30:00 +0000 UTC",
        "2026-05-27 12:30:00.000000001 +0200 CEST m=+0.001",
        "2026-05-27 13:30:00 +0300 +03",
    ],
)
def test_what_go_prints_is_read(spelling):
    assert parse_instant(spelling) == to_microseconds(MOMENT)


def test_the_usual_spelling_says_the_same_as_any_other():
    days = ["2026-05-27", "2026-02-29", "2024-02-29", "1999-12-31", "2100-01-01", "2026-13-01"]
    clocks = ["10:30:00", "24:00:00", "24:00:01", "23:59:60", "25:00:00"]
    zones = ["Z", "+00:00", "-02:30", "+23:59", "+24:00", "+02:75"]
    spelled = [*product(days, clocks, ["", ".5", ".123456", ".1234567"], zones)]
    usual, other = (["".join((day, between, *rest)) for day, *rest in spelled] for between in "T ")

    assert [parse_instant(text) for text in usual] == [parse_instant(text) for text in other]


def test_a_leap_second_is_the_first_of_the_next_minute():
    assert parse_instant("2016-12-31T23:59:60Z") == to_microseconds(datetime(2017, 1, 1, tzinfo=UTC))


def test_twenty_four_o_clock_is_the_next_midnight():
    assert parse_instant("2026-05-31T24:00:00+02:00") == parse_instant("2026-06-01T00:00:00+02:00")


def test_a_time_without_a_zone_is_in_the_naive_timezone():
    assert parse_instant("2026-05-27T10:30:00") == to_microseconds(MOMENT)
    assert parse_instant("2026-05-27 12:30:00", "Europe/Berlin") == to_microseconds(MOMENT)


@pytest.mark.parametrize(
    "value",
    [
        None, True, [], {}, "", "a moment ago", "2026-05-27", "2026-05-27x10:30:00Z", "2026-05-27T10:60:00Z",
        "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", -1, 0, 10**400, float("nan"), float("inf"),
        "0001-01-01T00:00:00Z", "1e999", "1970-01-01T00:00:00Z", "2026-05-27T24:00:01Z", "2026-05-27T10:30:00+02:99",
        "9999-12-31T23:59:59-23:59", "1_779_877_800", "1" * 5000, "Wed, 27 May 2026 10:30:00 CEST", "27 Mai 2026 10:30 GMT",
        1779877800 * 10**12,
    ],
    ids=ascii,
)  # fmt: skip
def test_what_names_no_clear_moment_of_this_fleet_is_none(value):
    assert parse_instant(value) is None


@pytest.mark.parametrize(
    "value",
    [None, "", "  ", 0, 0.0, -1, "0", "-1", "0001-01-01T00:00:00Z", "0001-01-01 00:00:00 +0000 UTC", -62135596800],
    ids=ascii,
)
def test_a_zero_time_says_never(value):
    assert is_never(value)
    assert parse_instant(value) is None


@pytest.mark.parametrize(
    "value", [True, False, 1, "yesterday", [], {}, "1970-01-01T00:00:00Z", "2026", float("nan")], ids=ascii
)
def test_what_cannot_be_read_does_not_say_never(value):
    assert not is_never(value)


def test_fractions_of_a_second_are_kept_to_the_microsecond():
    assert to_datetime(parse_instant("2026-05-27T10:30:00.123456789Z") or 0).microsecond == 123456
    assert to_datetime(parse_instant(1780515480.25) or 0).microsecond == 250000


@given(
    st.one_of(
        st.text(), st.integers(), st.floats(), st.from_regex(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:?\d\d)?")
    )
)
def test_no_value_raises(value):
    instant = parse_instant(value)

    assert isinstance(is_never(value), bool)
    assert instant is None or parse_instant(to_datetime(instant).isoformat()) == instant

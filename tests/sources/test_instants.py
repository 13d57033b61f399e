"""Timestamps: one function reads them all, and never raises."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.sources.formats.instants import parse_instant, to_datetime, to_microseconds

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
        "2026-05-27T10:30:00.000000000Z",
        1779877800,
        1779877800.0,
        "1779877800",
        "1779877800.0",
    ],
)
def test_every_spelling_of_a_moment_is_that_moment(spelling):
    assert parse_instant(spelling) == to_microseconds(MOMENT)


@pytest.mark.parametrize(
    "value",
    [
        None, True, [], {}, "", "a moment ago", "2026-05-27", "2026-05-27T10:30:00", "2026-05-27x10:30:00Z",
        "2026-13-01T00:00:00Z", 1779877800000, "1779877800000", -1, 0, 10**400, float("nan"), float("inf"),
        "0001-01-01T00:00:00Z", "1e999",
        "9999-12-31T23:59:59-23:59", "1_779_877_800", "1" * 5000,
    ],
    ids=ascii,
)  # fmt: skip
def test_what_names_no_clear_moment_of_this_fleet_is_none(value):
    assert parse_instant(value) is None


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

    assert instant is None or parse_instant(to_datetime(instant).isoformat()) == instant

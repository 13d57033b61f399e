"""Windows against their definition, read off minute by minute; over both clock changes of zones that have odd ones."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from schemas.schedule import SEARCH, Schedule, find_end, find_odd_bounds, fits, is_allowed, next_allowed
from schemas.window import Window, WindowFaultError, is_open, parse_window

pytestmark = pytest.mark.wide

MINUTE = timedelta(minutes=1)
BERLIN = "Europe/Berlin"
CHANGES = [
    (BERLIN, date(2026, 3, 29)),
    (BERLIN, date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Asia/Beirut", date(2026, 3, 29)),
    ("Asia/Beirut", date(2026, 10, 25)),
    ("Pacific/Chatham", date(2026, 4, 5)),
    ("Pacific/Chatham", date(2026, 9, 27)),
]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def is_open_by_definition(window: Window, at: datetime) -> bool:
    local = at.astimezone(ZoneInfo(window.zone))
    clock, day = local.hour * 60 + local.minute, local.date()
    if window.to_min > window.from_min:
        return window.is_on(day) and window.from_min <= clock < window.to_min
    before = day - timedelta(days=1)
    return (window.is_on(day) and clock >= window.from_min) or (window.is_on(before) and clock < window.to_min)


def fits_by_definition(schedule: Schedule, at: datetime, margin: timedelta) -> bool:
    behind = at.replace(second=0, microsecond=0) + MINUTE
    minutes = (behind + step * MINUTE for step in range(margin // MINUTE + 2))
    return is_allowed(schedule, at) and all(is_allowed(schedule, minute) for minute in minutes if minute <= at + margin)


def next_by_definition(schedule: Schedule, at: datetime, margin: timedelta, search: timedelta) -> datetime | None:
    if fits_by_definition(schedule, at, margin):
        return at
    minute = at.replace(second=0, microsecond=0) + MINUTE
    while minute <= at + search:
        if fits_by_definition(schedule, minute, margin):
            return minute
        minute += MINUTE
    return None


ODD = [0, 2 * 60, 2 * 60 + 15, 3 * 60, 3 * 60 + 30]


@pytest.mark.parametrize(("zone", "day"), CHANGES)
@pytest.mark.parametrize("is_denied", [False, True])
def test_around_a_clock_change_what_fits_next_is_what_every_minute_says(zone, day, is_denied):
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone)).astimezone(UTC) - timedelta(days=1)
    minutes = [noon + step * MINUTE for step in range(30 * 60)]
    seen = 0
    for begin, end in itertools.product(ODD, [*ODD, 24 * 60]):
        window = Window(from_min=begin, to_min=end, first_on=day - timedelta(days=1), last_on=day, zone=zone)
        schedule = Schedule(deny=(window,)) if is_denied else Schedule(allow=(window,))
        allowed = [is_open_by_definition(window, minute) is not is_denied for minute in minutes]
        for start, margin in itertools.product((0, 13 * 60, 15 * 60), (0, 14, 15, 30, 60, 120)):
            fitting = (at for at in range(start, len(minutes) - margin) if all(allowed[at : at + margin + 1]))
            expected = next(fitting, None)
            if expected is not None:
                seen += 1
                assert next_allowed(schedule, minutes[start], margin * MINUTE) == minutes[expected], (window, margin)
    assert seen > 200


@st.composite
def windows_and_moments(draw):
    """Windows and a moment around a clock change, their bounds mostly in the hours that it skips or repeats."""
    zone, day = draw(st.sampled_from(CHANGES))
    hours = st.sampled_from([0, 1, 2, 3, 4, 22, 23])
    minute = st.builds(lambda hour, part: hour * 60 + part, hours, st.sampled_from([0, 1, 15, 30, 45, 59]))

    def window():
        first = draw(st.none() | st.integers(-2, 1))
        return Window(
            days=draw(st.frozensets(st.integers(0, 6), min_size=1)),
            from_min=draw(minute),
            to_min=draw(minute | st.just(24 * 60)),
            first_on=None if first is None else day + timedelta(days=first),
            last_on=None if first is None else day + timedelta(days=first + draw(st.integers(0, 3))),
            zone=draw(st.just(zone) | st.sampled_from([zone for zone, _ in CHANGES])),
        )

    allow = tuple(window() for _ in range(draw(st.integers(0, 2))))
    deny = tuple(window() for _ in range(draw(st.integers(0, 2))))
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return Schedule(allow, deny), noon + timedelta(seconds=draw(st.integers(-36 * 3600, 18 * 3600)))


@given(windows_and_moments(), st.integers(0, 5 * 3600).map(lambda seconds: timedelta(seconds=seconds)))
def test_what_fits_and_when_next_is_what_looking_at_every_minute_finds(case, margin):
    schedule, at = case

    assert fits(schedule, at, margin) == fits_by_definition(schedule, at, margin)
    found = next_allowed(schedule, at, margin)
    # Looking at 35 days of minutes takes long: two days, and what lies beyond them is later.
    near = next_by_definition(schedule, at, margin, timedelta(days=2))
    event("now" if found == at else "later" if near else "much later or never")
    assert found == near if near is not None else found is None or found > at + timedelta(days=2)


@given(windows_and_moments())
def test_a_window_is_open_and_ends_as_its_definition_says(case):
    schedule, at = case
    for window in (*schedule.allow, *schedule.deny):
        assert is_open(window, at) == is_open_by_definition(window, at)
        end = find_end(window, at)
        event("shut" if not is_open(window, at) else "ends" if end else "never ends")
        if end is not None:
            minute = at.replace(second=0, microsecond=0) + MINUTE
            while is_open_by_definition(window, minute):
                minute += MINUTE
            assert end == minute


def test_the_first_moment_in_a_month_is_the_one_that_looking_at_every_minute_finds():
    never_on_mondays = Schedule((Window(frozenset({0}), 120, 180, zone=BERLIN),), (Window(last_on=date(2026, 6, 20)),))

    found = next_allowed(never_on_mondays, utc("2026-06-01T00:00:30"), timedelta(minutes=59))

    assert found == utc("2026-06-22T00:00:00")
    assert found == next_by_definition(never_on_mondays, utc("2026-06-01T00:00:30"), timedelta(minutes=59), SEARCH)


def test_a_skipped_hour_never_comes():
    window = parse_window({"from": "02:00", "to": "03:00"}, BERLIN)
    hours = [utc("2026-03-28T22:00:00") + minutes * MINUTE for minutes in range(26 * 60)]

    assert not any(is_open(window, hour) for hour in hours)
    found = next_allowed(Schedule((window,)), utc("2026-03-28T22:00:00"), timedelta())
    assert found == utc("2026-03-30T00:00:00")


def test_a_repeated_hour_is_inside_twice():
    window = parse_window({"from": "02:00", "to": "03:00"}, BERLIN)

    inside = [utc("2026-10-25T00:00:00"), utc("2026-10-25T01:59:59")]
    assert [is_open(window, at) for at in inside] == [True, True]
    assert find_end(window, inside[0]) == utc("2026-10-25T02:00:00")


def test_a_window_over_midnight_belongs_to_the_day_it_begins_on():
    friday = parse_window({"days": ["fri"], "from": "22:00", "to": "06:00"}, BERLIN)

    in_june = ["2026-06-06T03:59:59", "2026-06-06T04:00:00", "2026-06-05T02:00:00", "2026-06-05T20:00:00"]
    assert [is_open(friday, utc(at)) for at in in_june] == [True, False, False, True]


def test_both_days_of_its_dates_are_included():
    holidays = parse_window({"dates": ["2026-12-20", "2027-01-06"]})

    days = ["2026-12-19T23:59:59", "2026-12-20T00:00:00", "2027-01-06T23:59:59", "2027-01-07T00:00:00"]
    assert [is_open(holidays, utc(at)) for at in days] == [False, True, True, False]
    assert find_end(holidays, utc("2026-12-20T00:00:00")) == utc("2027-01-07T00:00:00")


def test_a_window_that_is_always_open_never_ends():
    assert find_end(Window(), utc("2026-06-03T12:00:00")) is None
    assert next_allowed(Schedule((), (Window(),)), utc("2026-06-03T12:00:00"), timedelta()) is None


def test_bounds_that_the_clock_skips_or_repeats_are_found():
    odd = list(find_odd_bounds(parse_window({"from": "02:30", "to": "05:00"}, BERLIN), utc("2026-01-01T00:00:00"), 370))

    assert [(f"{bound:%Y-%m-%d %H:%M}", repeats) for bound, repeats in odd] == [
        ("2026-03-29 02:30", False),
        ("2026-10-25 02:30", True),
    ]


@pytest.mark.parametrize(
    ("given", "key"),
    [
        pytest.param("night", "", id="no mapping"),
        pytest.param({"day": ["mon"]}, "day", id="an unknown key"),
        pytest.param({"days": ["mon-"]}, "days", id="half a range"),
        pytest.param({"days": []}, "days", id="no day"),
        pytest.param({"from": "24:00"}, "from", id="begins at the end"),
        pytest.param({"to": "24:01"}, "to", id="ends tomorrow"),
        pytest.param({"to": 300}, "to", id="a number"),
        pytest.param({"dates": ["2026-12-20"]}, "dates", id="one date"),
        pytest.param({"dates": ["2026-12-20", "2026-12-19"]}, "dates", id="backwards"),
        pytest.param({"zone": "Europe/Berlinn"}, "zone", id="no zone"),
        pytest.param({"zone": "../etc/passwd"}, "zone", id="a path"),
    ],
)
def test_a_window_that_cannot_be_read_says_which_key(given, key):
    with pytest.raises(WindowFaultError) as caught:
        parse_window(given)

    assert [fault[0] for fault in caught.value.faults] == [key]


def test_a_range_of_days_may_go_over_the_week_end():
    assert parse_window({"days": ["sat-mon", "wed"]}).days == {5, 6, 0, 2}

"""When something may begin (ACTIONS 12.4): in windows that allow, in none that deny, with time left in them.

Every moment here is aware, and those that come back are in UTC. Between two moments of `_find_changes` nothing opens or
closes; so a search looks at those alone, and finds what looking at every minute would find.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.window import DAY, Window, find_bounds, is_open

MINUTE = timedelta(minutes=1)
SEARCH = timedelta(days=35)
"""How far `next_allowed` looks."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_QUARTER = timedelta(hours=6)
_REPEATS = timedelta(days=15)
"""Within it a window without dates closes, if it ever does: each of its days, and a night over midnight, comes twice."""


class Schedule(NamedTuple):
    """Windows of which one must be open (at any time, where there is none), and windows of which none may be."""

    allow: tuple[Window, ...] = ()
    deny: tuple[Window, ...] = ()


def is_allowed(schedule: Schedule, at: datetime) -> bool:
    """Return whether a moment is in one of the windows that allow, and in none of those that deny."""
    is_in = not schedule.allow or any(is_open(window, at) for window in schedule.allow)
    return is_in and not any(is_open(window, at) for window in schedule.deny)


@lru_cache(maxsize=4096)
def fits(schedule: Schedule, at: datetime, margin: timedelta) -> bool:
    """Return whether a moment is allowed, and each whole minute of UTC behind it up to the margin."""
    first, last = _floor(at) + 1, _floor(at + margin)
    spans = _find_allowed_minutes(schedule, first, last)
    return is_allowed(schedule, at) and (last < first or any(begin <= first and end > last for begin, end in spans))


@lru_cache(maxsize=4096)
def next_allowed(schedule: Schedule, at: datetime, margin: timedelta) -> datetime | None:
    """Return the moment itself where it fits, else the first whole minute of UTC that does; None within 35 days."""
    if fits(schedule, at, margin):
        return at
    last, length = _floor(at + SEARCH), margin // MINUTE
    spans = _find_allowed_minutes(schedule, _floor(at) + 1, last + length)
    begin = next((begin for begin, end in spans if begin + length < end), None)
    return None if begin is None or begin > last else _EPOCH + begin * MINUTE


def find_end(window: Window, at: datetime) -> datetime | None:
    """Return when a window that is open at a moment ends; None for one that is shut, or that never ends."""
    if not is_open(window, at):
        return None
    last = at + _REPEATS
    if window.last_on is not None:
        last = max(last, datetime.combine(window.last_on, time(), UTC) + 3 * DAY)
    return next((change for change in _find_changes((window,), at, last) if not is_open(window, change)), None)


def find_odd_bounds(window: Window, at: datetime, days: int) -> Iterator[tuple[datetime, bool]]:
    """Yield each bound, on these next local days, that the clock of its zone skips or repeats, and whether it repeats it.

    A bound is by the wall clock.
    """
    today = at.astimezone(ZoneInfo(window.zone)).date()
    for day in (today + offset * DAY for offset in range(days + 1)):
        for bound in find_bounds(window, day) if window.is_on(day) else ():
            early, late = bound.utcoffset(), bound.replace(fold=1).utcoffset()
            if early is not None and late is not None and early != late:
                yield bound, early > late


def _find_allowed_minutes(schedule: Schedule, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield each longest run [begin, end) of allowed whole minutes, counted from 1970, among first to last."""
    after, until = _EPOCH + first * MINUTE, _EPOCH + last * MINUTE
    changes = _find_changes((*schedule.allow, *schedule.deny), after, until)
    begin: int | None = None
    for minute in dict.fromkeys((first, *map(_ceil, changes))) if first <= last else ():
        allowed = is_allowed(schedule, _EPOCH + minute * MINUTE)
        if allowed and begin is None:
            begin = minute
        elif not allowed and begin is not None:
            yield begin, minute
            begin = None
    if begin is not None:
        yield begin, last + 1


def _find_changes(windows: Iterable[Window], after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield, in order, every moment in (after, until] at which one of the windows opens or closes, and some others."""
    known = tuple(dict.fromkeys(windows))
    day = after.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    while known and day <= until:
        found = {change for window in known for change in _find_changes_of_day(window, day)}
        yield from (change for change in sorted(found) if after < change <= until)
        day += DAY


@lru_cache(maxsize=16_384)
def _find_changes_of_day(window: Window, day: datetime) -> tuple[datetime, ...]:
    """Return the moments of one day of UTC at which the window may open or close.

    What is read off the local clock changes where it passes a bound, or where it is set. A time that it
    shows twice is two moments; for one that it never shows, a moment too many is looked at.
    """
    zone = ZoneInfo(window.zone)
    wall = {
        datetime.combine(day.date() + shift * DAY, time(), zone) + minutes * MINUTE
        for shift in (-1, 0, 1)
        for minutes in (window.from_min, window.to_min)
    }
    passed = {local.replace(fold=fold).astimezone(UTC) for local in wall for fold in (0, 1)}
    return tuple(moment for moment in passed | {*_find_clock_changes(window.zone, day)} if day <= moment < day + DAY)


@lru_cache(maxsize=16_384)
def _find_clock_changes(zone: str, day: datetime) -> tuple[datetime, ...]:
    """Return the moments of one day of UTC at which the zone's clock is set, to the second."""
    place = ZoneInfo(zone)
    quarters = (day + part * _QUARTER for part in range(4))
    return tuple(_bisect(place, begin) for begin in quarters if not _has_offset_of(place, begin, begin + _QUARTER))


def _bisect(place: ZoneInfo, begin: datetime) -> datetime:
    """Return the first second of the quarter of a day that has another offset than its beginning."""
    low, high = 0, _QUARTER // timedelta(seconds=1)
    while high - low > 1:
        middle = (low + high) // 2
        is_before = _has_offset_of(place, begin, begin + timedelta(seconds=middle))
        low, high = (middle, high) if is_before else (low, middle)
    return begin + timedelta(seconds=high)


def _has_offset_of(place: ZoneInfo, one: datetime, other: datetime) -> bool:
    return one.astimezone(place).utcoffset() == other.astimezone(place).utcoffset()


def _floor(at: datetime) -> int:
    """Return the whole minute of UTC, counted from 1970, that a moment lies in."""
    return (at - _EPOCH) // MINUTE


def _ceil(at: datetime) -> int:
    """Return the first whole minute of UTC that is not before a moment."""
    return -((_EPOCH - at) // MINUTE)

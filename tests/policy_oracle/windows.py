"""Windows (ACTIONS 12.4)."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
MINUTE = timedelta(minutes=1)


def is_in(window: dict[str, Any], zone: str, at: datetime) -> bool:
    """Return whether a moment is in a window, by the wall clock of its zone."""
    local = at.astimezone(ZoneInfo(window.get("zone", zone)))
    x = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    begin, end = clock(window.get("from", "00:00")), clock(window.get("to", "24:00"))
    today = local.date()
    if end > begin:
        return is_on(window, today) and begin <= x < end
    return (is_on(window, today) and x >= begin) or (is_on(window, today - timedelta(days=1)) and x < end)


def clock(text: str) -> timedelta:
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def is_on(window: dict[str, Any], day: date) -> bool:
    dates = window.get("dates")
    is_dated = dates is None or dates[0] <= day.isoformat() <= dates[1]
    return is_dated and day.weekday() in weekdays(tuple(window.get("days", DAYS)))


@lru_cache
def weekdays(days: tuple[str, ...]) -> set[int]:
    found = set()
    for text in days:
        first, _, last = text.partition("-")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found |= {(begin + step) % 7 for step in range((end - begin) % 7 + 1)}
    return found


def make_allowed(policy: dict[str, Any], when: dict[str, Any]) -> Callable[[datetime], bool]:
    """Return `allowed(t)` of a rule."""
    windows, zone = policy.get("windows", {}), policy.get("zone", "UTC")
    opens, shuts = when.get("allow", []), [*when.get("deny", []), *policy.get("freeze", [])]

    def allowed(at: datetime) -> bool:
        is_open = not opens or any(is_in(windows[name], zone, at) for name in opens)
        return is_open and not any(is_in(windows[name], zone, at) for name in shuts)

    return lru_cache(maxsize=None)(allowed)


def fits(allowed: Callable[[datetime], bool], at: datetime, margin: timedelta) -> bool:
    """Return whether it is allowed at a moment and at each whole minute behind it within the margin."""
    minute = whole(at)
    while minute <= at + margin:
        if not allowed(minute):
            return False
        minute += MINUTE
    return allowed(at)


def whole(at: datetime) -> datetime:
    """Return the first whole minute behind a moment."""
    return at.replace(second=0, microsecond=0) + MINUTE


def next_allowed(allowed: Callable[[datetime], bool], at: datetime, margin: timedelta) -> datetime | None:
    """Return when it fits next: the moment itself, a whole minute of the next 35 days, or never."""
    if fits(allowed, at, margin):
        return at
    minute = whole(at)
    while minute <= at + timedelta(days=35):
        if fits(allowed, minute, margin):
            return minute
        minute += MINUTE
    return None

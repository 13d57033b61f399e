"""Instants of every spelling, and windows of planned absence (SEMANTICS 2, ACTIONS 12.4)."""

import re
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

NUMBER = re.compile(r"[-+]?[0-9]+([.][0-9]*)?(e[-+]?[0-9]+)?", re.IGNORECASE)
GO = re.compile(r"([0-9-]{10}) ([0-9:]{8}([.][0-9]+)?) ([-+][0-9]{4}) [A-Z0-9+-]+( m=.*)?")
FROM, UNTIL = 946_684_800, 4_102_444_800
"""The years 2000 and 2100, between which a number has to lie."""
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Seen(NamedTuple):
    """What a time field says: an instant, or never, or something that is doubtful; at most one of the three."""

    at: datetime | None = None
    is_never: bool = False
    is_doubtful: bool = False


class Clock(NamedTuple):
    """The moment of judging, and how times are read."""

    as_of: datetime
    tolerance: float
    zone: str

    def read(self, value: object) -> Seen:
        """Return what a field says."""
        if is_never(value):
            return Seen(is_never=True)
        instant = moment(value, self.zone)
        if instant is not None and instant.year == 1:
            return Seen(is_never=True)
        is_ahead = instant is not None and (instant - self.as_of).total_seconds() > self.tolerance
        return Seen(is_doubtful=True) if instant is None or is_ahead else Seen(at=instant)

    def at(self, value: object) -> datetime | None:
        """Return the instant that a field says, where it is readable and not doubtful."""
        return self.read(value).at

    def age(self, instant: datetime) -> float:
        """Return the seconds since an instant, negative ones where it is yet to come."""
        return (self.as_of - instant).total_seconds()

    def is_fresh(self, instant: datetime | None, limit: float) -> bool:
        """Return whether there is an instant, no older than the limit."""
        return instant is not None and self.age(instant) <= limit


def is_never(value: object) -> bool:
    """Return whether a value says that there is no time."""
    if isinstance(value, str):
        text = value.strip()
        return not text or (bool(NUMBER.fullmatch(text)) and float(text) in {0, -1})
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and value in {0, -1})


def moment(value: object, zone: str = "UTC") -> datetime | None:
    """Return the instant that a timestamp of any spelling means, or None where it cannot be read."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, str):
        text = value.strip()
        if not NUMBER.fullmatch(text):
            return spelled(text, zone)
        value = int(text) if text.lstrip("+-").isdigit() else float(text)
    for unit in (1, 1000, 1_000_000, 1_000_000_000):
        if FROM * unit <= value <= UNTIL * unit:
            whole, rest = divmod(value, unit) if isinstance(value, int) else (0, value)
            return datetime.fromtimestamp(whole, UTC) + timedelta(seconds=rest / unit)
    return None


def spelled(text: str, zone: str) -> datetime | None:
    """Return the instant of a text: ISO 8601, Go's, RFC 1123 or 2822."""
    found = GO.fullmatch(text)
    if found:
        text = f"{found[1]}T{found[2]}{found[4]}"
    extra = timedelta()
    if re.match(r"[0-9]{4}-", text):
        if re.search(r"[T ]24:00(:00)?([.]0+)?(?![0-9:])", text):
            text, extra = re.sub(r"([T ])24:00", r"\g<1>00:00", text, count=1), timedelta(days=1)
        elif re.search(r":[0-9]{2}:60", text):
            text, extra = re.sub(r"(:[0-9]{2}):60", r"\g<1>:59", text, count=1), timedelta(seconds=1)
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            instant = read(text)
            local = instant if instant.tzinfo else instant.replace(tzinfo=ZoneInfo(zone))
            return local.astimezone(UTC) + extra
        except (OverflowError, TypeError, ValueError):
            if re.match(r"0001-01-01", text):
                return datetime.min.replace(tzinfo=UTC)
    return None


def is_open(windows: Any, clock: Clock) -> bool:
    """Return whether one of the windows is open; one that cannot be read is shut."""
    return any(is_within(window, clock) for window in listed(windows) if not is_fault(window))


def listed(windows: Any) -> list[Any]:
    """Return the windows, of which one may stand alone."""
    return windows if isinstance(windows, list) else [windows] if windows else []


def is_fault(window: Any) -> bool:
    """Return whether a window cannot be read."""
    try:
        read_window(window, "UTC")
    except (AttributeError, ValueError, KeyError, TypeError):
        return True
    return not window.keys() <= {"days", "from", "to", "dates", "zone"}


def read_window(window: Any, zone: str) -> tuple[ZoneInfo, int, int, set[int], list[str]]:
    """Return zone, first and last second, weekdays and dates of a window; raises where it says something else."""
    dates = [date.fromisoformat(str(part)).isoformat() for part in window.get("dates") or []]
    if len(dates) not in {0, 2}:
        raise ValueError(dates)
    begin, end = minute(window.get("from", "00:00")), minute(window.get("to", "24:00"))
    return ZoneInfo(window.get("zone") or zone), begin, end, weekdays(window.get("days")), dates


def is_within(window: dict[str, Any], clock: Clock) -> bool:
    """Return whether the moment is in a window, which belongs to the day that it begins on."""
    zone, begin, end, days, dates = read_window(window, clock.zone)
    local = clock.as_of.astimezone(zone)
    now = local.hour * 3600 + local.minute * 60 + local.second + local.microsecond / 1e6

    def is_on(day: date) -> bool:
        return day.weekday() in days and (not dates or dates[0] <= day.isoformat() <= dates[1])

    if end > begin:
        return is_on(local.date()) and begin <= now < end
    return (is_on(local.date()) and now >= begin) or (is_on(local.date() - timedelta(days=1)) and now < end)


def minute(text: str) -> int:
    """Return the second of the day of `hh:mm`."""
    found = re.fullmatch(r"([0-9]{1,2}):([0-9]{2})", text.strip())
    if not found or int(found[1]) * 60 + int(found[2]) > 24 * 60 or int(found[2]) > 59:
        raise ValueError(text)
    return int(found[1]) * 3600 + int(found[2]) * 60


def weekdays(days: Any) -> set[int]:
    """Return the numbers of days, which may be ranges."""
    if days is None:
        return set(range(7))
    found = set()
    for part in days if isinstance(days, list) else str(days).split(","):
        first, _, last = str(part).strip().lower().partition("-")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found |= {(begin + step) % 7 for step in range((end - begin) % 7 + 1)}
    return found

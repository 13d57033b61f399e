"""Timestamps of any spelling, read by one function that never raises."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECOND_US = 1_000_000
EARLIEST_S = 946_684_800
"""2000-01-01: what is earlier is a zero time or a counter, not a moment of this fleet."""
LATEST_S = 4_102_444_800
"""2100-01-01: what is later is garbage."""
EARLIEST_US, LATEST_US = EARLIEST_S * SECOND_US, LATEST_S * SECOND_US
PER_SECOND = (1, 10**3, 10**6, 10**9)
"""Seconds, milli-, micro- and nanoseconds since 1970: at most one of them puts a number into this century."""
YEAR_ONE_S = (-62_135_596_800, -62_104_060_800)
MOST_CHARACTERS = 80

_WHOLE = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
NUMBER = re.compile(r"[+-]?[0-9]{1,20}(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_ISO = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d|\d{8})[T ](?P<hour>\d\d):?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?P<part>[.,]\d+)?)?"
    r"(?: ?(?P<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)(?: [A-Z]{1,5}| [+-]\d{2,4})?(?: M=[+-]\d+\.\d+)?)?",
    re.ASCII,
)
"""ISO 8601, and what Go prints: an offset, and behind it the zone's name and a monotonic clock."""
_USUAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:[0-5]\d)", re.ASCII)
"""ISO 8601 as nearly all write it, of which the standard library makes the same several times as fast, or nothing."""
_MAIL = re.compile(
    r"(?:[A-Z]{3,9}, *)?(?P<day>\d{1,2})[ -](?P<month>[A-Z]{3})[ -](?P<year>\d{4}|\d\d) +"
    r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d))? *(?P<zone>[+-]\d{4}|[A-Z]{1,3})(?: *\([^()]*\))?",
    re.ASCII,
)
"""RFC 1123 and 2822."""
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_HOURS_WEST = {"EDT": 4, "EST": 5, "CDT": 5, "CST": 6, "MDT": 6, "MST": 7, "PDT": 7, "PST": 8}
_UNIVERSAL = {"Z", "UT", "UTC", "GMT"}


def parse_instant(value: object, zone: str = "UTC") -> int | None:
    """Return the moment in microseconds since 1970 UTC, or none where the value says no clear one.

    Read are ISO 8601 (a text without an offset is in `zone`), RFC 1123 and 2822, what Go prints, and seconds, milli-,
    micro- and nanoseconds since 1970 as a number or a text: all from 2000 to 2100.
    """
    if isinstance(value, str):
        return _parse_text(value, zone) if len(value) <= MOST_CHARACTERS else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return _parse_number(value) if is_number else None


def is_never(value: object) -> bool:
    """Return whether the value says that there was no such moment: null, blank, 0, -1, or the year 1."""
    if isinstance(value, str):
        return len(value) <= MOST_CHARACTERS and _says_never(value)
    if isinstance(value, bool):
        return False
    return value is None or (isinstance(value, int | float) and _is_zero(value))


def to_datetime(microseconds: int) -> datetime:
    """Return the moment as a `datetime`."""
    return EPOCH + microseconds * MICROSECOND


def to_microseconds(moment: datetime) -> int:
    """Return the microseconds since 1970 UTC."""
    return (moment - EPOCH) // MICROSECOND


@lru_cache(maxsize=65_536, typed=True)
def _parse_number(value: float) -> int | None:
    for parts in PER_SECOND:
        if EARLIEST_S * parts <= value <= LATEST_S * parts:
            return _to_whole(value, parts) if isinstance(value, int) else round(value * (SECOND_US / parts))
    return None


def _to_whole(value: int, parts: int) -> int:
    return value * (SECOND_US // parts) if parts <= SECOND_US else value // (parts // SECOND_US)


def _is_zero(value: float) -> bool:
    return value in (0, -1) or YEAR_ONE_S[0] <= value < YEAR_ONE_S[1]


@lru_cache(maxsize=65_536)
def _says_never(text: str) -> bool:
    stripped = text.strip()
    if NUMBER.fullmatch(stripped):
        return _is_zero(float(stripped))
    return not stripped or stripped.startswith("0001-")


@lru_cache(maxsize=65_536)
def _parse_text(text: str, zone: str) -> int | None:
    stripped = text.strip().upper()
    if _WHOLE.fullmatch(stripped):
        return _parse_number(int(stripped))
    if NUMBER.fullmatch(stripped):
        return _parse_number(float(stripped))
    try:
        if _USUAL.fullmatch(stripped) and (usual := _read_usual(stripped)):
            microseconds = to_microseconds(usual)
        elif found := _ISO.fullmatch(stripped):
            microseconds = to_microseconds(_read_iso(found, zone))
        elif found := _MAIL.fullmatch(stripped):
            microseconds = to_microseconds(_read_mail(found))
        else:
            return None
    except (ValueError, OverflowError, KeyError):
        return None
    return microseconds if EARLIEST_US <= microseconds <= LATEST_US else None


def _read_usual(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # 24:00:00 and a leap second among them
        return None


def _read_iso(found: re.Match[str], zone: str) -> datetime:
    offset = found["zone"]
    where: tzinfo = ZoneInfo(zone) if offset is None else _read_offset(offset)
    day = datetime.fromisoformat(found["date"]).replace(tzinfo=where)
    moment = _at_time(day, found)
    fraction = (found["part"] or ".")[1:7].ljust(6, "0")
    return moment + timedelta(microseconds=int(fraction))


def _read_mail(found: re.Match[str]) -> datetime:
    year = int(found["year"])
    # RFC 2822, 4.3: two digits up to 49 are of this century.
    whole_year = year if len(found["year"]) == 4 else year + (2000 if year < 50 else 1900)
    return _at_time(
        datetime(whole_year, _MONTHS.index(found["month"]) + 1, int(found["day"]), tzinfo=_read_offset(found["zone"])),
        found,
    )


def _at_time(day: datetime, found: re.Match[str]) -> datetime:
    """Return the moment of a day; 24:00:00 is the next midnight, and a leap second is the first of the next minute."""
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"] or 0)
    more = timedelta()
    if second == 60:
        second, more = 59, timedelta(seconds=1)
    if (hour, minute, second) == (24, 0, 0):
        return (day + timedelta(days=1)).astimezone(UTC)
    return day.replace(hour=hour, minute=minute, second=second).astimezone(UTC) + more


def _read_offset(text: str) -> timezone:
    if text in _UNIVERSAL:
        return UTC
    if text in _HOURS_WEST:
        return timezone(-timedelta(hours=_HOURS_WEST[text]))
    sign = {"+": 1, "-": -1}[text[0]]
    digits = text[1:].replace(":", "")
    minutes = int(digits[2:] or 0)
    if minutes > 59:
        raise ValueError("an offset has at most 59 minutes")
    return timezone(sign * timedelta(hours=int(digits[:2]), minutes=minutes))

"""Names of snapshot folders and archives that say when a world was: the usual spellings."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

_DATE = r"(?<!\d)(\d{4})[-_./]?([01]\d)[-_./]?([0-3]\d)"
_TIME = r"([0-2]\d)[-_:.hH/]?([0-5]\d)(?:[-_:.mM]?([0-6]\d)(?:[.,](\d{1,9}))?)?"
_ZONE = r"(Z|UTC|[+-]\d{2}:?\d{2})?"
_CALENDAR = re.compile(rf"{_DATE}[-T_ ./]?{_TIME}s?[ _]?{_ZONE}(?!\d)", re.IGNORECASE)
_EPOCH = re.compile(r"(?<!\d)(1\d{9})(?:(\d{3})|(\d{6})|\.(\d{1,6}))?(?!\d)")
DEEPEST = 10
"""Of a longer path, the last parts: the longest way to spell a moment takes five of them."""
_LATEST = 4_102_444_800  # the year 2100: a longer number is no number of seconds


# The files of one snapshot come one after the other, and an archive has half a million of them.
@lru_cache(maxsize=16)
def parse_moment_name(name: str, zone: tzinfo = UTC) -> datetime | None:
    """Return the moment that a name or a path spells; None where it spells none.

    `2026-05-27T12:00:00Z`, `2026-05-27T120000+0200`, `20260527-1200`, `2026-05-27_12-00-00`, `world-20260527T120000`,
    `2026/05/27/12-00`, `2026-05-27/1200`, and Unix seconds, milliseconds or microseconds. One without a zone is in
    `zone`; of an hour that comes twice there, the first. Of a path, the fewest of its last parts that spell a moment
    count.
    """
    parts = name.split("/")[-DEEPEST:]
    tails = ("/".join(parts[first:]) for first in range(len(parts) - 1, -1, -1))
    return next((moment for tail in tails if (moment := _parse(tail, zone)) is not None), None)


def _parse(text: str, zone: tzinfo) -> datetime | None:
    spelled = _CALENDAR.search(text)
    if spelled is not None:
        return _from_calendar(spelled, zone)
    counted = _EPOCH.search(text)
    return _from_epoch(counted) if counted else None


def _from_calendar(spelled: re.Match[str], elsewhere: tzinfo) -> datetime | None:
    year, month, day, hour, minute, second, fraction, zone = spelled.groups()
    micros = int((fraction or "0").ljust(6, "0")[:6])
    try:
        clock = (int(hour), int(minute), int(second or 0), micros)
        return datetime(int(year), int(month), int(day), *clock, tzinfo=_zone(zone) if zone else elsewhere).astimezone(
            UTC
        )
    except (ValueError, OverflowError):
        return None


def _zone(text: str) -> timezone:
    if text.upper() in {"Z", "UTC"}:
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-offset if text[0] == "-" else offset)


def _from_epoch(counted: re.Match[str]) -> datetime | None:
    whole, millis, micros, fraction = counted.groups()
    if int(whole) >= _LATEST:
        return None
    parts = int((millis or "").ljust(6, "0") if millis else micros or (fraction or "0").ljust(6, "0"))
    return datetime.fromtimestamp(int(whole), UTC) + timedelta(microseconds=parts)

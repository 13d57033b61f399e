"""Timestamps of any spelling, read by one function that never raises."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?", re.ASCII)
MICROSECOND = timedelta(microseconds=1)
SECOND_US = 1_000_000
EARLIEST_S = 946_684_800
"""2000-01-01: what is earlier is a zero time or a counter, not a moment of this fleet."""
LATEST_S = 4_102_444_800
"""2100-01-01: what is later is in milliseconds, or garbage."""


def parse_instant(value: object) -> int | None:
    """Return the moment in microseconds since 1970 UTC, or none where the value says no clear one.

    Read are ISO 8601 texts with `Z` or an offset, and seconds since 1970 as a number or a text, from 2000 to 2100. A
    text without an offset is not read: its time zone would be a guess.
    """
    if isinstance(value, str):
        return _parse_text(value) if len(value) <= 64 else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return round(value * SECOND_US) if EARLIEST_S <= value <= LATEST_S else None


def to_datetime(microseconds: int) -> datetime:
    """Return the moment as a `datetime`."""
    return EPOCH + microseconds * MICROSECOND


def to_microseconds(moment: datetime) -> int:
    """Return the microseconds since 1970 UTC."""
    return (moment - EPOCH) // MICROSECOND


@lru_cache(maxsize=65_536)
def _parse_text(text: str) -> int | None:
    stripped = text.strip()
    try:
        if stripped[4:5] != "-":
            return parse_instant(float(stripped)) if NUMBER.fullmatch(stripped) else None
        if stripped[10:11] not in {"T", "t", " "}:
            return None
        moment = datetime.fromisoformat(stripped.upper())
        microseconds = to_microseconds(moment) if moment.tzinfo else 0
    except (ValueError, OverflowError):
        return None
    return microseconds if EARLIEST_S * SECOND_US <= microseconds <= LATEST_S * SECOND_US else None

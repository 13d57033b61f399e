"""Durations as people spell them."""

import re
from datetime import UTC, datetime, timedelta

LONGEST = timedelta(days=36_500)
"""A hundred years: a longer duration, counted from a moment, would leave the calendar."""
YEARS = range(1970, 2100)
"""What is judged lies in these, so that a duration before and behind it is in the calendar, too."""
_UNITS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hour": 3600, "hours": 3600, "d": 86400, "day": 86400}
_SPELLING = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*")


def is_judged(moment: datetime) -> bool:
    """Return whether a moment with a time zone lies, in UTC, in the years that are judged."""
    return moment.year in YEARS and moment.astimezone(UTC).year in YEARS


def parse_duration(value: object) -> object:
    """Return a `timedelta` for `90`, `"90"` (seconds), `"15m"`, `"15 min"`, `"24h"` or `"30d"`.

    Anything else is returned as it is, for pydantic to read (ISO 8601) or to refuse.
    """
    if isinstance(value, bool):
        return value
    try:
        seconds = float(value) if isinstance(value, int | float) else _spelled_seconds(value)
        return value if seconds is None else timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        return value


def _spelled_seconds(value: object) -> float | None:
    spelled = _SPELLING.fullmatch(value.lower()) if isinstance(value, str) else None
    size = _UNITS.get(spelled[2] or "s") if spelled else None
    return float(spelled[1]) * size if spelled and size else None


def spell_duration(duration: timedelta) -> str:
    """Return it as settings write it, in the largest unit that it is a whole number of."""
    length_s = duration.total_seconds()
    whole = ((size, unit) for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)) if length_s and not length_s % size)
    size, unit = next(whole, (1, "s"))
    return f"{length_s / size:g}{unit}"

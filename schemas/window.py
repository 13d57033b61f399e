"""A window in time by the wall clock of a zone (ACTIONS 12.4): of `maintenance`, and of a policy's `when` and `freeze`."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
KEYS = ("days", "from", "to", "dates", "zone")
DAY = timedelta(days=1)
LAST_MINUTE = 24 * 60 - 1
_TIME = re.compile(r"(\d{1,2}):(\d\d)", re.ASCII)


class Window(NamedTuple):
    """One window; over midnight where it does not end after it begins, and then it belongs to the day it begins on."""

    days: frozenset[int] = frozenset(range(7))
    """Days of the week that it begins on; Monday is 0."""
    from_min: int = 0
    """Minute of the local day that it begins with."""
    to_min: int = 24 * 60
    """Minute of the local day that it ends before."""
    first_on: date | None = None
    """First local date that it may begin on."""
    last_on: date | None = None
    """Last local date that it may begin on."""
    zone: str = "UTC"

    def is_on(self, day: date) -> bool:
        """Return whether it begins on this local date."""
        begins = day.weekday() in self.days and (self.first_on is None or day >= self.first_on)
        return begins and (self.last_on is None or day <= self.last_on)

    def is_over_midnight(self) -> bool:
        """Return whether it ends on the day after it begins."""
        return self.to_min <= self.from_min


class WindowFaultError(ValueError):
    """A window cannot be read; `faults` holds each key (empty: the window itself) with what is wrong with it."""

    def __init__(self, faults: Iterable[tuple[str, str]]) -> None:
        """Keep them in their order."""
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{key}: {problem}" if key else problem for key, problem in self.faults))


def is_open(window: Window, at: datetime) -> bool:
    """Return whether a moment is in the window, by the wall clock of its zone."""
    local = at.astimezone(ZoneInfo(window.zone))
    day, minute = local.date(), local.hour * 60 + local.minute
    begun, is_before_end = minute >= window.from_min, minute < window.to_min
    if window.is_over_midnight():
        return (begun and window.is_on(day)) or (is_before_end and window.is_on(day - DAY))
    return begun and is_before_end and window.is_on(day)


def parse_window(given: object, zone: str = "UTC") -> Window:
    """Return the window that a mapping of `days`, `from`, `to`, `dates`, `zone` describes; each of them may be absent.

    `zone` is that of a window which names none. Raises `WindowFaultError` with all that is wrong.
    """
    if not isinstance(given, Mapping):
        raise WindowFaultError([("", "expected a mapping such as {days: [mon-fri], from: '01:00', to: '05:00'}")])
    faults: list[tuple[str, str]] = [(str(key), _unknown(str(key))) for key in given if key not in KEYS]
    read: dict[str, object] = {"zone": zone}
    for key, reader in _READERS.items():
        try:
            read |= reader(given[key]) if key in given else {}
        except ValueError as error:
            faults.append((key, str(error)))
    if faults:
        raise WindowFaultError(faults)
    return Window(**read)  # type: ignore[arg-type]  # each reader gives its own fields


def _unknown(key: str) -> str:
    close = difflib.get_close_matches(key, KEYS, n=1)
    return f"unknown key{f'; did you mean {close[0]}' if close else ''}; a window has {', '.join(KEYS)}"


def read_zone(given: object) -> str:
    """Return the name of a zone that there is; raises `ValueError`."""
    try:
        return ZoneInfo(given if isinstance(given, str) else "").key
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ValueError(f"{given!a} is no time zone such as UTC or Europe/Berlin") from None


def find_bounds(window: Window, day: date) -> tuple[datetime, datetime]:
    """Return when the window of this local date begins and ends by the wall clock, whether such a time comes or not."""
    midnight = datetime.combine(day, time(), ZoneInfo(window.zone))
    end = timedelta(minutes=window.to_min) + (DAY if window.is_over_midnight() else timedelta())
    return midnight + timedelta(minutes=window.from_min), midnight + end


def _read_days(given: object) -> dict[str, object]:
    words = [given] if isinstance(given, str) else given
    if not isinstance(words, list) or not words:
        raise ValueError("expected a list of days, such as [mon-fri] or [sat, sun]")
    return {"days": frozenset(day for word in words for day in _read_range(word))}


def _read_range(word: object) -> Iterator[int]:
    first, dash, last = word.strip().lower().partition("-") if isinstance(word, str) else ("", "", "")
    if first not in DAYS or (dash and last not in DAYS):
        raise ValueError(f"{word!a} is no day; expected {', '.join(DAYS)}, or a range such as mon-fri")
    begin, end = DAYS.index(first), DAYS.index(last or first)
    yield from (day % 7 for day in range(begin, end + 1 if end >= begin else end + 8))


def _read_from(given: object) -> dict[str, object]:
    return {"from_min": _read_minute(given, LAST_MINUTE)}


def _read_to(given: object) -> dict[str, object]:
    return {"to_min": _read_minute(given, LAST_MINUTE + 1)}


def _read_minute(given: object, latest: int) -> int:
    spelled = _TIME.fullmatch(given.strip()) if isinstance(given, str) else None
    minute = int(spelled[1]) * 60 + int(spelled[2]) if spelled and int(spelled[2]) < 60 else latest + 1
    if minute > latest:
        last = f"{latest // 60:02}:{latest % 60:02}"
        raise ValueError(f"expected a time of day in quotes, from '00:00' to '{last}', found {given!a}")
    return minute


def _read_dates(given: object) -> dict[str, object]:
    if not isinstance(given, list) or len(given) != 2:
        raise ValueError("expected the first and the last day, such as ['2026-12-20', '2027-01-06']")
    first, last = (_read_date(day) for day in given)
    if first > last:
        raise ValueError(f"the last day, {last}, is before the first, {first}")
    return {"first_on": first, "last_on": last}


def _read_date(given: object) -> date:
    try:
        return date.fromisoformat(str(given))
    except ValueError:
        raise ValueError(f"{given!a} is no day such as '2026-12-20'") from None


def _read_zone(given: object) -> dict[str, object]:
    return {"zone": read_zone(given)}


_READERS = {"days": _read_days, "from": _read_from, "to": _read_to, "dates": _read_dates, "zone": _read_zone}

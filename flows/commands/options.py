"""The options that several commands have in common; an option that is not given is None, and changes no setting."""

import re
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.text.spoken import spoken_moment
from schemas.duration import YEARS, is_judged

if TYPE_CHECKING:
    from flows.glance import Glance
    from flows.settings import Loaded, Settings

_SAME = ("inventory", "world", "checkpoint", "state_dir")
POINT = "30d or 12h ago, a date (UTC), or an ISO 8601 moment"
Inventory = Annotated[Path | None, typer.Option("--inventory", help="The folder that holds hosts/.")]
World = Annotated[Path | None, typer.Option("--world", help="The folder that the observer writes.")]
Config = Annotated[Path | None, typer.Option("--config", help="Settings file, in place of supervisor.yaml.")]
EventLog = Annotated[Path | None, typer.Option("--event-log", help="The log that events are appended to.")]
Checkpoint = Annotated[Path | None, typer.Option("--checkpoint", help="Where open episodes are kept.")]
StateDir = Annotated[Path | None, typer.Option("--state-dir", help="Folder of history, archive, cache and lock.")]
HistoryPlace = Annotated[
    str | None, typer.Option("--history", help="Where the history is, if not in the state folder; s3:// too.")
]
MetricsFile = Annotated[
    Path | None, typer.Option("--metrics-file", help="Write Prometheus metrics here (textfile collector: *.prom).")
]
CloudEvents = Annotated[
    bool | None, typer.Option("--cloudevents/--no-cloudevents", help="Write events as CloudEvents 1.0.")
]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", help="Judge ages at this moment (ISO 8601, a date, or Unix seconds) instead of now."),
]
DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
UNIX = re.compile(r"\d{10}(\.\d*)?", re.ASCII)
"""Seconds since 1970, as records write them: so many seconds are no duration that anybody means."""
Since = Annotated[str | None, typer.Option("--since", help=f"Begin here: {POINT}.")]
Until = Annotated[str | None, typer.Option("--until", help=f"End before this: {POINT}; otherwise now.")]
Zone = Annotated[
    str, typer.Option("--zone", help="Time zone of snapshots' names that have none, such as Europe/Berlin.")
]


class Format(StrEnum):
    """How a run is printed."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    MARKDOWN = "markdown"
    SARIF = "sarif"
    JUNIT = "junit"


def parse_moment(text: str | None) -> datetime | None:
    """Return the moment, in UTC, of an ISO 8601 text with a time zone, of a date (its midnight UTC) or of Unix seconds.

    `BadParameter` says what was expected.
    """
    if text is None:
        return None
    try:
        moment = _read_moment(text.strip())
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!a} is no ISO 8601 moment such as 2026-05-27T18:00:00Z") from None
    raise typer.BadParameter(f"{text!a} has no time zone; write 2026-05-27T18:00:00Z") from None


def parse_as_of(text: str | None) -> datetime | None:
    """Return the moment to judge at; `BadParameter` for one whose neighbours no calendar has, such as 9999-12-31."""
    moment = parse_moment(text)
    if moment is not None and not is_judged(moment):
        raise typer.BadParameter(f"{text!a} is no moment to judge at; write one from {YEARS[0]} to {YEARS[-1]}")
    return moment


def _read_moment(text: str) -> datetime:
    from flows.sources.formats.instants import LATEST_S, NUMBER, parse_instant, to_datetime

    if DATE.fullmatch(text):
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    if not NUMBER.fullmatch(text):
        return datetime.fromisoformat(text)
    microseconds = parse_instant(text)
    if microseconds is None or abs(float(text)) > LATEST_S:
        raise ValueError(text)
    return to_datetime(microseconds)


def parse_since(text: str, until: datetime) -> datetime:
    """Return the moment that lies a duration such as `30d` before another, or that a date or ISO 8601 text names."""
    return _move(text, until, -1)


def parse_end(text: str, now: datetime, what: str, longest: timedelta | None = None) -> datetime:
    """Return the moment of a duration from now or of an ISO 8601 text; in the future, and not beyond the longest.

    `what` ends then, as a sentence about it begins: "a hold".
    """
    from schemas.duration import spell_duration

    end = _move(text, now, 1)
    if end <= now:
        raise typer.BadParameter(f"{text!a} has passed; {what} ends in the future")
    if longest is not None and end - now > longest:
        raise typer.BadParameter(f"{text!a} is longer than {what} may last ({spell_duration(longest)})")
    return end


def _move(text: str, start: datetime, sign: int) -> datetime:
    """Return the moment that lies a duration before or after another, or that a date, an ISO 8601 text or Unix seconds name."""
    from schemas.duration import parse_duration

    duration = None if UNIX.fullmatch(text.strip()) else parse_duration(text)
    try:
        if isinstance(duration, timedelta):
            return start + sign * duration
    except OverflowError:
        where = "beyond the year 9999" if sign > 0 else "back before the year 1"
        raise typer.BadParameter(f"{text!a} reaches {where}") from None
    moment = parse_moment(text) if text[:4].isdigit() else None
    if moment is None:
        raise typer.BadParameter(f"{text!a}: expected a duration such as 30d or 12h, or 2026-05-27T18:00:00Z")
    return moment


def parse_period(
    since: str | None, until: str | None, now: datetime | None = None
) -> tuple[datetime | None, datetime | None]:
    """Return where a period begins and ends, each None where it is not given; `30d` is before the end, or before now.

    A date is its first moment in UTC, as the history's days are.
    """
    now = now or datetime.now(UTC)
    end = parse_since(until, now) if until else None
    begin = parse_since(since, end or now) if since else None
    if begin and end and begin >= end:
        raise typer.BadParameter(f"the period ends ({spoken_moment(end)}) before it begins ({spoken_moment(begin)})")
    return begin, end


def parse_zone(name: str) -> tzinfo:
    """Return a time zone by its name in the IANA database."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise typer.BadParameter(f"{name!a} is no time zone such as UTC or Europe/Berlin") from None


def load(given: dict[str, Any], config: Path | None) -> "Settings":
    """Return the settings with the options that are given; times are shown in their zone from now on."""
    return load_all(given, config).settings


def glance(given: Mapping[str, Any], config: Path | None) -> "Glance":
    """Return the few settings that need no model of them all; times are shown in their zone from now on."""
    from flows.glance import read_glance
    from flows.text.spoken import read_zone, use_zone

    found = read_glance(given, config) or load_all(given, config).settings.glance()
    use_zone(read_zone(found.timezone))
    return found


def read_now(seen: "Glance") -> datetime:
    """Return the moment that is taken for now: the clock's, or for tests of acting that of a file."""
    if seen.clock is None or not seen.is_acting:
        return datetime.now(UTC)
    from flows.run.clock import read_clock

    return read_clock(seen.clock)


def load_all(given: Mapping[str, Any], config: Path | None) -> "Loaded":
    """Return the same with where each value came from."""
    from flows.settings import load_settings
    from flows.text.spoken import read_zone, use_zone

    loaded = load_settings(given, config)
    use_zone(read_zone(loaded.settings.timezone))
    return loaded


def repeat(given: Mapping[str, Any], config: Path | None, as_of: str | None = None) -> str:
    """Return the options that `explain` needs to speak of the same fleet, as they are typed behind it."""
    wanted = {"config": config, "as_of": as_of, **{name: given.get(name) for name in _SAME}}
    words = ((f"--{name.replace('_', '-')}", str(value)) for name, value in wanted.items() if value is not None)
    return "".join(f" {shlex.join(pair)}" for pair in words)

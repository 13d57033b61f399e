"""The options that several commands have in common; an option that is not given is None, and changes no setting."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from flows.settings import Settings

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
Since = Annotated[str | None, typer.Option("--since", help=f"Begin here: {POINT}.")]
Until = Annotated[str | None, typer.Option("--until", help=f"End before this: {POINT}; otherwise now.")]
Zone = Annotated[
    str, typer.Option("--zone", help="Time zone of snapshots' names that have none, such as Europe/Berlin.")
]
AsOf = Annotated[str | None, typer.Option("--as-of", help="Judge ages at this moment (ISO 8601) instead of now.")]


class Format(StrEnum):
    """How a run is printed."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    MARKDOWN = "markdown"
    SARIF = "sarif"
    JUNIT = "junit"


def parse_moment(text: str | None) -> datetime | None:
    """Return the moment of an ISO 8601 text with a time zone; `BadParameter` says what was expected."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!a} is no ISO 8601 moment such as 2026-05-27T18:00:00Z") from None
    if moment.tzinfo is None:
        raise typer.BadParameter(f"{text!a} has no time zone; write 2026-05-27T18:00:00Z") from None
    return moment


def parse_since(text: str, until: datetime) -> datetime:
    """Return the moment that lies a duration such as `30d` before another, or that a date or ISO 8601 text names."""
    from schemas.rules import parse_duration

    duration = parse_duration(text)
    if not isinstance(duration, timedelta):
        moment = _parse_day(text) or parse_moment(text)
        assert moment is not None  # noqa: S101 - the text is not None
        return moment
    try:
        return until - duration
    except OverflowError:
        raise typer.BadParameter(f"{text!a} reaches back before the year 1") from None


def parse_period(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """Return where a period begins and ends, each None where it is not given; `30d` is before the end, or before now.

    A date is its first moment in UTC, as the history's days are.
    """
    now = datetime.now(UTC)
    end = parse_since(until, now) if until else None
    begin = parse_since(since, end or now) if since else None
    if begin and end and begin >= end:
        raise typer.BadParameter(f"the period ends ({end:%Y-%m-%dT%H:%MZ}) before it begins ({begin:%Y-%m-%dT%H:%MZ})")
    return begin, end


def parse_zone(name: str) -> tzinfo:
    """Return a time zone by its name in the IANA database."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise typer.BadParameter(f"{name!a} is no time zone such as UTC or Europe/Berlin") from None


def _parse_day(text: str) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(text), time.min, UTC)
    except ValueError:
        return None


def load(given: dict[str, Any], config: Path | None) -> "Settings":
    """Return the settings with the options that are given."""
    from flows.settings import load_settings

    return load_settings(given, config).settings

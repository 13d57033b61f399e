"""The options that several commands have in common; an option that is not given is None, and changes no setting."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

Inventory = Annotated[Path | None, typer.Option("--inventory", help="The folder that holds hosts/.")]
World = Annotated[Path | None, typer.Option("--world", help="The folder that the observer writes.")]
Config = Annotated[Path | None, typer.Option("--config", help="Settings file, in place of supervisor.yaml.")]
EventLog = Annotated[Path | None, typer.Option("--event-log", help="The log that events are appended to.")]
Checkpoint = Annotated[Path | None, typer.Option("--checkpoint", help="Where open episodes are kept.")]
StateDir = Annotated[Path | None, typer.Option("--state-dir", help="Folder of history, archive, cache and lock.")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="Judge ages at this moment (ISO 8601) instead of now.")]


class Format(StrEnum):
    """How a run is printed."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    MARKDOWN = "markdown"


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

"""The command line, called in this process on a folder that holds inventory, world and all that a run writes."""

from pathlib import Path
from typing import NamedTuple

from typer.testing import CliRunner

from flows.commands.root import app
from flows.errors import SupervisorError

PLACES = {
    "SUPERVISOR_INVENTORY": "",
    "SUPERVISOR_WORLD": "world",
    "SUPERVISOR_EVENT_LOG": "log",
    "SUPERVISOR_CHECKPOINT": "checkpoint",
    "SUPERVISOR_STATE_DIR": "state",
}


class Said(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    """What it printed, on both streams."""
    result: str
    """What it printed for who reads its result."""


def call(folder: Path, *words: str, **variables: str | None) -> Said:
    """Call a command; a variable that is None is not set."""
    places = {name: str(folder / place) for name, place in PLACES.items()}
    environment = {**places, "COLUMNS": "200", "SUPERVISOR_LIMITS__RETRIES": "0", **variables}
    ran = CliRunner().invoke(app, words, env=environment, standalone_mode=False)
    if isinstance(ran.exception, SupervisorError):
        return Said(ran.exception.exit_code, f"{ran.output}{ran.exception}", ran.stdout)
    if ran.exception is not None:
        raise ran.exception
    return Said(ran.return_value or 0, ran.output, ran.stdout)

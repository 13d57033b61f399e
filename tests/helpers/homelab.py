"""The real command on the example homelab, with everything that it writes below one folder."""

import subprocess
from pathlib import Path

from tests.helpers.examples import HOMELAB
from tests.helpers.program import call, clean_environment

EVENING = "2026-06-03T19:42:00Z"
PLACES = {"EVENT_LOG": "events.log", "CHECKPOINT": "checkpoint.json", "STATE_DIR": "state"}


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Return the environment of a supervisor that lives in the folder and sees the bad evening."""
    places = {f"SUPERVISOR_{name}": str(folder / place) for name, place in PLACES.items()}
    inputs = {"SUPERVISOR_INVENTORY": str(HOMELAB), "SUPERVISOR_WORLD": str(HOMELAB / "world"), "COLUMNS": "160"}
    return clean_environment() | places | inputs | more


def supervisor(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in this process; variables of its environment are given by name."""
    return call(*arguments, environment=environment(folder, **more))


def reconcile(folder: Path, *arguments: str, as_of: str = EVENING, **more: str) -> subprocess.CompletedProcess[str]:
    """Reconcile at a moment of that evening."""
    return supervisor(folder, "reconcile", "--as-of", as_of, *arguments, **more)

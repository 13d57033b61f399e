"""What can go wrong for a user, each with the exit code that it ends the process with."""

from typing import Any


class SupervisorError(Exception):
    """A fault that the user can mend; its text says where, what was found, and what to do."""

    exit_code = 1
    page: str | None = None
    """The page of the manual that tells more."""


class SettingsError(SupervisorError):
    """A setting, an option or a path is wrong; nothing was read or written."""

    page = "docs/settings.md"


class InventoryError(SupervisorError):
    """No file of the inventory could be read."""

    page = "docs/inventory.md"

    def __init__(self, message: str, unread: Any = None) -> None:
        """Keep the faults of its files as well, as rows (`Unread`); None where it is not about files."""
        super().__init__(message)
        self.unread = unread


class WorldUnreadableError(SupervisorError):
    """The world cannot be read as a whole: the run is skipped, and the last known state stands."""

    exit_code = 3
    page = "docs/world.md"


class NoRunError(SupervisorError):
    """There is no run here whose state could be told or answered for: another folder may be meant."""

    exit_code = 3
    page = "docs/daily.md"


class BusyError(SupervisorError):
    """Another run holds the lock."""

    exit_code = 4
    page = "docs/scheduling.md"


class DeadlineError(SupervisorError):
    """The run took longer than it may."""

    page = "docs/limits.md"


class EmitError(SupervisorError):
    """The event log, the checkpoint or the history could not be written; the next run completes it."""

    exit_code = 5
    page = "docs/guarantees.md"


class ClusterError(SupervisorError):
    """The Dask cluster cannot be reached, or nobody of it is left to work; what was under way may be done or not."""

    page = "docs/scheduling.md"


class KilledTaskError(SupervisorError):
    """A task ended each worker that it was given to."""

    page = "docs/scheduling.md"


class HistoryError(SupervisorError):
    """A file of the history, of the archive, or of a source of snapshots cannot be read or is not what it should be."""

    page = "docs/past.md"


def say_newer(path: object, found: int, known: int) -> str:
    """Return what is said of a file that a newer supervisor wrote: it is refused, and stays as it is."""
    return (
        f"{path}: was written by a newer supervisor: found format {found}, this one reads up to {known};"
        " use the newer one again, or move the file away and begin anew"
    )

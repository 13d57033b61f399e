"""Whether the process that a name ends with still runs: what tells work in progress from what a kill left."""

import os


def is_alive(process: int) -> bool:
    """Return whether there is such a process, whoever it belongs to."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True

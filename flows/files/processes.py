"""Whether the process that a name ends with still runs: what tells work in progress from what a kill left."""

import gc
import os
import signal

_PR_SET_PDEATHSIG = 1


def is_alive(process: int) -> bool:
    """Return whether there is such a process, whoever it belongs to."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def collect_seldom() -> None:
    """Look for cycles seldom: to look for them among a million good objects took a fifth of a large run."""
    gc.set_threshold(200_000, 50, 100)


def end_with(parent: int) -> None:
    """Let the kernel end this process when the one that started it ends, however that was, or has ended already."""
    import ctypes  # 5 ms that only what starts processes needs

    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)

"""Processes: their memory, their workers, and whether the one that a name ends with still runs, as a kill leaves names behind."""

import atexit
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

Result = TypeVar("Result")

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
    """Look for cycles seldom: to look for them among a million good objects took a fifth of a large run.

    At the end of the process, when all of them go anyway, they are not looked through again.
    """
    gc.set_threshold(200_000, 50, 100)
    atexit.register(gc.freeze)


def work_here(work: Callable[[], Result]) -> Result:
    """Return what the work does, while polars hands nothing over to other threads: of few rows, that takes longer than the work.

    There is no setting for it. What its streaming engine asks of Python, and Python of it in turn, it does in the thread that
    collects; should another version not do so, the work takes longer, and comes to the same.
    """
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    import polars as pl

    done: list[Result] = []
    failed: list[BaseException] = []

    def ask(rows: pl.DataFrame) -> pl.DataFrame:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001 - raised below: polars prints a panic once more that passes through it
            failed.append(error)
        return rows

    pl.LazyFrame().map_batches(ask).collect(engine="streaming")
    for error in failed:
        raise error
    return done[0]


def keep_memory() -> None:
    """Let polars keep what it has freed for a second, in a pool for each two cores, unless it has begun.

    After half a second, as it has it, it gives back what a large run asks for again a moment later; of four pools for each
    core, that one is asked in which little is free.
    """
    pools = max(1, count_cores() // 2)
    os.environ.setdefault("_RJEM_MALLOC_CONF", f"dirty_decay_ms:1000,narenas:{pools}")


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector out: nothing here is a cycle, and it would walk through all of a large fleet each time.

    What was made meanwhile counts as old afterwards, so that it is not walked through at once.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.freeze()
            gc.unfreeze()
            gc.enable()


def give_memory_back() -> None:
    """Give the system what this process has freed, which glibc keeps where something that lives lies above it."""
    import ctypes

    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def count_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def spell_worker(module: str) -> tuple[list[str], dict[str, str]]:
    """Return command and environment of a Python that runs the `main` of a module, and nothing of the program that runs here."""
    paths = os.pathsep.join(path for path in sys.path if os.path.isabs(path))
    # Without -P, modules in the current folder, which may be the inventory, would come first.
    return [sys.executable, "-P", "-m", "flows.files.worker", module], {**os.environ, "PYTHONPATH": paths}


def end_with(parent: int) -> None:
    """Let the kernel end this process when the one that started it ends, however that was, or has ended already."""
    import ctypes  # 5 ms that only what starts processes needs

    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)

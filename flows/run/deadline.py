"""An end to every run: what hangs in a read or waits too long is interrupted, as a kill would, and leaves the same."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

from flows.errors import DeadlineError

AGAIN_S = 1.0
"""The alarm comes again, should the first have struck where nothing can be raised."""
LAST_RESORT_S = 20.0
"""What has not ended so long after the alarm is where no signal gets to: in a long calculation, or a dead file system."""


@contextmanager
def end_in_time(deadline: timedelta) -> Iterator[None]:
    """Raise `DeadlineError` in the block when it takes longer; end the process where that does not help.

    A signal interrupts what waits for the kernel as well, and only the main thread gets it: elsewhere (in a thread of
    a Prefect worker) whoever runs the thread has to end it. The alarm of another owner is left alone. The process ends
    as by a kill, with the exit code of the error.
    """
    is_free = threading.current_thread() is threading.main_thread() and not signal.getitimer(signal.ITIMER_REAL)[0]
    if not is_free:
        yield
        return

    told = (
        f"the run took longer than {deadline.total_seconds():g} s and was ended; the next run completes what it had"
        " begun to write. Look at the disk and the size of the input, or set a longer 'deadline'"
    )

    def strike(_number: int, _frame: FrameType | None) -> None:
        raise DeadlineError(told)

    before = signal.signal(signal.SIGALRM, strike)
    last_resort = threading.Timer(deadline.total_seconds() + LAST_RESORT_S, _end_process, [told])
    last_resort.daemon = True
    last_resort.start()
    signal.setitimer(signal.ITIMER_REAL, deadline.total_seconds(), AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        last_resort.cancel()


def _end_process(told: str) -> None:
    # Whatever is stuck may hold the streams' locks as well.
    os.write(2, f"error: {told}\n".encode())
    os._exit(DeadlineError.exit_code)

"""An end to every run: what hangs in a read or waits too long is interrupted, as a kill would, and leaves the same."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

from flows.errors import DeadlineError

AGAIN_S = 1.0
"""The alarm comes again, should the first have struck where nothing can be raised."""


@contextmanager
def end_in_time(deadline: timedelta) -> Iterator[None]:
    """Raise `DeadlineError` in the block when it takes longer.

    A signal interrupts what waits for the kernel as well, and only the main thread gets it: elsewhere (in a thread of
    a Prefect worker) whoever runs the thread has to end it. The alarm of another owner is left alone.
    """
    is_free = threading.current_thread() is threading.main_thread() and not signal.getitimer(signal.ITIMER_REAL)[0]
    if not is_free:
        yield
        return

    def strike(_number: int, _frame: FrameType | None) -> None:
        raise DeadlineError(
            f"the run took longer than {deadline.total_seconds():g} s and was ended; the next run completes what it had"
            " begun to write. Look at the disk and the size of the input, or set a longer 'deadline'"
        )

    before = signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, deadline.total_seconds(), AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

"""One command of a step: an argv list in a process group of its own, with an environment made from nothing.

It ends, or is ended after its time (SIGTERM, ten seconds, SIGKILL) or because somebody says stop, which is looked at
every second. Only the last bytes of what it prints are kept.
"""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

GRACE_S = 10.0
LOOK_S = 1.0
_LAST_WORDS_S = 0.5
"""So long the output of a command that ended is still read: what it left in the background may hold the pipe open."""


class How(StrEnum):
    """How a command came to its end."""

    ENDED = "ended"
    NOT_STARTED = "not_started"
    TIMED_OUT = "timed_out"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class Finished:
    """A command after its end."""

    how: How
    exit_code: int | None
    """None where it was ended, or never began; negative for a signal."""
    output: bytes
    """The last of what it printed, standard output and error as they came."""
    problem: str = ""
    """Why it could not be started."""


def never() -> bool:
    """Say stop at no time."""
    return False


def run_command(
    argv: Sequence[str],
    environment: Mapping[str, str],
    *,
    timeout_s: float,
    output_max: int,
    is_stopped: Callable[[], bool] = never,
) -> Finished:
    """Run the command to its end; never raises for what the command does."""
    try:
        # Not a context manager: leaving one waits for the process for ever.
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd="/",
            start_new_session=True,
            close_fds=True,
        )
    except (OSError, ValueError) as error:
        return Finished(How.NOT_STARTED, None, b"", str(error))
    tail = _Tail(process, output_max)
    try:
        how = _wait(process, tail, time.monotonic() + timeout_s, is_stopped)
        if how is not How.ENDED:
            _end_group(process, tail)
        tail.read(_LAST_WORDS_S)
        return Finished(how, process.returncode if how is How.ENDED else None, tail.data)
    finally:
        tail.close()


def _wait(process: subprocess.Popen[bytes], tail: "_Tail", deadline: float, is_stopped: Callable[[], bool]) -> How:
    look_at = time.monotonic() + LOOK_S
    while process.poll() is None:
        now = time.monotonic()
        if now >= deadline:
            return How.TIMED_OUT
        if now >= look_at:
            if is_stopped():
                return How.ABORTED
            look_at = now + LOOK_S
        tail.wait(max(0.0, min(0.05, deadline - now)))
    return How.ENDED


def _end_group(process: subprocess.Popen[bytes], tail: "_Tail") -> None:
    """End the whole process group: asked first, then not asked."""
    _signal(process, signal.SIGTERM)
    until = time.monotonic() + GRACE_S
    while process.poll() is None and time.monotonic() < until:
        tail.wait(0.05)
    # Even where its leader has gone: what it started may not have heard.
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


class _Tail:
    """The last bytes of a process's output, read as they come."""

    def __init__(self, process: subprocess.Popen[bytes], size: int) -> None:
        assert process.stdout is not None  # noqa: S101 - it was opened with a pipe
        self._pipe = process.stdout
        self._size = size
        self.data = b""
        self._is_open = True
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._pipe, selectors.EVENT_READ)
        os.set_blocking(self._pipe.fileno(), False)

    def wait(self, timeout_s: float) -> None:
        """Read what comes within the time, or let it pass."""
        if not self._is_open:
            time.sleep(timeout_s)
        elif self._selector.select(timeout_s):
            self._take()

    def read(self, timeout_s: float) -> None:
        """Read to the end, or until the time has passed."""
        until = time.monotonic() + timeout_s
        while self._is_open and (left := until - time.monotonic()) > 0 and self._selector.select(left):
            self._take()

    def _take(self) -> None:
        chunk = self._pipe.read(65536)
        if chunk == b"":
            self._is_open = False
        elif chunk:
            self.data = (self.data + chunk)[-self._size :]

    def close(self) -> None:
        """Let go of the pipe."""
        self._selector.close()
        self._pipe.close()

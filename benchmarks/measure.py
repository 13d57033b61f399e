"""Run one command in a process of its own, and measure it: wall time, and the peak memory of all its processes."""

import os
import resource
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

POLL_S = 0.02


@dataclass(frozen=True)
class Measured:
    """One run of a command."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    """Of the command and its descendants together, polled; at least the command's own, exact if above this process's."""
    exit_code: int


def measure(
    command: Sequence[str], output: Path, environment: Mapping[str, str] | None = None, timeout_s: float | None = None
) -> Measured:
    """Run a command to its end with its output in a file; one that takes longer is killed and has exit code -9."""
    with output.open("wb") as out, output.with_suffix(".err").open("wb") as err:
        begun = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=environment)
        watch = _Watch(process.pid, begun + timeout_s if timeout_s else None)
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - begun
        watch.is_over = True
        watch.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    peak_bytes = max(watch.peak_bytes, _own_peak_bytes(usage))
    return Measured(wall_s, usage.ru_utime + usage.ru_stime, peak_bytes, process.returncode)


def _own_peak_bytes(usage: resource.struct_rusage) -> int:
    """Return the peak of a child; 0 where it may be this process's, which Linux counts as its until its program begins."""
    inherited = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage.ru_maxrss * 1024 if usage.ru_maxrss > inherited else 0


class _Watch(threading.Thread):
    """Polls the resident memory of a process and its descendants, and ends it when its time is up."""

    def __init__(self, pid: int, deadline: float | None) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.deadline = deadline
        self.peak_bytes = 0
        self.is_over = False

    def run(self) -> None:
        while not self.is_over:
            self.peak_bytes = max(self.peak_bytes, sum(map(_resident_bytes, _family(self.pid))))
            if self.deadline is not None and time.perf_counter() > self.deadline:
                for pid in _family(self.pid):
                    _kill(pid)
            time.sleep(POLL_S)


def _family(pid: int) -> list[int]:
    """Return a process and its descendants, as far as they live."""
    found = [pid]
    for member in found:
        try:
            for task in Path(f"/proc/{member}/task").iterdir():
                found.extend(map(int, (task / "children").read_text().split()))
        except OSError:
            continue
    return found


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _kill(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except OSError:
        return

"""One table over everything that is written: `python -m tests.crash.table [--step N] [WRITER]`.

Each writer is struck at each of its file-changing calls: killed before, behind and in the midst of it, refused with ENOSPC
and EIO once and for good, given a short write; then the next process writes again. Where a disk can be made, the power is
cut there as well. Of what was written whole, each byte has a bit flipped. Every case is a process of its own (a fork).
"""

import argparse
import ctypes
import errno
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.power import can_mount, copy_image, format_disk, mounted
from tests.crash.writers import WRITERS, ToldError, Writer, find_leftovers

SOURCE = Path(__file__).with_name("shim.c")
COUNT, KILL_BEFORE, KILL_AFTER, TORN, ERROR, SHORT = range(6)


@dataclass(frozen=True)
class Fault:
    """What happens at a call; the numbers are the shim's."""

    name: str
    mode: int
    error: int = 0
    is_lasting: bool = False
    kept: int = 0


FAULTS = (
    Fault("kill", KILL_BEFORE),
    Fault("kill", KILL_AFTER),
    Fault("kill in a write", TORN, kept=7),
    Fault("kill in a write", TORN, kept=300),
    Fault("ENOSPC", ERROR, errno.ENOSPC),
    Fault("ENOSPC", ERROR, errno.ENOSPC, is_lasting=True),
    Fault("EIO", ERROR, errno.EIO),
    Fault("EIO", ERROR, errno.EIO, is_lasting=True),
    Fault("short write", SHORT, kept=7),
)
POWER, FLIP = "power cut", "flip"
COLUMNS = (*dict.fromkeys(fault.name for fault in FAULTS), POWER, FLIP)
KINDS = ("lost", "doubled", "left over", "silently different", "stuck")


def in_child(work: Callable[[], Any]) -> tuple[int | None, Any]:
    """Do the work in a fork; return its exit code, None where it was killed, and what it returned."""
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        _work_and_end(work, write)
    os.close(write)
    with os.fdopen(read, "rb") as answers:
        data = answers.read()
    _, status = os.waitpid(process, 0)
    code = None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    return code, pickle.loads(data) if data else None


def _work_and_end(work: Callable[[], Any], write: int) -> None:
    code = 1
    try:
        os.write(write, pickle.dumps(work()))
        code = 0
    except Exception:  # noqa: BLE001 - whatever it is, it is the result
        os.write(write, pickle.dumps(traceback.format_exc(limit=-3)))
    finally:
        os._exit(code)


def arm(folder: Path, mode: int, number: int = 0, fault: Fault | None = None) -> None:
    """Let the shim strike in this process from here on."""
    error, lasting, kept = (fault.error, fault.is_lasting, fault.kept) if fault else (0, False, 0)
    ctypes.CDLL(None).shim_arm(os.fsencode(folder), mode, number, error, int(lasting), kept)


class Bench:
    """One writer in a folder, put back as it was before each fault."""

    def __init__(self, writer: Writer, folder: Path) -> None:
        """Prepare it: what was there before, and what is there after a write that nothing struck."""
        self.writer, self.lab, self.kept = writer, folder / "lab", folder / "kept"
        self.lab.mkdir(mode=0o700)
        self._do(lambda: self._write(1))
        self.old = self._value()
        shutil.copytree(self.lab, self.kept)
        self.count = self._do(self._counted)
        self.new = self._value()
        self._do(lambda: self._write(2))
        self.again = self._value()

    def _write(self, number: int) -> None:
        self.writer.write(self.lab, number)

    def _do(self, work: Callable[[], Any]) -> Any:
        code, found = in_child(work)
        if code != 0:
            raise AssertionError(f"{self.writer.name}: {found}")
        return found

    def _counted(self) -> int:
        arm(self.lab, COUNT)
        self.writer.write(self.lab, 2)
        return int(ctypes.CDLL(None).shim_count())

    def _value(self) -> Any:
        return self._do(lambda: self.writer.read(self.lab))

    def reset(self) -> None:
        """Put everything back."""
        shutil.rmtree(self.lab)
        shutil.copytree(self.kept, self.lab)

    def strike(self, fault: Fault, number: int) -> list[str]:
        """Strike at a call, and return the kinds of what does not hold."""
        self.reset()
        code, _ = in_child(lambda: self._struck(fault, number))
        return self.look(is_said=code == 0)

    def _struck(self, fault: Fault, number: int) -> None:
        arm(self.lab, fault.mode, number, fault)
        self.writer.write(self.lab, 2)

    def look(self, *, is_said: bool) -> list[str]:
        """Return what does not hold of what is there, and after the next process wrote again."""
        problems = self._look_at_once(is_said=is_said)
        code, said = in_child(lambda: self._write(2))
        if code != 0:
            return [*problems, f"stuck: {said}"]
        code, found = in_child(lambda: (self.writer.read(self.lab), self.writer.check(self.lab)))
        if code != 0:
            return [*problems, f"lost: {found}"]
        value, violations = found
        if value not in (self.new, self.again):
            problems.append(f"{_compare(value, self.new)}: {value!r:.300}")
        return [*problems, *(f"lost: {each}" for each in violations), *self._leftovers()]

    def _look_at_once(self, *, is_said: bool) -> list[str]:
        code, value = in_child(lambda: self.writer.read(self.lab))
        if code != 0:
            # The events' log and checkpoint agree again after the next run, and what is torn is told until then.
            return [f"lost: {value}"] if is_said else []
        allowed = [self.new] if is_said and not self.writer.none_is_old else [self.old, self.new]
        if value in allowed or (value is None and self.writer.none_is_old):
            return []
        return [] if self._is_between(value, is_said) else [f"{_compare(value, self.new)}: at once {value!r:.300}"]

    def _is_between(self, value: Any, is_said: bool) -> bool:
        """A list that grew by a part of what was to be appended, in its order."""
        is_list = isinstance(value, list) and isinstance(self.new, list)
        return is_list and not is_said and value == self.new[: len(value)] and len(value) >= len(self.old)

    def _leftovers(self) -> list[str]:
        return [f"left over: {name}" for name in find_leftovers(self.lab)]

    def flip(self, step: int) -> Iterator[list[str]]:
        """Flip a bit of each so-manieth byte of each file that was written, and read."""
        self.reset()
        in_child(lambda: self._write(2))
        whole = {path: path.read_bytes() for path in self.lab.rglob("*") if path.is_file() and path.stat().st_size}
        for path, data in whole.items():
            for at in range(0, len(data), max(1, len(data) // step)):
                damaged = bytearray(data)
                damaged[at] ^= 1 << (at % 8)
                path.write_bytes(bytes(damaged))
                code, value = in_child(lambda: self.writer.read(self.lab))
                is_right = code != 0 or value == self.new or (value is None and self.writer.none_is_old)
                is_told = code == 0 or ToldError.__name__ in str(value)
                name = path.relative_to(self.lab)
                if not is_told:
                    yield [f"stuck: byte {at} of {name}: {value}"]
                else:
                    yield [] if is_right else [f"silently different: byte {at} of {name}: {value!r:.300}"]
            path.write_bytes(data)

    def cut(self, number: int) -> list[str]:
        """Cut the power at a call, and let the next process see the disk."""
        with tempfile.TemporaryDirectory(prefix="cut-") as name:
            image, _ = format_disk(Path(name))
            shutil.rmtree(self.lab)
            self.lab.mkdir(mode=0o700)
            with mounted(image, self.lab):
                shutil.copytree(self.kept, self.lab, dirs_exist_ok=True)
            with mounted(image, self.lab):
                code, _ = in_child(lambda: self._struck(FAULTS[0], number))
                copy_image(image, Path(name) / "after")
            with mounted(Path(name) / "after", self.lab):
                shutil.rmtree(self.lab / "lost+found", ignore_errors=True)
                return self.look(is_said=code == 0)


def _compare(value: Any, new: Any) -> str:
    if isinstance(value, list) and isinstance(new, list):
        return "doubled" if len(value) > len(new) else "lost"
    return "silently different"


def sweep(writer: Writer, step: int, *, with_power: bool, flips: int) -> Iterator[tuple[str, str, list[str]]]:
    """Yield for each case of a writer its column, what it was, and what does not hold."""
    with tempfile.TemporaryDirectory(prefix="table-") as name:
        bench = Bench(writer, Path(name))
        for fault in FAULTS:
            for number in range(1, bench.count + 1, step):
                yield fault.name, f"{fault} at {number}", bench.strike(fault, number)
        for number in range(1, bench.count + 2, step) if with_power else ():
            yield POWER, f"power cut at {number}", bench.cut(number)
        for problems in bench.flip(flips) if writer.is_checked else ():
            yield FLIP, "flip", problems


def is_ready() -> bool:
    """Return whether the shim is loaded into this process."""
    return hasattr(ctypes.CDLL(None), "shim_arm")


def start_with_shim(arguments: list[str]) -> int:
    """Compile the shim, and start this program anew with it."""
    with tempfile.TemporaryDirectory(prefix="shim-") as name:
        shim = Path(name) / "shim.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(shim), str(SOURCE), "-ldl"], check=True)
        environment = {**os.environ, "LD_PRELOAD": str(shim)}
        command = [sys.executable, "-m", "tests.crash.table", *arguments]
        return subprocess.run(command, env=environment, check=False).returncode


def main() -> int:
    """Sweep, print the table, and return 1 where anything was lost, doubled, left over or silently different."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--step", type=int, default=1, help="strike at each so-manieth call")
    parser.add_argument(
        "--flips", type=int, default=400, help="flipped bytes in each file, at most about twice so many"
    )
    parser.add_argument("writers", nargs="*", help="names, or parts of them; all by default")
    given = parser.parse_args()
    if shutil.which("cc") is None:
        print("there is no C compiler (cc), which the faults are made with", file=sys.stderr)
        return 1
    if not is_ready():
        return start_with_shim(sys.argv[1:])
    chosen = [row for row in WRITERS if not given.writers or any(part in row.name for part in given.writers)]
    return show(chosen, given.step, given.flips)


def show(writers: list[Writer], step: int, flips: int) -> int:
    """Print a line for each writer, and what did not hold."""
    begun = time.perf_counter()
    with_power = can_mount()
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    kinds: Counter[str] = Counter()
    print(f"| writer | {' | '.join(COLUMNS)} | {' | '.join(KINDS)} |")
    print(f"|---{'|---' * (len(COLUMNS) + len(KINDS))}|")
    for writer in writers:
        found: Counter[str] = Counter()
        for column, case, problems in sweep(writer, step, with_power=with_power, flips=flips):
            counts[writer.name][column] += 1
            for problem in problems:
                found[problem.partition(":")[0]] += 1
                print(f"{writer.name}: {case}: {problem}", file=sys.stderr)
        kinds += found
        cells = [str(counts[writer.name][column] or "-") for column in COLUMNS]
        print(f"| {writer.name} | {' | '.join(cells)} | {' | '.join(str(found[kind]) for kind in KINDS)} |", flush=True)
    total = sum((sum(row.values()) for row in counts.values()), 0)
    print(f"{total} cases in {time.perf_counter() - begun:.0f} s, {kinds.total()} failed")
    return 1 if kinds else 0


if __name__ == "__main__":
    sys.exit(main())

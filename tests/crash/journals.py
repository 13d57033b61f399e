"""Interrupt an append to a journal at each of its file-changing calls, let others append, and see what holds.

`python -m tests.crash.journals`: the whole sweep, and the power cuts where a disk can be made.
"""

import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from flows.ledger.actions.journals import read_journals
from flows.ledger.actions.places import ActionPlace
from schemas.ledger_words import Role
from tests.crash.journal_driver import append
from tests.crash.power import COMMIT_S, END, can_mount, copy_image, format_disk, mounted
from tests.crash.sweep import CALLS, FAULTS, MISSED, Point, find_injected, has_strace, inject

NEW = ("new-1", "new-2 " + "x" * 6000, "new-3")
"""More than a page, so that a part of the write can be lost."""
AFTER = ((Role.OPERATOR, "after-1"), (Role.DECIDER, "after-2"), (Role.EXECUTOR, "after-3"))


@dataclass(frozen=True)
class Ledger:
    """What an append finds."""

    name: str
    before: tuple[tuple[Role, str], ...] = ()
    torn: bytes = b""
    """What an earlier kill left in the decider's journal."""


LEDGERS = (
    Ledger("no ledger"),
    Ledger(
        "a ledger of three roles",
        ((Role.DECIDER, "a"), (Role.OPERATOR, "b"), (Role.EXECUTOR, "c"), (Role.DECIDER, "d")),
    ),
    Ledger("a torn line", ((Role.DECIDER, "a"), (Role.OPERATOR, "b")), b'{"at":"2026-05-01T12:0'),
    Ledger("a hole of a power cut", ((Role.DECIDER, "a"), (Role.OPERATOR, "b")), b"\0" * 300 + b'","v":1}\n{"a'),
)


def build(ledger: Ledger, folder: Path) -> None:
    """Make the ledger in an empty folder."""
    for role, reason in ledger.before:
        append(folder, role, [reason])
    if ledger.torn:
        path = next((folder / "journal").glob("decider-*.jsonl"))
        path.write_bytes(path.read_bytes() + ledger.torn)


def spawn(folder: Path, trace: Path, options: list[str]) -> int:
    """Append the new records in a process of its own, under strace; return its exit code."""
    command = ["strace", "-y", "-s", "4096", "-o", str(trace), "-e", f"trace={CALLS}", *options]
    command += [sys.executable, "-m", "tests.crash.journal_driver", str(folder), "decider", *NEW]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode


def find_points(ledger: Ledger) -> list[Point]:
    """Return the file-changing calls of an append, in their order."""
    with tempfile.TemporaryDirectory(prefix="journal-") as name:
        folder, trace = Path(name) / "actions", Path(name) / "trace"
        build(ledger, folder)
        spawn(folder, trace, [])
        counts: dict[str, int] = {}
        points = []
        for call, arguments in re.findall(r"^(\w+)\((.*)$", trace.read_text(), re.MULTILINE):
            counts[call] = counts.get(call, 0) + 1
            if str(folder) in arguments and not (
                call == "openat" and not re.search(r"O_WRONLY|O_RDWR|O_CREAT", arguments)
            ):
                points.append(Point(call, counts[call]))
        return points


def check_point(ledger: Ledger, point: Point, fault: str) -> list[str]:
    """Interrupt one append, make others, and return what does not hold."""
    with tempfile.TemporaryDirectory(prefix="journal-") as name:
        folder, trace = Path(name) / "actions", Path(name) / "trace"
        build(ledger, folder)
        code = spawn(folder, trace, inject(point, fault))
        if str(folder) not in find_injected(trace):
            return MISSED
        problems = [] if code in {0, -9, 1} else [f"exit code {code}"]
        return problems + look(ledger, folder, is_said=code == 0)


def look(ledger: Ledger, folder: Path, *, is_said: bool) -> list[str]:
    """Let every role append once more, and return what does not hold of the ledger then."""
    problems = [f"before the next append: {problem}" for problem in read_journals(ActionPlace(folder)).problems]
    for role, reason in AFTER:
        append(folder, role, [reason])
    journals = read_journals(ActionPlace(folder))
    problems += journals.problems
    reasons = [str(line.record["reason"]) for line in journals.lines]
    known, after = [reason for _, reason in ledger.before], [reason for _, reason in AFTER]
    written = reasons[len(known) : len(reasons) - len(after)]
    if reasons != [*known, *written, *after]:
        problems.append(f"lost, doubled or out of order: {[reason[:10] for reason in reasons]}")
    if tuple(written) != NEW[: len(written)] or (is_said and len(written) != len(NEW)):
        problems.append(f"of the interrupted append there is {[reason[:10] for reason in written]}")
    return problems


def sweep() -> Iterator[tuple[Ledger, str, Point, list[str]]]:
    """Check every point of every ledger under every fault."""
    for ledger in LEDGERS:
        for point in find_points(ledger):
            for fault in FAULTS:
                yield ledger, fault, point, check_point(ledger, point, fault)


def cut(ledger: Ledger, point: Point, *, after_commit: bool = False, omitted: int | None = None) -> list[str]:
    """Cut the power at a point of an append, and return what does not hold of the disk then.

    `after_commit` waits for the file system's journal; `omitted` leaves one flush out.
    """
    with tempfile.TemporaryDirectory(prefix="journal-") as name:
        image, place = format_disk(Path(name))
        with mounted(image, place):
            build(ledger, place / "actions")
        with mounted(image, place):
            options = [] if point == END else inject(point, "signal=KILL")
            options += ["-e", f"inject=fsync:retval=0:when={omitted}"] if omitted else []
            code = spawn(place / "actions", Path(name) / "trace", options)
            if after_commit:
                time.sleep(1.5 * COMMIT_S)
            copy_image(image, Path(name) / "after")
        with mounted(Path(name) / "after", place):
            return look(ledger, place / "actions", is_said=code == 0)


def sweep_power() -> Iterator[tuple[Ledger, str, Point, list[str]]]:
    """Cut the power at every point of every ledger, at once and after a commit of the file system's journal."""
    for ledger in LEDGERS if can_mount() else ():
        for point in [*find_points(ledger), END]:
            yield ledger, "power cut", point, cut(ledger, point)
            yield ledger, "power cut after a commit", point, cut(ledger, point, after_commit=True)


def main() -> int:
    """Sweep; print one line for each kind of fault; return 1 where anything was lost, doubled or torn."""
    if not has_strace():
        print("strace is missing, or may not trace here (it needs CAP_SYS_PTRACE)", file=sys.stderr)
        return 1
    points: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for ledger, fault, point, problems in chain(sweep(), sweep_power()):
        points[fault] += 1
        failed[fault] += bool(problems)
        for problem in problems:
            print(f"{ledger.name}: {fault} at {point.call} {point.number}: {problem}", file=sys.stderr)
    for fault, count in points.items():
        print(f"{fault:26} {count:5} points in {len(LEDGERS)} ledgers, {failed[fault]} failed")
    return 1 if failed.total() else 0


if __name__ == "__main__":
    sys.exit(main())

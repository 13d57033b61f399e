"""Interrupt a real process at each of its file-changing system calls in turn, run it again, and see what holds."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.crash.driver import run
from tests.crash.invariants import find_violations

FAULTS = ("signal=KILL", "error=ENOSPC", "error=EIO", "error=ENOSPC from here on", "error=EIO from here on")
CALLS = "openat,write,pwrite64,fsync,rename,unlink,link,ftruncate,truncate,mkdir,flock"
FOREIGN = [
    json.dumps({"id": number, "message": "checked", "details": {"source": "runtime-supervisor"}}).encode()
    for number in range(3)
]
MISSED = ["the fault did not strike a call of ours"]


@dataclass(frozen=True)
class Scene:
    """What a run finds: the runs before it, the log's content, and its own input."""

    name: str
    before: tuple[tuple[str, ...], ...]
    services: tuple[str, ...]
    foreign: tuple[bytes, ...] = ()
    is_torn: bool = False
    """Another writer's last line has no end."""


SCENES = (
    Scene("first run, no log", (), ("web", "db")),
    Scene("shared log", (), ("web", "db"), tuple(FOREIGN)),
    Scene("a foreign line without its end", (("web",),), ("db",), tuple(FOREIGN), is_torn=True),
    Scene("opened, changed and resolved", (("web", "db"),), ("web!", "mqtt"), tuple(FOREIGN)),
    Scene("no change", (("web",),), ("web",), tuple(FOREIGN)),
)


@dataclass(frozen=True)
class Point:
    """The k-th call of one system call in a run."""

    call: str
    number: int


def build(scene: Scene, folder: Path) -> list[bytes]:
    """Make the scene in an empty folder; return the lines of other writers."""
    folder.mkdir(parents=True)
    log = folder / "agent-events.log"
    if scene.foreign:
        log.write_bytes(b"".join(line + b"\n" for line in scene.foreign))
    for number, services in enumerate(scene.before):
        run(folder, number, list(services))
    torn = b'{"id": 99, "message": "cut o' if scene.is_torn else b""
    if torn:
        with log.open("ab") as file:
            file.write(torn)
    return [*scene.foreign, *([torn] if torn else [])]


def find_points(scene: Scene) -> list[Point]:
    """Return the file-changing calls of a run in the scene, in their order."""
    with tempfile.TemporaryDirectory(prefix="crash-") as name:
        folder = Path(name) / "lab"
        build(scene, folder)
        trace = Path(name) / "trace"
        spawn(folder, scene.services, trace, [])
        counts: dict[str, int] = {}
        points = []
        for call, arguments in re.findall(r"^(\w+)\((.*)$", trace.read_text(), re.MULTILINE):
            counts[call] = counts.get(call, 0) + 1
            if str(folder) in arguments and not (call == "openat" and not re.search(r"O_WRONLY|O_RDWR", arguments)):
                points.append(Point(call, counts[call]))
        return points


def check_point(scene: Scene, point: Point, fault: str, then: tuple[str, ...] | None = None) -> list[str]:
    """Interrupt one run, make another (on another input, where one is given), and return what does not hold."""
    with tempfile.TemporaryDirectory(prefix="crash-") as name:
        folder = Path(name) / "lab"
        foreign = build(scene, folder)
        trace = Path(name) / "trace"
        code = spawn(folder, scene.services, trace, inject(point, fault))
        if str(folder) not in find_injected(trace):
            return MISSED
        problems = [] if code in (0, -9, 5) else [f"exit code {code}"]
        foreign += glue_foreign(folder)
        last = list(then or scene.services)
        run(folder, 20, last)
        problems += find_violations(folder, last, foreign)
        if run(folder, 30, last) != 0:
            problems.append("a further run wrote events")
        return problems


def inject(point: Point, fault: str) -> list[str]:
    """Return the options that let strace strike at a point."""
    kind, _, rest = fault.partition(" ")
    return ["-e", f"inject={point.call}:{kind}:when={point.number}{'+' if rest else ''}"]


def glue_foreign(folder: Path) -> list[bytes]:
    """Let another writer append its line behind whatever the interrupted run left."""
    log = folder / "agent-events.log"
    if not log.exists():
        return []
    line = b'{"id": 100, "message": "after the crash"}'
    is_ended = log.read_bytes()[-1:] in (b"", b"\n")
    with log.open("ab") as file:
        file.write((b"" if is_ended else b"\n") + line + b"\n")
    return [line]


def find_injected(trace: Path) -> str:
    """Return the calls that were struck, as strace wrote them down."""
    lines = trace.read_text().splitlines()
    struck = [line for line in lines if "INJECTED" in line][:1]
    killed = [before for before, line in pairwise(lines) if "killed by SIGKILL" in line]
    return "\n".join(struck or killed)


def spawn(folder: Path, services: tuple[str, ...], trace: Path, options: list[str]) -> int:
    """Make a run in a process of its own, under strace; return its exit code."""
    command = ["strace", "-y", "-s", "4096", "-o", str(trace), "-e", f"trace={CALLS}", *options]
    command += [sys.executable, "-m", "tests.crash.driver", str(folder), "10", *services]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    return done.returncode


def sweep(scenes: tuple[Scene, ...], faults: tuple[str, ...]) -> Iterator[tuple[Scene, str, Point, list[str]]]:
    """Check every point of every scene under every fault."""
    for scene in scenes:
        points = find_points(scene)
        for fault in faults:
            for point in points:
                yield scene, fault, point, check_point(scene, point, fault)


def has_strace() -> bool:
    """Tell whether strace is there and may trace."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False).returncode == 0

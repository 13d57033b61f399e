"""Cut the power at each of a run's file-changing system calls, and see what the next run makes of the disk.

`python -m tests.crash.power`. The disk is an ext4 in a file, behind a loop device. A run on it is killed, and the file is
copied as it is then: what only the kernel's memory holds, because nobody flushed it, is not in the copy. The next
run gets the copy. Needs root, loop devices, mkfs.ext4 and strace.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.crash.driver import run
from tests.crash.invariants import find_violations
from tests.crash.sweep import (
    MISSED,
    SCENES,
    Point,
    Scene,
    build,
    find_injected,
    find_points,
    glue_foreign,
    has_strace,
    inject,
    spawn,
)

SIZE = 24 * 1024 * 1024
COMMIT_S = 1
LOG = "agent-events.log"
END = Point("end", 0)
"""The run comes to its end, and the power goes then."""
MOMENTS = ("at once", "after a commit of the journal", "after the next run")
"""When the power goes: ext4 writes names and sizes with its journal, and contents later than that."""


@dataclass(frozen=True)
class Disk:
    """A disk as a scene leaves it, all of it flushed; each cut works on a copy."""

    scene: Scene
    image: Path
    place: Path
    """Where it is mounted, always the same: the checkpoint names its files by whole paths."""
    foreign: tuple[bytes, ...]

    @property
    def lab(self) -> Path:
        """The supervisor's folder on it, while it is mounted."""
        return self.place / "lab"


@contextmanager
def make_disk(scene: Scene) -> Iterator[Disk]:
    """Give a disk with a scene on it."""
    with tempfile.TemporaryDirectory(prefix="power-") as name:
        image, place = format_disk(Path(name))
        with mounted(image, place):
            foreign = build(scene, place / "lab")
        yield Disk(scene, image, place, tuple(foreign))


def format_disk(folder: Path) -> tuple[Path, Path]:
    """Return an empty disk's image, and the place where to mount it, both made in a folder."""
    image, place = folder / "disk", folder / "mount"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(SIZE)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True, capture_output=True)
    return image, place


@contextmanager
def mounted(image: Path, place: Path) -> Iterator[None]:
    """Mount an image, whose journal is committed every second."""
    subprocess.run(["mount", "-o", f"loop,commit={COMMIT_S}", str(image), str(place)], check=True, capture_output=True)
    try:
        yield
    finally:
        # Lazily: a check that failed can still hold a file open, and must not leave a disk behind.
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def check_cut(disk: Disk, point: Point, moment: str, omitted: int | None = None) -> list[str]:
    """Cut the power at a point of a run, let the next one see the disk, and return what does not hold.

    `omitted` is the number of a flush that is left out, as if the code had forgotten it.
    """
    with tempfile.TemporaryDirectory(prefix="power-") as name:
        before, after, trace = (Path(name) / part for part in ("before", "after", "trace"))
        copy_image(disk.image, before)
        with mounted(before, disk.place):
            problems = _interrupt(disk, point, trace, omitted)
            if moment == MOMENTS[1]:
                time.sleep(1.5 * COMMIT_S)
            elif moment == MOMENTS[2]:
                run(disk.lab, 20, list(disk.scene.services))
            copy_image(before, after)
        with mounted(after, disk.place):
            return problems or _look(disk)


def copy_image(image: Path, target: Path) -> None:
    """Copy an image without flushing anything into it; its holes stay holes."""
    subprocess.run(["cp", "--sparse=always", str(image), str(target)], check=True)


def _interrupt(disk: Disk, point: Point, trace: Path, omitted: int | None) -> list[str]:
    options = [] if point == END else inject(point, "signal=KILL")
    options += ["-e", f"inject=fsync:retval=0:when={omitted}"] if omitted else []
    code = spawn(disk.lab, disk.scene.services, trace, options)
    if point == END:
        return [] if code == 0 else [f"exit code {code}"]
    return [] if str(disk.lab) in find_injected(trace) else MISSED


def _look(disk: Disk) -> list[str]:
    foreign = [*disk.foreign, *glue_foreign(disk.lab)]
    services = list(disk.scene.services)
    run(disk.lab, 30, services)
    problems = find_violations(disk.lab, services, foreign)
    if run(disk.lab, 40, services) != 0:
        problems.append("a further run wrote events")
    return problems


def find_flushes(disk: Disk) -> dict[int, str]:
    """Return the flushes of a run: the number of each, and what it is of."""
    with tempfile.TemporaryDirectory(prefix="power-") as name:
        image, trace = Path(name) / "image", Path(name) / "trace"
        copy_image(disk.image, image)
        with mounted(image, disk.place):
            spawn(disk.lab, disk.scene.services, trace, [])
        calls = [line for line in trace.read_text().splitlines() if line.startswith("fsync(")]
        named = ((number, line.partition("<")[2].partition(">")[0]) for number, line in enumerate(calls, 1))
        return {number: _shown(Path(path), disk) for number, path in named if path.startswith(str(disk.place))}


def _shown(path: Path, disk: Disk) -> str:
    name = str(path.relative_to(disk.lab))
    return "a temporary file" if name.endswith("tmp") else "the folder" if name == "." else name


def sweep_power(scenes: tuple[Scene, ...]) -> Iterator[tuple[Scene, str, Point, list[str]]]:
    """Cut the power at every point of every scene, at each moment."""
    for scene in scenes:
        points = [*find_points(scene), END]
        with make_disk(scene) as disk:
            for moment in MOMENTS:
                for point in points:
                    yield scene, moment, point, check_cut(disk, point, moment)


def sweep_omissions(scenes: tuple[Scene, ...]) -> Iterator[tuple[Scene, str, list[str]]]:
    """Leave out each flush of a run that comes to its end, cut the power, and return what it is of and what was seen."""
    for scene in scenes:
        with make_disk(scene) as disk:
            for number, of in find_flushes(disk).items():
                yield scene, of, check_cut(disk, END, MOMENTS[0], number)


def can_mount() -> bool:
    """Tell whether a file can be mounted as a disk here."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        return False
    with tempfile.TemporaryDirectory(prefix="power-") as name:
        try:
            image, place = format_disk(Path(name))
            with mounted(image, place):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False


def main() -> int:
    """Cut the power everywhere, and then with each flush left out; return 1 where anything was lost, doubled or torn."""
    if not (has_strace() and can_mount()):
        print("no power cuts here: they need root, loop devices, mkfs.ext4 and strace", file=sys.stderr)
        return 1
    begun = time.perf_counter()
    failed = _report_cuts()
    unseen = _report_omissions()
    print(f"{time.perf_counter() - begun:.0f} s")
    return 1 if failed or unseen else 0


def _report_cuts() -> int:
    points: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for scene, moment, point, problems in sweep_power(SCENES):
        points[moment] += 1
        failed[moment] += bool(problems)
        for problem in problems:
            print(f"{scene.name}: power cut {moment}, {point.call} {point.number}: {problem}", file=sys.stderr)
    for moment in MOMENTS:
        print(f"power cut {moment:29} {points[moment]:5} points in {len(SCENES)} scenes, {failed[moment]} failed")
    return failed.total()


def _report_omissions() -> bool:
    """Print which flushes the cuts would miss; return whether that of the log is among those that they would not."""
    made: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for _, of, problems in sweep_omissions(SCENES):
        made[of] += 1
        seen[of] += bool(problems)
    for of in sorted(made):
        print(f"without the flush of {of:24} seen in {seen[of]} of {made[of]}")
    return seen[LOG] < made[LOG]


if __name__ == "__main__":
    sys.exit(main())

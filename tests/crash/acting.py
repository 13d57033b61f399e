"""Kill deciding, acting and saying at each of their file-changing calls, go on, and count what was done.

`python -m tests.crash.acting`: the whole sweep. A fake script counts its effects.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flows.ledger.actions.journals import read_journals
from flows.ledger.actions.places import ActionPlace
from flows.ledger.event_line import SOURCE
from tests.crash.sweep import CALLS, MISSED, Point, find_injected, has_strace, inject
from tests.helpers.acting_home import START, Home
from tests.helpers.program import SUPERVISOR

FAULTS = ("signal=KILL", "error=ENOSPC", "error=EIO")
GOING_ON = {"reconcile": "-q", "act": "--once"}
"""What happens again and again, with the option that it has then."""


@dataclass(frozen=True)
class Scene:
    """A command that is struck, in a home where it has something to do."""

    name: str
    command: tuple[str, ...]
    """`INTENT` in it stands for the intent that the home asks about."""
    prepare: Callable[[Home], None]
    leaves: str
    """The kind of the record that is there in the end, where the command ended well or goes on anyway."""


def _ask_to_restart(home: Home) -> None:
    home.run("act", "--once")
    home.fall_sick("piha/web")
    for _ in range(3):
        home.run("reconcile", "-q")
        home.pass_time(seconds=30)


def _ask_for_a_yes(home: Home) -> None:
    home.write("policy.yaml", "rules: [{id: ask, match: {}, mode: approve}]\n")
    _ask_to_restart(home)


def _restart_while_another_dies(home: Home) -> None:
    _ask_to_restart(home)
    home.run("act", "--once")
    home.pass_time(seconds=60)
    home.run("reconcile", "-q")
    home.fall_sick("vps/dns")
    home.pass_time(seconds=60)


def _die_between_start_and_end(home: Home) -> None:
    """Leave what an executor leaves that was killed right behind the effect."""
    _ask_to_restart(home)
    home.run("act", "--once")
    [journal] = (home.actions / "journal").glob("executor-*.jsonl")
    lines = journal.read_bytes().splitlines(keepends=True)
    assert json.loads(lines[-1])["kind"] == "ended"
    journal.write_bytes(b"".join(lines[:-1]))
    home.pass_time(seconds=60)


SCENES = (
    Scene("the executor starts something", ("act", "--once"), _ask_to_restart, "started"),
    Scene("a run proposes, verifies and tells", ("reconcile", "-q"), _restart_while_another_dies, "verified"),
    Scene("an operator holds", ("hold", "piha/db", "--until", "2h", "--reason", "x"), _ask_to_restart, "hold"),
    Scene("an operator approves", ("approve", "INTENT", "--intent", "INTENT"), _ask_for_a_yes, "approved"),
    Scene("an executor finds what the last one left", ("act", "--once"), _die_between_start_and_end, "lost"),
)


class Stage:
    """One home, built once, and put back as it was before each fault."""

    def __init__(self, folder: Path, scene: Scene) -> None:
        """Build it: something is sick, and may be started."""
        self.scene = scene
        self.home = Home(folder / "home")
        self.home.configure(start_grace="0s")
        scene.prepare(self.home)
        asked = self.home.run("actions", "list", "--all", "--json").json["actions"]
        self._command = [asked[-1]["intent_id"][:12] if word == "INTENT" else word for word in scene.command]
        self._kept = folder / "kept"
        shutil.copytree(self.home.folder, self._kept)
        self._now = self.home.now
        self._sick = set(self.home.sick)

    def reset(self) -> None:
        """Put everything back."""
        shutil.rmtree(self.home.folder)
        shutil.copytree(self._kept, self.home.folder)
        self.home.now = self._now
        self.home.sick = set(self._sick)

    def strike(self, trace: Path, options: list[str]) -> int:
        """Run the command under strace; return its exit code."""
        command = ["strace", "-y", "-s", "4096", "-o", str(trace), "-e", f"trace={CALLS}", *options]
        environment = {
            "PATH": "/usr/bin:/bin",
            "SUPERVISOR_CONFIG": str(self.home.folder / "supervisor.yaml"),
            "HOME": "/nonexistent",
            # So that the calls are the same, one by one, each time.
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        done = subprocess.run(
            [*command, *SUPERVISOR, *self._command],
            capture_output=True,
            timeout=120,
            check=False,
            env=environment,
            cwd=Path(__file__).parents[2],
        )
        return done.returncode

    def find_points(self, trace: Path) -> list[Point]:
        """Return the file-changing calls of the command, in their order."""
        self.reset()
        self.strike(trace, [])
        counts: Counter[str] = Counter()
        points = []
        for call, arguments in re.findall(r"^(\w+)\((.*)$", trace.read_text(), re.MULTILINE):
            counts[call] += 1
            is_ours = str(self.home.folder) in arguments and "/cache/" not in arguments
            if is_ours and not (call == "openat" and not re.search(r"O_WRONLY|O_RDWR|O_CREAT", arguments)):
                points.append(Point(call, counts[call]))
        return points

    def check(self, point: Point, fault: str, trace: Path) -> list[str]:
        """Strike at a point, go on as ever, and return what does not hold."""
        self.reset()
        code = self.strike(trace, inject(point, fault))
        if str(self.home.folder) not in find_injected(trace):
            return MISSED
        for _ in range(6):
            for command, option in GOING_ON.items():
                said = self.home.run(command, option)
                if said.code not in {0, 2}:
                    return [f"{command} ends with {said.code}: {said.err[:300]}"]
            self.home.pass_time(seconds=60)
        is_done = code == 0 or self.scene.command[0] in GOING_ON
        is_lost = is_done and not self.home.records(self.scene.leaves)
        return [*([f"there is no {self.scene.leaves}"] if is_lost else []), *find_violations(self.home)]


def find_violations(home: Home) -> list[str]:
    """Return what does not hold of a home after it went on."""
    journals = read_journals(ActionPlace(home.actions))
    problems = [*journals.problems]
    starts = Counter(line.record["intent_id"] for line in journals.lines if line.record["kind"] == "started")
    effects = Counter(call.split()[4] for call in home.calls())
    problems += [f"intent {intent[:12]} was started {count} times" for intent, count in starts.items() if count > 1]
    problems += [f"intent {intent[:12]} had {count} effects" for intent, count in effects.items() if count > 1]
    problems += [f"intent {intent[:12]} had an effect and no start" for intent in effects.keys() - starts.keys()]
    read = [json.loads(line) for line in (home.folder / "events.log").read_bytes().splitlines() if line.strip()]
    lines = [line for line in read if line.get("source") == SOURCE]
    told = Counter(line["payload"]["event_id"] for line in lines)
    problems += [f"event {name[:12]} was told {count} times" for name, count in told.items() if count > 1]
    problems += _find_untold(journals.lines, lines)
    if home.run("log", "verify").code != 0:
        problems.append("the chain of events breaks")
    if home.run("actions", "verify", "--json").json["illegal"]:
        problems.append("something was started without leave")
    return problems


def _find_untold(records: "tuple[object, ...]", lines: list[dict[str, object]]) -> list[str]:
    from schemas.canonical import hash_canonical

    told = {line["payload"]["event_id"] for line in lines}  # type: ignore[index]
    kinds = {"proposed", "approved", "started", "ended", "lost", "verified", "hold"}
    return [
        f"{line.record['kind']} {line.n} was never told"  # type: ignore[attr-defined]
        for line in records
        if line.record["kind"] in kinds and hash_canonical(["action-event/1", line.digest]) not in told  # type: ignore[attr-defined]
    ]


def sweep(
    scene: Scene, faults: tuple[str, ...] = FAULTS, step: int = 1, first: int = 0
) -> Iterator[tuple[str, Point, list[str]]]:
    """Check the points of a scene, or each so manieth, under every fault."""
    with tempfile.TemporaryDirectory(prefix="acting-") as name:
        stage, trace = Stage(Path(name), scene), Path(name) / "trace"
        points = stage.find_points(trace)[first::step]
        for fault in faults:
            for point in points:
                yield fault, point, stage.check(point, fault, trace)


def main() -> int:
    """Sweep; return 1 where anything was lost, doubled or done twice."""
    if not has_strace():
        print("strace is missing, or may not trace here (it needs CAP_SYS_PTRACE)", file=sys.stderr)
        return 1
    failed = 0
    for scene in SCENES:
        counts: Counter[str] = Counter()
        for fault, point, problems in sweep(scene):
            # Where an import or the cache made one call more than before, another call was struck.
            counts[fault if problems != MISSED else "missed"] += 1
            failed += bool(problems) and problems != MISSED
            for problem in problems:
                print(f"{scene.name}: {fault} at {point.call} {point.number}: {problem}", file=sys.stderr, flush=True)
        print(f"{scene.name}: {dict(counts)} points", flush=True)
    print(f"{failed} failed; from {START}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Every command at once, each killed at random, and a strict reader afterwards: `python -m tests.crash.everything [SECONDS]`.

A home whose supervisor acts (through a script that counts), another agent on the log, an observer beside it, time that goes
on, and services that fall sick. What ends by itself must end with a code of the manual; 70, a bug of ours, is a failure.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

from flows.files.own import sweep_folder
from flows.ledger.acknowledgements import read_acknowledgements
from flows.ledger.archive import open_archive
from flows.ledger.history import ask_history, find_damage, scan_history
from schemas.history import TABLES
from tests.crash.acting import find_violations
from tests.crash.writers import find_leftovers
from tests.helpers.acting_home import Home
from tests.helpers.program import SUPERVISOR

COMMANDS = (
    "reconcile -q",
    "reconcile --json",
    "reconcile --dry-run -q",
    "act --once",
    "act --once",
    "observe --once --config eyes.yaml",
    "status",
    "explain piha/web",
    "check",
    "report -o report.html",
    "history",
    "history compact",
    "archive list",
    "archive export worlds",
    "archive prune --older-than 10m",
    "metrics -o metrics.prom",
    "ack add piha/db --until 1h --reason x",
    "ack remove piha/db",
    "ack list",
    "log tail",
    "log verify",
    "log replay events.log",
    "notify test",
    "policy check",
    "policy explain piha/web",
    "policy replay",
    "replay",
    "what-if inv",
    "backfill state --inventory inv --state-dir past",
    "actions list",
    "actions verify",
    "actions sync",
    "actions stats",
    "hold piha/mqtt --until 5m --reason x",
    "release piha/mqtt",
    "halt --until 1m --reason x",
    "resume",
    "actions reset piha/web",
    "actions show redeploy-piha-web",
    "approve redeploy-piha-web --reason x",
    "reject redeploy-piha-web --reason x",
    "attest-down vps --reason x",
    "act restart piha/db --reason x",
    "act --watch",
    "deployment run --node piha --service web -- true",
    "web --port {port}",
    "watch",
    "serve --port {port}",
    "install-units --dry-run",
    "demo tried",
    "config",
    "doctor",
)
FOREVER = ("web", "watch", "serve", "act --watch")
SLOW = ("serve", "demo")
"""A server and a month take half a minute to be there; in a short crowd they are killed on their way."""
GOOD_CODES = frozenset({0, 1, 2, 3, 4, 5})
LONGEST_S = 120.0
AT_ONCE = 4


class Crowd:
    """The home, and what came of every command."""

    def __init__(self, folder: Path, seconds: float, seed: int) -> None:
        """Make the home; nothing runs yet."""
        self.home = Home(folder)
        self.home.configure(start_grace="0s")
        settings = json.loads((folder / "supervisor.yaml").read_text())
        self.home.write(
            "supervisor.yaml",
            json.dumps({**settings, "keep_archive": True, "lock_timeout": "5s", "serve_interval": "5s"}),
        )
        self.home.write("eyes.yaml", json.dumps({**settings, "world": "eyes"}))
        self.home.run("act", "--once")
        self.seconds = seconds
        self.until = time.monotonic() + seconds
        self.seed = seed
        self.codes: Counter[str] = Counter()
        self.problems: list[str] = []
        self.foreign = 0

    def work(self, number: int) -> None:
        """Run commands by chance, one after the other."""
        chance = random.Random(f"{self.seed}-{number}")
        while time.monotonic() < self.until:
            self._run(chance.choice(COMMANDS).format(port=20_000 + chance.randrange(20_000)), chance)

    def _run(self, words: str, chance: random.Random) -> None:
        longest_s = self.seconds / 12 if words.startswith(SLOW) else 6
        is_endless = words.startswith(FOREVER)
        killed_after_s = chance.uniform(0.2, longest_s) if is_endless or chance.random() < 0.5 else None
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                [*SUPERVISOR, *words.split()],
                cwd=self.home.folder,
                env={"PATH": os.environ["PATH"], "HOME": str(self.home.folder), "SUPERVISOR_CONFIG": "supervisor.yaml"},
                stdout=subprocess.DEVNULL,
                stderr=said,
                stdin=subprocess.DEVNULL,
            )
            try:
                code = process.wait(killed_after_s or LONGEST_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                self._note(words, None if killed_after_s else -1, b"it did not end")
                return
            said.seek(0)
            self._note(words, code, said.read()[-600:])

    def _note(self, words: str, code: int | None, said: bytes) -> None:
        self.codes["killed" if code is None else str(code)] += 1
        if code is not None and code not in GOOD_CODES:
            self.problems.append(f"{words} ended with {code}: {said.decode(errors='replace')}")

    def write_as_agent(self) -> None:
        """Append whole lines to the log, as another agent does."""
        while time.monotonic() < self.until:
            with (self.home.folder / "events.log").open("ab", buffering=0) as log:
                log.write(
                    json.dumps({"id": self.foreign, "message": "x" * (self.foreign * 37 % 3000)}).encode() + b"\n"
                )
            self.foreign += 1
            time.sleep(0.05)

    def live(self) -> None:
        """Let time pass, services fall sick, and now and then the log be rotated."""
        chance = random.Random(self.seed)
        targets = [f"{node}/{service}" for node, services in self.home.nodes.items() for service in services]
        while time.monotonic() < self.until:
            self._pass(chance.choice([20.0, 60.0]))
            if chance.random() < 0.3:
                self.home.fall_sick(chance.choice(targets))
            time.sleep(chance.uniform(0.5, 2))

    def _pass(self, seconds: float) -> None:
        moment = datetime.fromtimestamp(self.home.now.timestamp() + seconds, self.home.now.tzinfo)
        clock = self.home.folder / "clock"
        new = clock.with_name("clock.new")
        new.write_text(f"{moment.isoformat().replace('+00:00', 'Z')}\n")
        new.replace(clock)
        self.home.now = moment
        self.home.look()


def crowd(seconds: float, seed: int = 0) -> tuple[dict[str, int], list[str]]:
    """Let all of them run; return how commands ended and what was written, and what does not hold afterwards."""
    with tempfile.TemporaryDirectory(prefix="everything-") as name:
        found = Crowd(Path(name), seconds, seed)
        threads = [threading.Thread(target=found.work, args=(number,)) for number in range(AT_ONCE)]
        threads += [threading.Thread(target=found.write_as_agent), threading.Thread(target=found.live)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(2)  # what a killed executor began goes on without it
        problems = [*found.problems, *_settle(found.home), *read_strictly(found.home, found.foreign)]
        log = (found.home.folder / "events.log").read_bytes().splitlines()
        written = {
            **{f"commands that ended with {code}": count for code, count in sorted(found.codes.items())},
            "events": sum(line.startswith(b'{"source"') for line in log),
            "foreign lines": found.foreign,
            "records of acting": len(found.home.records()),
            "effects": len(found.home.calls()),
        }
        return written, problems


def _settle(home: Home) -> list[str]:
    """Go on as ever for some rounds; return what a command that should now succeed says instead."""
    problems = []
    home.run("resume")
    for _ in range(6):
        for command in (("reconcile", "-q"), ("act", "--once")):
            said = home.run(*command)
            if said.code not in {0, 2}:
                problems.append(f"{command[0]} ends with {said.code}: {said.err[:300]}")
        home.pass_time(seconds=60)
    return problems


def read_strictly(home: Home, foreign: int) -> list[str]:
    """Return what does not hold of all that is there."""
    folder, state = home.folder, home.folder / "state"
    lines = [line for line in (folder / "events.log").read_bytes().split(b"\n") if line.strip()]
    read = [json.loads(line) for line in lines]
    ids = [line["id"] for line in read if "id" in line]
    problems = find_violations(home)
    if ids != list(range(foreign)):
        problems.append(f"of {foreign} foreign lines there are {len(ids)}, or they are out of order")
    problems += [f"history: {said}" for said in find_damage(state).values()]
    for table in TABLES:
        ask_history(lambda table=table: scan_history(state, table).collect(), state)  # type: ignore[misc]
    with open_archive(state) as archive:
        for entry in archive.list_entries():
            archive.read_contents(entry.snapshot)
    read_acknowledgements(state)
    sweep_folder(folder)
    problems += [f"left over: {left}" for left in find_leftovers(folder) if not left.startswith("eyes")]
    return problems


def main() -> int:
    """Let them all run; return 1 where anything does not hold."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60
    begun = time.monotonic()
    written, problems = crowd(seconds, seed=int(begun))
    print(*(f"{count} {name}" for name, count in written.items()), sep=", ")
    print(*problems or ["nothing lost, doubled, torn, damaged or left over; nothing done twice"], sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

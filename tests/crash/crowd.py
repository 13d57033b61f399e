"""Two supervisors and two other agents on one log at once: `python -m tests.crash.crowd [SECONDS]`."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from flows.errors import BusyError
from tests.crash.driver import run
from tests.crash.invariants import find_violations, log_lines
from tests.helpers.episodes import paths

WORLDS: tuple[list[str], ...] = (["web"], ["web!", "db"], [], ["mqtt"], ["db!"])


def supervise(folder: Path, seconds: float, number: int) -> None:
    """Run again and again, each time on another world."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        number += 1
        try:
            run(folder, number, WORLDS[number % len(WORLDS)], lock_timeout_s=30)
        except BusyError:
            continue


def write_as_agent(folder: Path, seconds: float, number: int) -> None:
    """Append whole lines, as the platform's other agents do."""
    until = time.monotonic() + seconds
    count = 0
    while time.monotonic() < until:
        count += 1
        with paths(folder).event_log.open("ab", buffering=0) as log:
            log.write(json.dumps({"id": f"{number}-{count}", "message": "x" * (count * 37 % 3000)}).encode() + b"\n")
        time.sleep(0.001)


def crowd(seconds: float) -> tuple[dict[str, int], list[str]]:
    """Let all four run; return what was written, and what does not hold afterwards."""
    with tempfile.TemporaryDirectory(prefix="crowd-") as name:
        folder = Path(name)
        roles = [("supervise", 0), ("supervise", 2), ("write_as_agent", 1), ("write_as_agent", 2)]
        command = [sys.executable, "-m", "tests.crash.crowd", str(folder), str(seconds)]
        processes = [subprocess.Popen([*command, role, str(number)]) for role, number in roles]
        codes = [process.wait() for process in processes]
        run(folder, 10**6, [])
        foreign = [line for line in log_lines(folder) if line.startswith(b'{"id"')]
        names = [json.loads(line)["id"] for line in foreign]
        problems = find_violations(folder, [], foreign)
        problems += [f"exit code {code}" for code in codes if code]
        for number in ("1", "2"):
            counts = [int(name.split("-")[1]) for name in names if name.startswith(f"{number}-")]
            if counts != list(range(1, len(counts) + 1)):
                problems.append(f"lines of agent {number} are lost, doubled or out of order")
        runs = len([*(folder / "state").glob("part-*.json")])
        return {"runs": runs, "events": len(log_lines(folder)) - len(foreign), "foreign lines": len(foreign)}, problems


def main() -> int:
    """Be one of the four, or start them all."""
    if len(sys.argv) > 3:
        role = {"supervise": supervise, "write_as_agent": write_as_agent}[sys.argv[3]]
        role(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[4]))
        return 0
    written, problems = crowd(float(sys.argv[1]) if len(sys.argv) > 1 else 60)
    print(*(f"{count} {name}" for name, count in written.items()), sep=", ")
    print(*problems or ["every line whole, each event once"], sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.lab.deaths --count 21`: how long it takes from a container's death to "recovered", by the defaults.

Several homes with a supervisor of their own (`watch --observe --act`) share three nodes, so that the limits that hold
in one home, six starts in an hour, let the deaths come fast enough. Each waits for the end of `start_grace` first.
"""

import argparse
import json
import signal
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.lab.home import LabHome
from tests.lab.lab import Lab
from tests.lab.node import until
from tests.lab.places import is_inside
from tests.lab.space import enter

GRACE_S = 620.0
"""`start_grace`, and a look."""
LIMIT_S = 900.0
NODES = ("node1", "node2", "node3")


def die(home: LabHome, node: str, service: str) -> dict[str, Any]:
    """Kill a container, wait until it is told that it recovered, and return when what happened, in seconds."""
    died = datetime.now(UTC)
    home.lab[node].api("POST", f"/containers/{home.container(service)}/kill")

    def find(kind: str) -> dict[str, Any] | None:
        return next((r for r in home.records() if r["kind"] == kind and _at(r) > died), None)

    until(lambda: find("verified"), LIMIT_S, f"{node}/{service} was not verified")
    seconds = {
        kind: (_at(record) - died).total_seconds()
        for kind in ("started", "ended", "verified")
        if (record := find(kind))
    }
    verified = find("verified") or {}
    return {"target": f"{node}/{service}", "died": died.isoformat(), "outcome": verified.get("outcome"), **seconds}


def _at(record: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(record["at"])


def measure(folder: Path, program: str, count: int) -> Iterator[dict[str, Any]]:
    """Let so many containers die, three in each home one after the other, and yield what became of each."""
    homes_count = -(-count // len(NODES))
    with Lab(len(NODES), has_ssh=True) as lab:
        homes = []
        for number in range(homes_count):
            fleet: dict[str, dict[str, tuple[str, ...]]] = {node: {f"web{number}": ()} for node in NODES}
            home = LabHome(lab, folder / f"home{number}", program, fleet)
            home.prepare()
            homes.append(
                (home, f"web{number}", home.start("watch", "--observe", "--act", "-q", out=home.folder / "screen.txt"))
            )
        time.sleep(GRACE_S)
        try:
            for node in NODES:
                yield from _die_everywhere([(home, service) for home, service, _ in homes], node)
        finally:
            for _, _, watch in homes:
                watch.send_signal(signal.SIGTERM)
            for _, _, watch in homes:
                watch.wait(60)


def _die_everywhere(homes: list[tuple[LabHome, str]], node: str) -> Iterator[dict[str, Any]]:
    """Let one die in each home, five seconds apart."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(homes)) as pool:
        waiting = []
        for home, service in homes:
            waiting.append(pool.submit(die, home, node, service))
            time.sleep(5)
        yield from (one.result() for one in waiting)


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=21)
    parser.add_argument("--folder", type=Path, default=Path("deaths"))
    parser.add_argument("--supervisor", default=str(Path(sys.executable).with_name("supervisor")))
    given = parser.parse_args()
    if not is_inside():
        return enter([sys.executable, "-m", "tests.lab.deaths", *sys.argv[1:]])
    folder = given.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for row in measure(folder, given.supervisor, given.count):
        found.append(row)
        print(json.dumps(row), flush=True)
    for kind in ("started", "ended", "verified"):
        seconds = [row[kind] for row in found]
        print(f"{kind}: median {statistics.median(seconds):.0f} s, worst {max(seconds):.0f} s, of {len(seconds)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

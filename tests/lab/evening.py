"""`python -m tests.lab.evening --minutes 120`: things break at random on three nodes, while one supervisor looks and acts.

What was done is written down as it happens: the troubles, what each container was every few seconds as its own engine
says, the ledger, the events and the screen. `--report FOLDER` tells what became of it, also while it still goes on.
"""

import argparse
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.lab.account import tell
from tests.lab.home import LabHome
from tests.lab.lab import Lab
from tests.lab.places import is_inside
from tests.lab.space import enter
from tests.lab.trouble import Trouble, choose

LOOK_S = 3.0
MOST_AT_ONCE = 1
"""So many nodes are broken at once."""
MOST_SICK = 3
"""And so many services: more than that at once is a fault of something bigger, which automation leaves alone."""
RULE = {"cooldown": "5m"}
NUMBERS = {"rate_node": "12/1h", "rate_fleet": "12/1h", "rate_target": "8/24h", "budget": "60/24h", "start_grace": "3m"}
"""Shorter than the defaults, so that two hours show more than one step of a ladder; all else is the default."""


def now() -> str:
    """Return the present moment."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Evening:
    """A generator of troubles, and what it wrote down."""

    home: LabHome
    folder: Path
    dice: random.Random
    gap_s: float
    done: list[str] = field(default_factory=list)
    busy: dict[str, float] = field(default_factory=dict)
    """Targets with a trouble of ours, and until when they are left alone."""
    ends: list[tuple[bool, float, Callable[[], None]]] = field(default_factory=list)
    """What we end, and when; whether it is of a whole node, of which there are not many at once."""

    def write(self, name: str, **row: object) -> None:
        """Write one line down."""
        with (self.folder / f"{name}.jsonl").open("a") as file:
            file.write(json.dumps({"at": now(), **row}) + "\n")

    def run(self, minutes: float) -> None:
        """Break things until the time is over, then end what still lasts, and look on for a while."""
        until, next_s = time.monotonic() + minutes * 60, time.monotonic() + 60
        while time.monotonic() < until:
            self._end_what_is_due()
            if time.monotonic() >= next_s and sum(row[0] for row in self.ends) < MOST_AT_ONCE:
                self._break_something()
                next_s = time.monotonic() + self.dice.expovariate(1 / self.gap_s)
            time.sleep(1)

    def _end_what_is_due(self) -> None:
        for due in [row for row in self.ends if row[1] <= time.monotonic()]:
            self.ends.remove(due)
            due[2]()

    def _break_something(self) -> None:
        trouble = choose(self.dice, self.done)
        well = {node: [name for name in names if self._is_well(node, name)] for node, names in self.home.fleet.items()}
        sick = sum(map(len, self.home.fleet.values())) - sum(map(len, well.values()))
        free = [node for node in well if well[node] and self.busy.get(node, 0) < time.monotonic()]
        if not free or sick >= MOST_SICK:
            return
        node = self.dice.choice(free)
        services = well[node]
        service = "all" if trouble.is_of_node else self.dice.choice(services)
        lasts_s = self.dice.uniform(*trouble.lasts_s)
        self.done.append(trouble.name)
        self._do("begins", trouble, trouble.begin, node, service)
        self.busy[f"{node}/{service}"] = time.monotonic() + lasts_s
        if trouble.is_of_node:
            self.busy[node] = time.monotonic() + lasts_s + 60
        end = trouble.end
        if end is not None:
            ends_s = time.monotonic() + lasts_s
            self.ends.append((trouble.is_of_node, ends_s, lambda: self._do("ends", trouble, end, node, service)))

    def _is_well(self, node: str, service: str) -> bool:
        with suppress(Exception):
            state = self.home.lab[node].state(self.home.container(service))
            is_busy = self.busy.get(f"{node}/{service}", 0) > time.monotonic()
            return state["Running"] and state["Health"]["Status"] == "healthy" and not is_busy
        return False

    def _do(self, what: str, trouble: Trouble, act: Callable[..., None], node: str, service: str) -> None:
        problem = None
        try:
            act(self.home, node, service)
        except Exception as error:  # noqa: BLE001 - the evening goes on, and says so
            problem = f"{type(error).__name__}: {error}"
        self.write("troubles", what=what, trouble=trouble.name, node=node, service=service, problem=problem)

    def look(self, stop: threading.Event) -> None:
        """Write down what each container is, as its own engine says past the network."""
        before: dict[str, Any] = {}
        while not stop.wait(LOOK_S):
            for node, services in self.home.fleet.items():
                for service in services:
                    found = self._truth(node, service)
                    if before.get(f"{node}/{service}") != found:
                        before[f"{node}/{service}"] = found
                        self.write("truth", target=f"{node}/{service}", **found)

    def _truth(self, node: str, service: str) -> dict[str, Any]:
        try:
            said = self.home.lab[node].api("GET", f"/containers/{self.home.container(service)}/json", timeout_s=2)
        except RuntimeError:
            return {"word": "absent"}
        except Exception:  # noqa: BLE001 - dead, hung, or without power
            return {"word": "unseen"}
        state = said["State"]
        health = (state.get("Health") or {}).get("Status")
        return {"word": health if state["Running"] and health else state["Status"], "started_at": state["StartedAt"],
                "id": said["Id"][:12]}  # fmt: skip


def spend(folder: Path, program: str, minutes: float, seed: int, gap_s: float) -> None:
    """Spend an evening, inside a lab."""
    with Lab(3, has_ssh=True) as lab:
        home = LabHome(lab, folder / "home", program)
        home.prepare(RULE, **NUMBERS)
        evening = Evening(home, folder, random.Random(seed), gap_s)
        evening.write("troubles", what="evening", minutes=minutes, seed=seed, gap_s=gap_s, rule=RULE, numbers=NUMBERS)
        watch = home.start("watch", "--observe", "--act", out=folder / "screen.txt")
        stop = threading.Event()
        looker = threading.Thread(target=evening.look, args=(stop,))
        looker.start()
        try:
            evening.run(minutes)
        finally:
            watch.send_signal(signal.SIGTERM)
            evening.write("troubles", what="end", code=watch.wait(120))
            stop.set()
            looker.join()


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--gap", type=float, default=200, help="seconds from one trouble to the next, in the mean")
    parser.add_argument("--folder", type=Path, default=Path("evening"), help="where everything is written down")
    parser.add_argument("--supervisor", default=str(Path(sys.executable).with_name("supervisor")))
    parser.add_argument("--report", type=Path, metavar="FOLDER", help="tell what became of an evening, and end")
    given = parser.parse_args()
    if given.report:
        print(tell(given.report))
        return 0
    if not is_inside():
        return enter([sys.executable, "-m", "tests.lab.evening", *sys.argv[1:]])
    folder = given.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    os.umask(0o022)
    spend(folder, given.supervisor, given.minutes, given.seed, given.gap)
    print(tell(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())

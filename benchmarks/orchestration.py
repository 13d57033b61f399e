"""What Prefect adds to a run: its import, a flow run's start and end, each task; on the example homelab.

    python -m benchmarks.orchestration

Starts a Prefect server of its own, and says how long that took.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from flows.orchestration.server import run_server, server_environment
from flows.run.cycle import run_once
from flows.settings import load_settings

LAB = Path(__file__).parents[1] / "examples" / "homelab"
MOMENT = datetime.fromisoformat("2026-06-03T19:42:00Z")
PORT = 4297
ROUNDS = 5


class Taken(NamedTuple):
    """Milliseconds: on the clock, and of the processor, in this process and those that it waited for."""

    wall_ms: float
    busy_ms: float

    def __str__(self) -> str:
        return f"{self.wall_ms:8.0f} ms, {self.busy_ms:6.0f} ms of processor"


def median(work: Callable[[], object]) -> Taken:
    """Return the medians of some rounds; the first, which warms up, does not count."""
    taken = []
    for _ in range(ROUNDS + 1):
        begun = Taken(time.perf_counter() * 1000, sum(os.times()[:4]) * 1000)
        work()
        taken.append(Taken(time.perf_counter() * 1000 - begun[0], sum(os.times()[:4]) * 1000 - begun[1]))
    return Taken(*(statistics.median(column) for column in zip(*taken[1:], strict=True)))


def measure_import(code: str) -> Taken:
    """Return how long a fresh process takes for the code."""
    return median(lambda: subprocess.run([sys.executable, "-c", code], check=True, env=os.environ))


@contextmanager
def own_server(folder: Path) -> Iterator[float]:
    """Run a server, make this process its client, and give the seconds until it was ready."""
    environment = server_environment(folder / "prefect", "127.0.0.1", PORT)
    begun = time.perf_counter()
    with run_server(environment, "127.0.0.1", PORT):
        os.environ.update(environment)
        yield time.perf_counter() - begun
        send_all()


def send_all() -> None:
    """Send what Prefect still wants to tell the server, which it would try in vain once that has ended."""
    from prefect.events.worker import EventsWorker

    EventsWorker.drain_all()


def main() -> None:
    """Print a line for each part."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        places = {"event_log": folder / "log", "checkpoint": folder / "checkpoint", "state_dir": folder / "state"}
        given = {"inventory": LAB, "world": LAB / "world", **places}
        os.environ.update({f"SUPERVISOR_{key.upper()}": str(value) for key, value in given.items()})
        settings = load_settings().settings
        print(f"python alone                  {measure_import('pass')}")
        print(f"import of the plain run       {measure_import('import flows.run.cycle')}")
        print(f"import of the flow            {measure_import('import flows.reconcile')}")
        print(f"a warm run in the process     {median(lambda: run_once(settings, MOMENT))}")
        with own_server(folder) as ready_s:
            print(f"start of the server           {ready_s * 1000:8.0f} ms  (the first, with its database)")
            measure_flows()


def measure_flows() -> None:
    """Print what a flow run and a task cost; Prefect is imported here, once its environment is there."""
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE

    from flows.reconcile import reconcile

    @task(cache_policy=NO_CACHE, persist_result=False)
    def nothing() -> None:
        """Do nothing."""

    @flow(persist_result=False)
    def tasks(count: int) -> None:
        """Run tasks that do nothing."""
        for _ in range(count):
            nothing()

    empty, full = median(lambda: tasks(0)), median(lambda: tasks(20))
    each = Taken(*((more - less) / 20 for more, less in zip(full, empty, strict=True)))
    print(f"an empty flow run             {empty}")
    print(f"each task                     {each}")
    print(f"a warm flow run of reconcile  {median(lambda: reconcile(as_of=MOMENT))}")


if __name__ == "__main__":
    main()

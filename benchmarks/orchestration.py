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

from flows.run import run_once
from flows.server import run_server, server_environment
from flows.settings import load_settings

LAB = Path(__file__).parents[1] / "examples" / "homelab"
MOMENT = datetime.fromisoformat("2026-06-03T19:42:00Z")
PORT = 4297
ROUNDS = 5


def median_ms(work: Callable[[], object]) -> float:
    """Return the median of some rounds, in milliseconds; the first, which warms up, does not count."""
    taken = []
    for _ in range(ROUNDS + 1):
        begun = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken[1:])


def import_ms(code: str) -> float:
    """Return how long a fresh process takes for the code."""
    return median_ms(lambda: subprocess.run([sys.executable, "-c", code], check=True, env=os.environ))


@contextmanager
def own_server(folder: Path) -> Iterator[float]:
    """Run a server, make this process its client, and give the seconds until it was ready."""
    environment = server_environment(folder / "prefect", "127.0.0.1", PORT)
    begun = time.perf_counter()
    with run_server(environment, "127.0.0.1", PORT):
        os.environ.update(environment)
        yield time.perf_counter() - begun


def main() -> None:
    """Print a line for each part."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        places = {"event_log": folder / "log", "checkpoint": folder / "checkpoint", "state_dir": folder / "state"}
        given = {"inventory": LAB, "world": LAB / "world", **places}
        os.environ.update({f"SUPERVISOR_{key.upper()}": str(value) for key, value in given.items()})
        settings = load_settings().settings
        print(f"python alone                     {import_ms('pass'):8.0f} ms")
        print(f"import of the plain run          {import_ms('import flows.run'):8.0f} ms")
        print(f"import of the flow               {import_ms('import flows.reconcile'):8.0f} ms")
        print(f"a warm run in the process        {median_ms(lambda: run_once(settings, MOMENT)):8.0f} ms")
        with own_server(folder) as ready_s:
            print(f"start of the server              {ready_s * 1000:8.0f} ms  (the first, with its database)")
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

    empty_ms, full_ms = median_ms(lambda: tasks(0)), median_ms(lambda: tasks(20))
    print(f"an empty flow run                {empty_ms:8.0f} ms")
    print(f"each task                        {(full_ms - empty_ms) / 20:8.1f} ms")
    print(f"a warm flow run of reconcile     {median_ms(lambda: reconcile(as_of=MOMENT)):8.0f} ms")


if __name__ == "__main__":
    main()

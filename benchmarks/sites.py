"""A fleet of many sites on Dask's workers: time, memory of each worker, and what is sent to and fro.

    python -m benchmarks.sites --sites 4 --nodes 50 --services 20 --workers 2
    python -m benchmarks.sites --sites 100 --nodes 1000 --services 100 --keep FOLDER     # ten million services

Each site is judged twice: cold, and again with nothing changed. `--keep` leaves the fleet for the next time.
"""

import argparse
import os
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from flows.orchestration.quiet import be_quiet

be_quiet()

from prefect import flow  # noqa: E402
from prefect.client.schemas.objects import State  # noqa: E402
from prefect.context import FlowRunContext  # noqa: E402
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings  # noqa: E402

from benchmarks.fleet import AS_OF, write_sites  # noqa: E402
from benchmarks.orchestration import own_server  # noqa: E402
from benchmarks.shards import peak_mib  # noqa: E402
from flows.fleet import make_task_runner, reconcile_sites  # noqa: E402
from flows.ledger.elsewhere import FILE  # noqa: E402
from flows.settings import load_settings  # noqa: E402


@flow(name="sites", persist_result=False)
def reconcile_and_look(workers: int) -> tuple[State[Any], float, list[float]]:
    """Return how the flow of the sites ended, the workers' processor time and the peak of each in MiB."""
    context = FlowRunContext.get()
    assert context is not None
    client = context.task_runner.client  # type: ignore[attr-defined]
    client.wait_for_workers(workers)
    ended = reconcile_sites.fn(as_of=AS_OF)
    return ended, sum(client.run(time.process_time).values()), list(client.run(peak_mib).values())


def main() -> None:
    """Write the sites, and print a line for each run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("sites", 4), ("nodes", 50), ("services", 20), ("workers", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--keep", type=Path)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, own_server(Path(scratch)):
        root = wanted.keep or Path(scratch) / "fleet"
        if not root.exists():
            write_sites(root, wanted.sites, wanted.nodes, wanted.services)
        os.environ["SUPERVISOR_FLEET_SITES"] = str(root / "*/supervisor.yaml")
        client = {name: os.environ[name.name] for name in (PREFECT_API_URL, PREFECT_API_AUTH_STRING)}
        with temporary_settings(client):
            total = wanted.sites * wanted.nodes * wanted.services
            print(
                f"{wanted.sites} sites of {wanted.nodes} x {wanted.services}: {total} services, {os.cpu_count()} cores"
            )
            for run in ("cold", "again"):
                print(f"{run:6} {measure(root, wanted.workers)}", flush=True)


def measure(root: Path, workers: int) -> str:
    """Return what one run took, in words."""
    runner = make_task_runner(load_settings({"dask_workers": workers}).settings)
    begun, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    ended, busy_s, peaks = reconcile_and_look.with_options(task_runner=runner)(workers)
    wall_s, mine = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF)
    ends = ended.result()
    shown = sum(path.stat().st_size for path in root.glob(f"*/state/{FILE}")) / max(1, len(ends))
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in Counter(end.outcome for end in ends).items())
    return (
        f"{wall_s:.1f} s ({outcomes}; {sum(end.event_count for end in ends)} events); processor: workers {busy_s:.1f} s,"
        f" coordinator {mine.ru_utime + mine.ru_stime - used.ru_utime - used.ru_stime:.1f} s; peaks: workers"
        f" {' and '.join(f'{peak:.0f}' for peak in peaks)} MiB, coordinator {peak_mib():.0f} MiB; what each is told, on average:"
        f" {shown / 2**20:.2f} MiB"
    )


if __name__ == "__main__":
    main()

"""A large fleet in shards on Dask, beside one process: the same frames, the time of each, the memory of each worker.

    python -m benchmarks.shards --nodes 2000 --services 50 --workers 2

The time is that of judging alone, since reading is the same for all; the cluster's start is told apart.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from flows.orchestration.quiet import be_quiet

be_quiet()

from prefect import flow  # noqa: E402
from prefect.context import FlowRunContext  # noqa: E402
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings  # noqa: E402

from benchmarks.fleet import Fleet, write_fleet  # noqa: E402
from benchmarks.orchestration import own_server  # noqa: E402
from flows.fleet import make_task_runner  # noqa: E402
from flows.orchestration.shard import ShardedStep  # noqa: E402
from flows.orchestration.tasks import TaskStep  # noqa: E402
from flows.run.gather import read_inputs  # noqa: E402
from flows.run.judge import judge  # noqa: E402
from flows.settings import load_settings  # noqa: E402
from schemas.rules import Rules  # noqa: E402
from schemas.run import Judgement  # noqa: E402

ROUNDS = 3


def peak_mib() -> float:
    """Return the most memory that this process has had, in MiB; `ru_maxrss` would count that of whoever started it, too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def timed(work: Callable[[], Judgement], used_s: Callable[[], float] = time.process_time) -> tuple[Judgement, str]:
    """Return the result, and in words the best time and the processor's time of that round."""
    taken = []
    for _ in range(ROUNDS):
        begun, used = time.perf_counter(), used_s()
        result = work()
        taken.append((time.perf_counter() - begun, used_s() - used))
    wall_s, busy_s = min(taken)
    return result, f"{wall_s * 1000:8.0f} ms, {busy_s * 1000:6.0f} ms of processor"


@flow(name="judge", persist_result=False)
def judge_in_tasks(desired: Any, actual: Any) -> Any:
    """Judge in one process, each step a task."""
    return judge(desired, actual, Rules(), TaskStep())


@flow(name="judge-in-shards", persist_result=False)
def judge_in_shards(desired: Any, actual: Any, workers: int, shards: int) -> Any:
    """Judge on the workers; return their peak memory too, and the time without the cluster's start."""
    context = FlowRunContext.get()
    assert context is not None
    client = context.task_runner.client  # type: ignore[attr-defined]
    client.wait_for_workers(workers)
    judged, taken = timed(
        lambda: judge(desired, actual, Rules(), ShardedStep(shards)),
        lambda: time.process_time() + sum(client.run(time.process_time).values()),
    )
    return judged, taken, client.run(peak_mib)


def main() -> None:
    """Print a line for each way to run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("nodes", 2000), ("services", 50), ("workers", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, own_server(Path(folder)):
        client = {PREFECT_API_URL: os.environ["PREFECT_API_URL"]}
        client |= {PREFECT_API_AUTH_STRING: os.environ["PREFECT_API_AUTH_STRING"]}
        with temporary_settings(client):
            measure(write_fleet(Path(folder), wanted.nodes, wanted.services), wanted.workers)


def measure(fleet: Fleet, workers: int) -> None:
    """Read the fleet once, and judge it in each way."""
    settings = load_settings({"inventory": fleet.inventory, "world": fleet.world}).settings
    begun = time.perf_counter()
    inputs = read_inputs(settings, fleet.as_of)
    desired, actual = inputs.desired, inputs.actual
    read_s = time.perf_counter() - begun
    nodes, services = desired.nodes.height, desired.services.height
    print(f"{nodes} nodes, {services} services, {os.cpu_count()} cores, polars {pl.__version__}")
    print(f"read                   {read_s * 1000:8.0f} ms")
    alone, taken = timed(lambda: judge(desired, actual, Rules()))
    print(f"one process            {taken}, peak {peak_mib():.0f} MiB")
    print(f"                       {alone.drift.height} drifts, {alone.recommendations.height} recommendations")
    tasked, taken = timed(lambda: judge_in_tasks(desired, actual))
    print(f"one process, as tasks  {taken}, the flow run with it; {compare(alone, tasked)}")
    for shards in (workers, 2 * workers):
        print_shards(desired, actual, workers, shards, alone)


def print_shards(desired: Any, actual: Any, workers: int, shards: int, alone: Judgement) -> None:
    """Judge on a cluster of its own, and print a line of it."""
    settings = load_settings({"dask_workers": workers}).settings
    sharded = judge_in_shards.with_options(task_runner=make_task_runner(settings))
    begun = time.perf_counter()
    judged, taken, memory = sharded(desired, actual, workers, shards)
    whole_s = time.perf_counter() - begun
    peaks = " and ".join(f"{peak:.0f}" for peak in memory.values())
    print(
        f"{workers} workers, {shards} shards    {taken}, workers' peaks {peaks} MiB; "
        f"{whole_s:.1f} s with the cluster's start and {ROUNDS} rounds; {compare(alone, judged)}"
    )


def compare(one: Judgement, other: Judgement) -> str:
    """Say whether the frames are the same, bit for bit."""
    same = all(mine.equals(theirs) for mine, theirs in zip(one, other, strict=True))
    return "frames identical" if same else "FRAMES DIFFER"


if __name__ == "__main__":
    main()

"""A large fleet in shards on Dask, beside one process: the same frames, the time of each, the memory of each worker.

    python -m benchmarks.shards --nodes 2000 --services 50 --workers 2

The time is that of judging alone, since reading is the same for all; the cluster's start is told apart.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from flows.quiet import be_quiet

be_quiet()

from prefect import flow  # noqa: E402
from prefect.context import FlowRunContext  # noqa: E402

from benchmarks.fleet import write_fleet  # noqa: E402
from flows.fleet import make_task_runner  # noqa: E402
from flows.gather import read_inputs  # noqa: E402
from flows.judge import judge  # noqa: E402
from flows.settings import load_settings  # noqa: E402
from flows.shard import ShardedStep  # noqa: E402
from flows.tasks import TaskStep  # noqa: E402
from schemas.rules import Rules  # noqa: E402
from schemas.run import Judgement  # noqa: E402

ROUNDS = 3


def peak_mib() -> float:
    """Return the most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(work: Callable[[], Judgement]) -> tuple[Judgement, float]:
    """Return the result, and the best time in seconds."""
    taken = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        result = work()
        taken.append(time.perf_counter() - begun)
    return result, min(taken)


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
    judged, taken_s = timed(lambda: judge(desired, actual, Rules(), ShardedStep(shards)))
    return judged, taken_s, client.run(peak_mib)


def main() -> None:
    """Print a line for each way to run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("nodes", 2000), ("services", 50), ("workers", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fleet = write_fleet(Path(folder), wanted.nodes, wanted.services)
        settings = load_settings({"inventory": fleet.inventory, "world": fleet.world}).settings
        begun = time.perf_counter()
        inputs = read_inputs(settings, fleet.as_of)
        read_s = time.perf_counter() - begun
    desired, actual = inputs.desired, inputs.actual
    print(f"{wanted.nodes} nodes x {wanted.services} services, {os.cpu_count()} cores, polars {pl.__version__}")
    print(f"read                   {read_s * 1000:8.0f} ms")
    alone, alone_s = timed(lambda: judge(desired, actual, Rules()))
    print(f"one process            {alone_s * 1000:8.0f} ms  peak {peak_mib():.0f} MiB")
    print(f"                       {alone.drift.height} drifts, {alone.recommendations.height} recommendations")
    tasked, tasked_s = timed(lambda: judge_in_tasks(desired, actual))
    print(f"one process, as tasks  {tasked_s * 1000:8.0f} ms  with the flow run; {compare(alone, tasked)}")
    sharded = judge_in_shards.with_options(
        task_runner=make_task_runner(settings.model_copy(update={"dask_workers": wanted.workers}))
    )
    for shards in (wanted.workers, 2 * wanted.workers):
        begun = time.perf_counter()
        judged, taken_s, memory = sharded(desired, actual, wanted.workers, shards)
        whole_s = time.perf_counter() - begun
        peaks = " and ".join(f"{peak:.0f}" for peak in memory.values())
        print(
            f"{wanted.workers} workers, {shards} shards    {taken_s * 1000:8.0f} ms  workers' peaks {peaks} MiB; "
            f"{whole_s:.1f} s with the cluster's start and {ROUNDS} rounds; {compare(alone, judged)}"
        )


def compare(one: Judgement, other: Judgement) -> str:
    """Say whether the frames are the same, bit for bit."""
    same = all(mine.equals(theirs) for mine, theirs in zip(one, other, strict=True))
    return "frames identical" if same else "FRAMES DIFFER"


if __name__ == "__main__":
    main()

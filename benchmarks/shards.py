"""A large fleet in shards on Dask, beside one process: the same frames, the time of each, the memory of each worker.

Run it as `python -m benchmarks.shards [nodes] [services]` (2,000 nodes x 50 services by default).
"""

import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from flows.quiet import be_quiet

be_quiet()

from prefect import flow  # noqa: E402

from flows.fleet import make_task_runner  # noqa: E402
from flows.judge import judge  # noqa: E402
from flows.settings import Settings  # noqa: E402
from flows.shard import ShardedStep  # noqa: E402
from flows.tasks import TaskStep  # noqa: E402
from schemas.actual import Actual, ActualNode, ActualService, Deployment, Incident, Snapshot  # noqa: E402
from schemas.desired import Dependency, Desired, DesiredNode, DesiredService, ListedService  # noqa: E402
from schemas.frame import dtypes  # noqa: E402
from schemas.rejected import Rejected, Unread  # noqa: E402
from schemas.rules import Rules  # noqa: E402
from schemas.run import Judgement  # noqa: E402

NOON = datetime(2026, 5, 27, 12, tzinfo=UTC)
WORKERS = 2


def make_fleet(node_count: int, service_count: int) -> tuple[Desired, Actual]:
    """Return a fleet on a bad evening: one node in 50 offline, one service in 40 gone, one in 30 unhealthy.

    Each service needs the one before it on its own node, and one in ten a service of the next node.
    """
    nodes = pl.select(number=pl.int_range(node_count)).with_columns(node=pl.format("node-{}", "number"))
    services = nodes.join(pl.select(place=pl.int_range(service_count)), how="cross").with_columns(
        service=pl.format("service-{}", "place"), index=pl.col("number") * service_count + pl.col("place")
    )
    local = services.filter(pl.col("place") > 0).select(
        "node", "service", dependency=pl.format("service-{}", pl.col("place") - 1), scope=pl.lit("local")
    )
    shared = nodes.select("node", service=pl.format("edge-{}", "number"))
    remote = services.filter((pl.col("place") == 0) & (pl.col("number") % 10 == 0)).select(
        "node",
        "service",
        dependency=pl.format("edge-{}", (pl.col("number") + 1) % node_count),
        scope=pl.lit("external"),
    )
    asked = pl.concat([services.select("node", "service", "index"), shared.with_columns(index=pl.lit(-1, pl.Int64))])
    seen = asked.filter((pl.col("index") % 40 != 7)).with_columns(
        status=pl.when((pl.col("index") % 30 == 11) | (pl.col("service").str.ends_with("7") & (pl.col("index") < 0)))
        .then(pl.lit("exited"))
        .otherwise(pl.lit("healthy")),
        key=pl.concat_str("node", pl.lit("/"), "service"),
    )
    offline = (pl.col("number") % 50 == 3).fill_null(False)
    return (
        Desired(
            frame(DesiredNode, nodes, is_intermittent=False, is_readable=True, file="hosts/services.yaml"),
            frame(DesiredService, asked, is_monitored=True, line=1),
            frame(Dependency, pl.concat([local, remote]), file="hosts/services.yaml", line=1),
            frame(Unread, pl.DataFrame()),
            frame(ListedService, pl.DataFrame()),
        ),
        Actual(
            frame(Snapshot, pl.DataFrame({"as_of": [NOON]}), last_update_at=NOON, files_at=NOON, unreadable_timestamp_count=0),
            frame(
                ActualNode,
                nodes.with_columns(status=pl.when(offline).then(pl.lit("offline")).otherwise(pl.lit("online"))),
                as_of=NOON, last_seen_at=NOON - timedelta(seconds=30), key="n",
            ),
            frame(ActualService, seen, as_of=NOON, last_seen_at=NOON - timedelta(seconds=20)),
            frame(Deployment, pl.DataFrame()),
            frame(Incident, pl.DataFrame()),
            frame(Rejected, pl.DataFrame()),
        ),
    )  # fmt: skip


def frame(schema: Any, rows: pl.DataFrame, **constants: Any) -> Any:
    """Return the rows as the schema's frame, its other columns filled with the constants or null."""
    filled = rows.with_columns(pl.lit(value).alias(name) for name, value in constants.items())
    empty = filled.is_empty()
    return schema.validate(
        pl.DataFrame(schema=dtypes(schema)) if empty else filled.select(
            (pl.col(name) if name in filled.columns else pl.lit(None)).cast(dtype).alias(name)
            for name, dtype in dtypes(schema).items()
        )
    )  # fmt: skip


def peak_mib() -> float:
    """Return the most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(work: Callable[[], Judgement]) -> tuple[Judgement, float]:
    """Return the best of three, in seconds."""
    taken = []
    for _ in range(3):
        begun = time.perf_counter()
        result = work()
        taken.append(time.perf_counter() - begun)
    return result, min(taken)


@flow(name="judge", persist_result=False)
def judge_in_tasks(desired: Any, actual: Any) -> Any:
    """Judge in one process, each step a task."""
    return judge(desired, actual, Rules(), TaskStep())


@flow(name="judge-in-shards", task_runner=make_task_runner(Settings(dask_workers=WORKERS)), persist_result=False)
def judge_in_shards(desired: Any, actual: Any, shards: int) -> Any:
    """Judge on the workers, and return their peak memory and the time without the cluster's start."""
    from prefect.context import FlowRunContext

    runner = FlowRunContext.get().task_runner  # type: ignore[union-attr]
    client = runner.client  # type: ignore[attr-defined]
    client.wait_for_workers(WORKERS)
    judged, taken_s = timed(lambda: judge(desired, actual, Rules(), ShardedStep(shards)))
    return judged, taken_s, client.run(peak_mib)


def main() -> None:
    """Print one line for each way."""
    nodes, services = (int(argument) for argument in [*sys.argv[1:], *("2000", "50")[len(sys.argv) - 1 :]])
    desired, actual = make_fleet(nodes, services)
    print(f"{nodes} nodes x {services} services; {platform.machine()}, {os.cpu_count()} cores, polars {pl.__version__}")
    alone, alone_s = timed(lambda: judge(desired, actual, Rules()))
    print(f"one process             {alone_s * 1000:8.0f} ms   peak {peak_mib():.0f} MiB")
    print(
        f"  {alone.drift.height} drifts, {alone.recommendations.height} recommendations, {alone.root_causes.height} root causes"
    )
    tasked, tasked_s = timed(lambda: judge_in_tasks(desired, actual))
    print(f"one process, as tasks   {tasked_s * 1000:8.0f} ms   (with the flow run's own start and end)")
    for shards in (2, 4):
        begun = time.perf_counter()
        judged, taken_s, memory = judge_in_shards(desired, actual, shards)
        whole_s = time.perf_counter() - begun
        peaks = ", ".join(f"{peak:.0f}" for peak in memory.values())
        print(
            f"{WORKERS} workers, {shards} shards     {taken_s * 1000:8.0f} ms   workers' peaks {peaks} MiB; {whole_s:.1f} s with the cluster's start"
        )
        same = all(one.equals(other) for one, other in zip(alone, judged, strict=True))
        print(f"  frames {'identical' if same else 'DIFFER'}")
    assert all(one.equals(other) for one, other in zip(alone, tasked, strict=True))


if __name__ == "__main__":
    main()

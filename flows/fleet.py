"""The reconcile flow for a fleet that one process is too slow for: the same run, its nodes judged on Dask."""

import dask
from prefect import flow
from prefect.client.schemas.objects import State
from prefect_dask import DaskTaskRunner
from pydantic import AwareDatetime

from flows.backfill import backfill
from flows.orchestration.shard import ShardedStep
from flows.reconcile import ParameterPath, run_in_flow
from flows.run.result import RunReport
from flows.settings import Settings, load_settings

IN_MEMORY = {
    # A worker that runs short of memory would write pickles to its disk; it waits instead.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.diagnostics.nvml": False,
}


def make_task_runner(settings: Settings) -> DaskTaskRunner:
    """Return a runner on the scheduler that the settings name, or on own processes that only this machine can reach."""
    dask.config.set(IN_MEMORY)
    if settings.dask_address is not None:
        return DaskTaskRunner(address=settings.dask_address)
    own = {
        "n_workers": settings.dask_workers,
        "threads_per_worker": 1,
        "host": "127.0.0.1",
        "dashboard_address": None,
        "silence_logs": 40,
    }
    return DaskTaskRunner(cluster_kwargs=own)


backfill_fleet = backfill.with_options(name="backfill-fleet", task_runner=make_task_runner(load_settings().settings))
"""Backfill with its months spread over Dask's workers."""


@flow(
    name="reconcile-fleet",
    flow_run_name="reconciling",
    task_runner=make_task_runner(load_settings().settings),
    persist_result=False,
    log_prints=False,
)
def reconcile_fleet(
    inventory: ParameterPath | None = None,
    world: ParameterPath | None = None,
    as_of: AwareDatetime | None = None,
    dry_run: bool = False,
) -> State[RunReport]:
    """Do what the reconcile flow does, in shards of nodes; its frames are the same, bit for bit."""
    return run_in_flow(make_step, {"inventory": inventory, "world": world}, as_of, dry_run=dry_run)


def make_step(settings: Settings) -> ShardedStep:
    """Return what runs the steps of a fleet's run."""
    return ShardedStep(settings.fleet_shards)

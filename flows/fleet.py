"""The reconcile flow for a fleet that one process is too slow for: the same run, its nodes judged on Dask."""

import dask
from distributed.security import Security
from prefect.client.schemas.objects import State
from prefect_dask import DaskTaskRunner
from pydantic import AwareDatetime

from flows.backfill import backfill
from flows.errors import SettingsError
from flows.orchestration.own_flow import flow
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
    # Its web pages have no TLS and no password; nobody looks at them here.
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}


def make_task_runner(settings: Settings) -> DaskTaskRunner:
    """Return a runner on the scheduler that the settings name, or on own processes that nobody else can speak to.

    Whoever speaks to a scheduler or a worker runs code as its user. So ours take TLS alone, by a key that is made for
    this process and is never written; a scheduler that is named must be one of TLS, too. Raises `SettingsError`.
    """
    dask.config.set(IN_MEMORY)
    if settings.dask_address is not None:
        if not settings.dask_address.startswith("tls://"):
            raise SettingsError(
                "dask_address: expected tls://HOST:PORT, since whoever reaches a scheduler without TLS runs code there; "
                "the certificates are Dask's own settings (DASK_DISTRIBUTED__COMM__TLS__...)"
            )
        return DaskTaskRunner(address=settings.dask_address)
    own = {
        "security": Security.temporary(),  # type: ignore[no-untyped-call]
        "n_workers": settings.dask_workers,
        "threads_per_worker": 1,
        "host": "127.0.0.1",
        "protocol": "tls",
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

"""Flows for a fleet that is too much for one process: one world in shards of nodes, or many sites with a world each."""

import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import dask
import polars as pl
from dask.tokenize import normalize_token
from distributed.security import Security
from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.states import Completed, Failed
from prefect.task_runners import TaskRunner

from flows.backfill import backfill
from flows.errors import ClusterError, KilledTaskError, SettingsError, SupervisorError
from flows.orchestration.dask_runner import PatientRunner
from flows.orchestration.own_flow import flow
from flows.orchestration.parameters import AsOf, ParameterPath
from flows.orchestration.shard import ShardedStep
from flows.orchestration.tasks import as_task
from flows.reconcile import run_in_flow
from flows.run.exchange import SiteEnd, ask_site, find_sites, join_sites, name_needs, recall_site, run_site, show_site
from flows.run.result import RunReport
from flows.run.step import Result
from flows.settings import Settings, load_settings
from flows.text.escape import show
from schemas.words import Outcome
from schemas.words import State as FleetState

RETRIES = 2
"""A worker that dies in the middle of a task takes it along; it is idempotent."""

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


# A frame gives its part of the key that Dask makes of a task's parameters: else it would be pickled and hashed for that alone.
normalize_token.register(pl.DataFrame, lambda _: uuid4().hex)  # type: ignore[no-untyped-call]


def make_task_runner(settings: Settings) -> TaskRunner[Any]:
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
        return PatientRunner(settings.dask_patience, address=settings.dask_address)
    own = {
        "security": Security.temporary(),  # type: ignore[no-untyped-call]
        "n_workers": settings.dask_workers,
        "threads_per_worker": 1,
        "host": "127.0.0.1",
        "protocol": "tls",
        "dashboard_address": None,
        "silence_logs": 40,
    }
    return PatientRunner(settings.dask_patience, cluster_kwargs=own)


backfill_fleet = backfill.with_options(name="backfill-fleet", task_runner=make_task_runner(load_settings().settings))
"""Backfill with its months spread over Dask's workers."""


@flow(
    name="reconcile-fleet",
    flow_run_name="reconciling",
    task_runner=make_task_runner(load_settings().settings),
)
def reconcile_fleet(
    inventory: ParameterPath | None = None,
    world: ParameterPath | None = None,
    as_of: AsOf | None = None,
    dry_run: bool = False,
) -> State[RunReport]:
    """Do what the reconcile flow does, in shards of nodes; its frames are the same, bit for bit."""
    return run_in_flow(make_step, {"inventory": inventory, "world": world}, as_of, dry_run=dry_run)


def make_step(settings: Settings) -> ShardedStep:
    """Return what runs the steps of a fleet's run."""
    return ShardedStep(settings.fleet_shards)


@flow(
    name="reconcile-sites",
    flow_run_name="reconciling",
    task_runner=make_task_runner(load_settings().settings),
)
def reconcile_sites(as_of: AsOf | None = None) -> State[list[SiteEnd]]:
    """Do the run of each site that `fleet_sites` names, each with what the others show of what its services need.

    Each worker has one site in memory at a time. A site is asked what it needs of others, then shown what is needed, and
    judged and recorded by itself, under its own lock; one that cannot be read, or that no worker survives, is skipped, and
    the others stand. Where the cluster is lost, what is recorded stands, and the next run does the rest.
    """
    settings = load_settings().settings
    if settings.fleet_sites is None:
        raise SettingsError("fleet_sites: not set; it names the settings files of the sites")
    sites = find_sites(settings.fleet_sites)
    moment, at_once = as_of or datetime.now(UTC), 2 * settings.dask_workers
    needs = as_tasks(
        ask_site, at_once, ((site, moment) for site in sites), lambda site, _: name_needs(recall_site(site, moment))
    )
    asked = sorted({name for names in needs for name in names})
    calls = ((site, moment, asked) for site in sites)
    joined = join_sites(as_tasks(show_site, at_once, calls, lambda site, _: recall_site(site, moment)))
    if joined.twice:
        get_run_logger().warning("nodes of two sites, told of once: %s", ", ".join(map(show, joined.twice)))
    runs = ((site, as_of, told, moment) for site, told in zip(sites, joined.tell(), strict=True))
    ends = list[SiteEnd]()
    try:
        ends.extend(as_tasks(run_site, at_once, runs, lose_site))
    except ClusterError as error:
        ends += [lose_site(site, error) for site in sites[len(ends) :]]
    return end_sites(ends)


def as_tasks(
    function: Callable[..., Result],
    at_once: int,
    calls: Iterable[tuple[Any, ...]],
    instead: Callable[[Any, KilledTaskError], Result],
) -> Iterator[Result]:
    """Yield what the function gives for each call, each a task, so many at once that no worker waits.

    All of them at once would hold what every site is told, many times over. Of a worker that dies, another does it again;
    of a call that ends each of them, `instead` gives what stands for it, by the call's first argument and the error.
    """
    task = as_task(function).with_options(retries=RETRIES)
    under_way: deque[tuple[Any, PrefectFuture[Result]]] = deque()

    def finish_first() -> Result:
        site, future = under_way.popleft()
        try:
            return future.result()
        except KilledTaskError as error:
            return instead(site, error)

    for call in calls:
        if len(under_way) == at_once:
            yield finish_first()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sending large graph")
            under_way.append((call[0], task.submit(*call)))
    while under_way:
        yield finish_first()


def lose_site(site: Path, error: SupervisorError) -> SiteEnd:
    """Return the end of a site whose run is not known to have ended."""
    return SiteEnd(site, Outcome.FAILED, None, 0, str(error))


def end_sites(ends: list[SiteEnd]) -> State[list[SiteEnd]]:
    """Return the state that the flow run ends in: that of the worst site, and which came to no conclusions."""
    lost = [f"{end.site.parent.name}: {end.problem}" for end in ends if end.problem]
    worst = max((list(FleetState).index(end.state) for end in ends if end.state), default=None)
    said = f"{len(ends)} sites, {sum(end.event_count for end in ends)} events"
    message = show("; ".join([said, *lost]))
    if any(end.outcome is Outcome.FAILED for end in ends):
        return Failed(message=message, data=ends)
    return Completed(name=None if worst is None else list(FleetState)[worst].capitalize(), message=message, data=ends)

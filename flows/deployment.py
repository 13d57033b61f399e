"""The reconcile flow as a scheduled deployment: one run at a time, and one that would overlap is cancelled."""

import asyncio
from subprocess import Popen
from typing import Any

from httpx import HTTPError
from prefect import get_client
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.runner import Runner
from prefect.schedules import Cron, Interval, Schedule
from prefect.types.entrypoint import EntrypointType

from flows.errors import SettingsError
from flows.orchestration.server import STOP_TIMEOUT_S, ServerError
from flows.orchestration.short_schedule import is_short, make_runs, pause_s
from flows.reconcile import reconcile
from flows.settings import Settings
from flows.text.escape import show

NAME = "scheduled"
ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
LOOK_S = 1.0
"""How often to see whether the server still runs."""


def deployment_options(settings: Settings) -> dict[str, Any]:
    """Return what makes the deployment `reconcile/scheduled`; its parameters are the flow's, and Prefect checks them."""
    return {
        "name": NAME,
        "schedule": make_schedule(settings),
        "concurrency_limit": ONE_AT_A_TIME,
        "tags": ["runtime-supervisor"],
        "entrypoint_type": EntrypointType.MODULE_PATH,
    }


def make_schedule(settings: Settings) -> Schedule | None:
    """Return when to run, None where we make the runs; cron is in UTC, where no hour comes twice or is left out."""
    if is_short(settings):
        return None
    if settings.serve_cron is None:
        return Interval(settings.serve_interval)
    try:
        return Cron(settings.serve_cron, timezone="UTC")
    except ValueError:
        raise SettingsError(f"serve_cron: {settings.serve_cron!a} is no cron schedule such as '*/5 * * * *'") from None


async def serve_deployment(settings: Settings, server: Popen[bytes] | None = None) -> None:
    """Register the deployment, run it at once where it has an interval, and run what is due until interrupted.

    The schedule stays on when this process ends: after a reboot it goes on. Raises `ServerError` where there is no API to
    ask any more, at once where the server is ours; whoever starts us again starts the server as well.
    """
    serving = asyncio.create_task(_run_what_is_due(settings))
    try:
        while not serving.done() and (server is None or server.poll() is None):
            await asyncio.wait({serving}, timeout=LOOK_S)
        if server is not None and server.poll() is not None:
            await _give_up(serving)
            raise ServerError(f"the Prefect server ended with code {server.returncode}; start it again with 'serve'")
        await serving
    except (ExceptionGroup, HTTPError) as error:
        raise ServerError(f"the Prefect API does not answer any more: {show(_innermost(error))}") from error


async def _give_up(serving: asyncio.Task[None]) -> None:
    """End it within the time that a server may take; it wants to tell one that is gone what it leaves."""
    serving.cancel()
    await asyncio.wait({serving}, timeout=STOP_TIMEOUT_S)


class _QuietRunner(Runner):
    """Ends at once on SIGTERM: Prefect's own way leaves a coroutine behind that nobody waits for, and says so."""

    def handle_sigterm(self, *_: Any) -> None:
        """Interrupt this process."""
        raise KeyboardInterrupt


async def _run_what_is_due(settings: Settings) -> None:
    """Run the flow of this process, whatever the server says: a deployment's entrypoint and its pull steps are not asked.

    A flow that is added is known to the runner, for its runs and for what follows one that is cancelled; of a deployment
    that is added, it would ask the server what to run.
    """
    interval = settings.serve_interval
    often = pause_s(interval) if is_short(settings) else None
    runner = _QuietRunner(name=NAME, pause_on_shutdown=False, limit=2, query_seconds=often)
    deployment = await runner.aadd_flow(reconcile, **deployment_options(settings))
    making = asyncio.create_task(make_runs(deployment, interval)) if is_short(settings) else None
    if settings.serve_cron is None and making is None:  # a cron schedule says itself when; an interval begins now
        async with get_client() as client:
            await client.create_flow_run_from_deployment(deployment)
    try:
        await runner.start()
    finally:
        if making is not None:
            making.cancel()


def _innermost(error: BaseException) -> BaseException:
    return _innermost(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error

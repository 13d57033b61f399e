"""The reconcile flow as a scheduled deployment: one run at a time, and one that would overlap is cancelled."""

import asyncio
from subprocess import Popen
from typing import Any, cast

from httpx import HTTPError
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.runner import Runner
from prefect.schedules import Cron, Interval, Schedule
from prefect.types.entrypoint import EntrypointType

from flows.errors import SettingsError
from flows.orchestration.server import STOP_TIMEOUT_S, ServerError
from flows.reconcile import reconcile
from flows.settings import Settings
from flows.text.escape import show

NAME = "scheduled"
ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
LOOK_S = 1.0
"""How often to see whether the server still runs."""


def make_deployment(settings: Settings) -> RunnerDeployment:
    """Return the deployment `reconcile/scheduled`; its parameters are those of the flow, and Prefect checks them."""
    deployment: Any = reconcile.to_deployment(
        name=NAME,
        schedule=make_schedule(settings),
        concurrency_limit=ONE_AT_A_TIME,
        tags=["runtime-supervisor"],
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    return cast("RunnerDeployment", deployment)


def make_schedule(settings: Settings) -> Schedule:
    """Return when to run; cron is in UTC, where no hour comes twice or is left out."""
    if settings.serve_cron is None:
        return Interval(settings.serve_interval)
    try:
        return Cron(settings.serve_cron, timezone="UTC")
    except ValueError:
        raise SettingsError(f"serve_cron: {settings.serve_cron!a} is no cron schedule such as '*/5 * * * *'") from None


async def serve_deployment(deployment: RunnerDeployment, server: Popen[bytes] | None = None) -> None:
    """Register the deployment, and run what is due until interrupted.

    The schedule stays on when this process ends: after a reboot it goes on. Raises `ServerError` where there is no API to
    ask any more, at once where the server is ours; whoever starts us again starts the server as well.
    """
    serving = asyncio.create_task(_run_what_is_due(deployment))
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


async def _run_what_is_due(deployment: RunnerDeployment) -> None:
    runner = Runner(name=NAME, pause_on_shutdown=False, limit=2)
    await runner.aadd_deployment(deployment)
    await runner.start()


def _innermost(error: BaseException) -> BaseException:
    return _innermost(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error

"""The reconcile flow as a scheduled deployment: one run at a time, and one that would overlap is cancelled."""

from typing import Any, cast

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.runner import Runner
from prefect.schedules import Cron, Interval, Schedule
from prefect.types.entrypoint import EntrypointType

from flows.errors import SettingsError
from flows.reconcile import reconcile
from flows.settings import Settings

NAME = "scheduled"
ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)


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


async def serve_deployment(deployment: RunnerDeployment) -> None:
    """Register the deployment, and run what is due until interrupted.

    The schedule stays on when this process ends: after a reboot it goes on.
    """
    runner = Runner(name=NAME, pause_on_shutdown=False, limit=2)
    await runner.aadd_deployment(deployment)
    await runner.start()

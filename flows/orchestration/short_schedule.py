"""A schedule of our own for short intervals: one run after the other, none of them made only to be cancelled.

Prefect makes the runs of an interval long before they are due. Each is a process that needs seconds to start, so that at a
short interval they overlap, half of them are cancelled, and a hundred prepared ones keep the database busy.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from httpx import HTTPError
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.exceptions import PrefectException

from flows.settings import Settings

SHORT = timedelta(minutes=1)
"""Below it, the runs are ours to make."""
LEASE = timedelta(minutes=5)
"""How long a run that does not end keeps the next from being made; then Prefect's own limit decides, as ever."""
UNFINISHED = (StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)


def is_short(settings: Settings) -> bool:
    """Return whether the runs are made here, and not by a schedule of Prefect's."""
    return settings.serve_cron is None and settings.serve_interval < SHORT


async def make_runs(deployment: UUID, interval: timedelta) -> None:
    """Make a run each interval, but none while one before it is not over; until it is cancelled.

    Nothing is made while the deployment is paused. An API that does not answer is asked again: the runner says when it is gone.
    """
    async with get_client() as client:
        while True:
            begun = time.monotonic()
            try:
                if not await _is_busy(client, deployment):
                    await client.create_flow_run_from_deployment(deployment)
            except (HTTPError, PrefectException):
                pass
            await asyncio.sleep(max(0.0, pause_s(interval) - (time.monotonic() - begun)))


def pause_s(interval: timedelta) -> float:
    """Return how often to look for what is due: the interval, and a second where it is shorter."""
    return max(1.0, interval.total_seconds())


async def _is_busy(client: PrefectClient, deployment: UUID) -> bool:
    found = await client.read_deployment(deployment)
    for schedule in found.schedules:  # of an earlier start, with a longer interval
        await client.delete_deployment_schedule(deployment, schedule.id)
    if found.paused:
        return True
    unfinished = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[deployment]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(UNFINISHED))),
        expected_start_time=FlowRunFilterExpectedStartTime(after_=datetime.now(UTC) - LEASE),
    )
    return bool(await client.read_flow_runs(flow_run_filter=unfinished, limit=1))

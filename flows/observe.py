"""The observe flow: one look at the inventory's nodes as a Prefect flow, for schedules."""

import asyncio
from typing import Any

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.observer.observer import Observer
from flows.orchestration.own_flow import flow
from flows.orchestration.parameters import ParameterPath, gather_settings
from flows.settings import Settings
from schemas.spoken import count


@flow(name="observe", flow_run_name="looking")
def observe(inventory: ParameterPath | None = None, world: ParameterPath | None = None) -> State[Any]:
    """Look at every node once, and write the world.

    Settings come from `supervisor.yaml` and the environment of the machine that runs it. The run ends Completed, Failed, or
    Busy where another observer is at work.
    """
    settings = gather_settings({"inventory": inventory, "world": world})
    said = asyncio.run(_look_once(settings))
    get_run_logger().info("%s", said)
    return Completed(message=said)


async def _look_once(settings: Settings) -> str:
    observer = Observer(settings, lambda _: None)
    async with observer.opened():
        await observer.look_once()
    nodes = observer.memory.nodes.values()
    seen = sum(node.look is not None and node.look.reason_class is None for node in nodes)
    return f"{seen} of {count(len(nodes), 'node')} seen"

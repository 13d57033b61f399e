"""Events of an engine: only a hint to look at once, never a log; nothing of them is kept (OBSERVER 5)."""

import asyncio
import json
from collections.abc import Callable
from urllib.parse import quote

import aiohttp

from flows.engines.engine import Engine
from flows.engines.reasons import LookError

RECONNECT_S = 540.0
"""Before a proxy ends an idle stream, which the usual one does after ten minutes."""
PAUSE_S = 5.0
FIRST_LOOK_S = 1.0
"""Before it is asked again whether a look has found what the engine speaks."""
FILTERS = {
    "type": ["container"],
    "event": ["start", "die", "oom", "destroy", "rename", "pause", "unpause", "health_status"],
}
"""The engine leaves the rest out: nearly all events are runs of health checks, whose commands may hold passwords."""
PATH = f"/events?filters={quote(json.dumps(FILTERS, separators=(',', ':')))}"


async def follow_events(engine: Engine, tell: Callable[[], None]) -> None:
    """Tell of each event until cancelled; a stream that ends is opened again.

    That it ends is told too, and that it is open: of what happened before nothing was heard.
    """
    while True:
        if engine.api:
            try:
                await _follow(engine, tell)
            except (LookError, aiohttp.ClientError, OSError, ValueError, TimeoutError):
                await asyncio.sleep(PAUSE_S)
            else:
                tell()
        await asyncio.sleep(FIRST_LOOK_S)


async def _follow(engine: Engine, tell: Callable[[], None]) -> None:
    """Follow one stream to its end, however it ends, or for nine minutes; raises where it cannot be opened."""
    response = await engine.client.stream(f"/v{engine.api}{PATH}")
    tell()
    try:
        async with asyncio.timeout(RECONNECT_S):
            async for _ in response.content.iter_any():
                tell()
    except (TimeoutError, aiohttp.ClientError, OSError):
        return
    finally:
        response.close()

"""The observer beside something else in one process: in a thread of its own, until that ends."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flows.observer.loop import observe_until
from flows.observer.observer import Complain, Observer
from flows.settings import Settings

FIRST_S = 20.0
"""The first world is waited for so long; what hangs longer than that is told by the world that comes then."""


class _Background:
    """A thread with a loop of its own."""

    def __init__(self, settings: Settings, complain: Complain, *, take_over: bool) -> None:
        self._settings, self._complain, self._take_over = settings, complain, take_over
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self.first = threading.Event()
        self.error: BaseException | None = None

    def start(self) -> None:
        self._thread.start()
        self.first.wait(FIRST_S)
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        try:
            asyncio.run(self._observe())
        except Exception as error:  # noqa: BLE001 - it is raised again where it is waited for
            self.error = error
        finally:
            self.first.set()

    async def _observe(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        observer = Observer(self._settings, self._complain)
        async with observer.opened(take_over=self._take_over):
            await observe_until(observer, self._stop, self.first.set)

    def end(self) -> None:
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(FIRST_S)


@contextmanager
def observing(settings: Settings, complain: Complain, *, take_over: bool = False) -> Iterator[None]:
    """Observe while the block runs, which begins when there is a world; raises what `Observer.opened` does."""
    background = _Background(settings, complain, take_over=take_over)
    background.start()
    try:
        yield
    finally:
        background.end()

"""The observer's loop: each node in its own time, one publisher, hints of the engines, an inventory that changes (OBSERVER 5)."""

import asyncio
import contextlib
import time
from collections.abc import Callable

from flows.engines.looked import RawLook
from flows.errors import SupervisorError
from flows.observer.observer import PUBLISH_EVERY_S, Looker, Observer
from flows.observer.pace import Clocks, pause_after, phase

READ_PLAN_S = 5.0
TAKE_IN_S = 0.5
"""What was concluded from a look decides on the pause after it: it is taken in by then."""
HINT_S, HINTS_EVERY_S = 1.0, 5.0


async def observe_until(observer: Observer, stop: asyncio.Event, tell_first: Callable[[], None] | None = None) -> None:
    """Look at each node in its own time, conclude and publish, until `stop` is set; `tell_first` when there is a world."""
    await Loop(observer, stop, tell_first or (lambda: None)).run()


class Loop:
    """One task a node; none waits for another, and the publisher waits for none of them."""

    def __init__(
        self, observer: Observer, stop: asyncio.Event, tell_first: Callable[[], None], clocks: Clocks | None = None
    ) -> None:
        """Begin nothing yet."""
        self._observer = observer
        self._stop = stop
        self._tell_first = tell_first
        self._looks: asyncio.Queue[RawLook | None] = asyncio.Queue()
        self._tasks: dict[str, tuple[Looker, asyncio.Task[None]]] = {}
        self._wake: dict[str, asyncio.Event] = {}
        self._looked_at: dict[str, float] = {}
        self._hinted: set[str] = set()
        self._clocks = clocks or Clocks()
        self._quiet: set[str] = set()
        """Nodes whose first look after our host slept is not concluded from, where it fails."""
        self._read_plan_at = time.monotonic()

    async def run(self) -> None:
        """Run until it is time to stop."""
        ending = asyncio.create_task(self._announce_end())
        try:
            await self._follow_plan()
            first = await self._gather_first()
            self._take(first)
            while not self._stop.is_set():
                self._publish()
                self._tell_first()
                looks = await self._gather(PUBLISH_EVERY_S)
                if self._clocks.have_jumped():
                    self._observer.start_afresh()
                    self._quiet = set(self._tasks)
                self._take(looks)
                await self._follow_plan()
        finally:
            tasks = [ending, *(task for _, task in self._tasks.values())]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _gather_first(self) -> list[RawLook]:
        """Return the looks of all nodes, or of those that answered within ten seconds."""
        looks: list[RawLook] = []
        until = time.monotonic() + 10.0
        while len(looks) < len(self._tasks) and time.monotonic() < until and not self._stop.is_set():
            looks += await self._gather(0.5)
        return looks

    async def _gather(self, most_s: float) -> list[RawLook]:
        """Return the looks that ended, as soon as there are some, and at the latest then, or when it is to stop."""
        ended: list[RawLook | None] = []
        with contextlib.suppress(TimeoutError):
            ended.append(await asyncio.wait_for(self._looks.get(), most_s))
        while not self._looks.empty():
            ended.append(self._looks.get_nowait())
        return [look for look in ended if look is not None]

    async def _announce_end(self) -> None:
        """Wake whoever waits for a look, when it is to stop."""
        await self._stop.wait()
        await self._looks.put(None)

    def _take(self, looks: list[RawLook]) -> None:
        """Conclude from looks, one after the other where there are several of one node."""
        while looks:
            batch = {look.node: look for look in reversed(looks)}
            looks = [look for look in looks if batch[look.node] is not look]
            told = [look for look in batch.values() if not self._is_hushed(look)]
            concluded = self._observer.conclude(told)
            for node, seconds in concluded.look_again.items():
                asyncio.get_running_loop().call_later(seconds, self._wake_up, node)

    def _is_hushed(self, look: RawLook) -> bool:
        was_quiet = look.node in self._quiet
        self._quiet.discard(look.node)
        return was_quiet and any(source.reason_class for source in look.sources)

    def _wake_up(self, node: str) -> None:
        if node in self._wake:
            self._wake[node].set()

    def _publish(self) -> None:
        now = time.time()
        if not self._observer.is_due(now):
            return
        try:
            self._observer.publish(now)
        except SupervisorError as error:
            self._observer.complain(str(error))

    async def _follow_plan(self) -> None:
        """Read the inventory again every few seconds, and begin and end tasks as it says."""
        if self._tasks and time.monotonic() - self._read_plan_at < READ_PLAN_S:
            return
        self._read_plan_at = time.monotonic()
        try:
            if self._tasks and not self._observer.has_plan_changed():
                return
            self._observer.read_plan()
        except SupervisorError as error:
            self._observer.complain(f"{error}; going on with the inventory as it was")
        lookers = await self._observer.refresh_lookers()
        for node in [node for node, (looker, _) in self._tasks.items() if lookers.get(node) is not looker]:
            self._tasks.pop(node)[1].cancel()
        for node, looker in lookers.items():
            if node not in self._tasks:
                self._wake[node] = asyncio.Event()
                self._tasks[node] = looker, asyncio.create_task(self._look_again_and_again(node, looker))

    async def _look_again_and_again(self, node: str, looker: Looker) -> None:
        listening = asyncio.create_task(looker.listen(lambda: self._hint(node)))
        is_first = True
        try:
            while True:
                self._wake[node].clear()
                self._looked_at[node] = time.monotonic()
                await self._looks.put(await self._observer.look_at(looker))
                await asyncio.sleep(TAKE_IN_S)
                pause_s = self._pause(node) * (0.5 + phase(node) / 2 if is_first else 1.0)
                is_first = False
                self._observer.next_looks[node] = round(time.time() + pause_s, 1)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake[node].wait(), pause_s)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    def _pause(self, node: str) -> float:
        assert self._observer.plan is not None  # noqa: S101 - it was read when the loop began
        of_node = self._observer.plan.nodes.get(node)
        every = of_node.every if of_node else self._observer.settings.observe_every
        is_intermittent = of_node is not None and of_node.is_intermittent
        return pause_after(self._observer.memory.nodes.get(node), every, is_intermittent=is_intermittent)

    def _hint(self, node: str) -> None:
        """Look at a node in a second, since its engine said that something happened; at most once in five."""
        if node in self._hinted:
            return
        self._hinted.add(node)
        since_s = time.monotonic() - self._looked_at.get(node, 0.0)
        asyncio.get_running_loop().call_later(max(HINT_S, HINTS_EVERY_S - since_s), self._follow_hint, node)

    def _follow_hint(self, node: str) -> None:
        self._hinted.discard(node)
        self._wake_up(node)

"""An inventory of lab nodes with one observer, which a test looks through step by step."""

import asyncio
import json
import time
from contextlib import asynccontextmanager

from flows.observer.observer import Observer
from flows.settings import Settings


class Fleet:
    """An inventory of lab nodes, and one observer that keeps its connections."""

    def __init__(self, root, **addresses):
        self.settings = Settings(inventory=root / "inv", world=root / "world", state_dir=root / "state")
        for name, (address, services) in addresses.items():
            folder = self.settings.inventory / "hosts" / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "services.yaml").write_text(json.dumps({"services": services}))
            (folder / "node.yaml").write_text(json.dumps({"observe": {"docker": address}}))

    @asynccontextmanager
    async def opened(self):
        observer = Observer(self.settings, print)
        async with observer.opened():
            self.observer = observer
            yield self

    async def look(self):
        begun = time.monotonic()
        await self.observer.look_once()
        return time.monotonic() - begun

    def read(self, name):
        return json.loads((self.settings.world / f"{name}.json").read_text())

    @property
    def nodes(self):
        return self.read("nodes")

    def service(self, key):
        return self.read("services").get(key, {})

    async def look_until(self, test, most_s=20.0):
        begun = time.monotonic()
        while True:
            await self.look()
            if test():
                return
            assert time.monotonic() - begun < most_s, (self.nodes, self.read("services"))
            await asyncio.sleep(0.3)


def watched(root, steps, **addresses):
    """Run steps, which are given the fleet, with one observer."""

    async def run():
        async with Fleet(root, **addresses).opened() as fleet:
            return await steps(fleet)

    return asyncio.run(run())

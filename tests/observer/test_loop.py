"""OBSERVER 5: the loop: hints of the engine, a stop, an inventory that changes, a host that slept."""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib import import_module

import pytest

from flows.files.own import fill, sweep_folder
from flows.observer import state
from flows.observer.loop import Loop
from flows.observer.observer import Observer
from flows.observer.pace import Clocks, pause_after, phase
from flows.observer.publish import Publisher
from flows.settings import Settings
from schemas.look_words import NodeStatus, ReasonClass
from schemas.observed import Node, NodeLook
from tests.helpers.fake_engine import FakeEngine, asked_for, composed

WAITS = {
    "flows.observer.loop": ("READ_PLAN_S", "TAKE_IN_S", "HINT_S", "HINTS_EVERY_S", "PUBLISH_EVERY_S"),
    "flows.observer.observer": ("PUBLISH_EVERY_S",),
    "flows.engines.events": ("PAUSE_S", "FIRST_LOOK_S"),
}


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    """Let what the loop waits for be a tenth as long: nothing here is about how long it is."""
    for module, names in WAITS.items():
        for name in names:
            monkeypatch.setattr(f"{module}.{name}", getattr(import_module(module), name) / 10)


@pytest.fixture
def settings(tmp_path):
    return Settings(inventory=tmp_path / "inv", world=tmp_path / "world", state_dir=tmp_path / "state")


def write_node(settings, name, docker, services="services: {}\n"):
    folder = settings.inventory / "hosts" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "services.yaml").write_text(services)
    (folder / "node.yaml").write_text(json.dumps({"observe": {"docker": docker}}))


@asynccontextmanager
async def looping(settings, clocks=None):
    """Run the loop; yields the observer and what was complained of."""
    complaints, stop = [], asyncio.Event()
    observer = Observer(settings, complaints.append)
    async with observer.opened():
        loop = asyncio.create_task(Loop(observer, stop, lambda: None, clocks).run())
        try:
            yield observer, complaints
        finally:
            stop.set()
            begun = time.monotonic()
            await loop
            assert time.monotonic() - begun < 2


async def until(test, most_s=15.0):
    begun = time.monotonic()
    while True:
        try:
            if test():
                return time.monotonic() - begun
        except (OSError, KeyError, ValueError):
            pass
        assert time.monotonic() - begun < most_s
        await asyncio.sleep(0.02)


def read(settings, name):
    return json.loads((settings.world / f"{name}.json").read_text())


WEB = "services: {web: {}}\n"


def test_a_change_is_seen_at_once_where_the_engine_tells_of_events(settings, tmp_path):
    web = composed("shop", "web")

    async def run():
        with FakeEngine([web], tmp_path / "e") as fake:
            write_node(settings, "piha", fake.url, WEB)
            async with looping(settings):
                await until(lambda: read(settings, "services")["piha/web"]["status"] == "healthy")
                await until(lambda: fake.listeners == 1)
                web.update(state="exited", exit_code=137)
                fake.tell({"status": "die"})
                took_s = await until(lambda: read(settings, "services")["piha/web"]["status"] == "exited")
        return took_s, [target for target in fake.requests if "events" in target]

    took_s, asked = asyncio.run(run())
    assert took_s < 8
    assert "exec_die" not in asked[0]
    assert "health_status" in asked[0]


def test_what_happened_before_events_were_heard_is_looked_for(settings, tmp_path):
    async def run():
        with FakeEngine([composed("shop", "web")], tmp_path / "e") as fake:
            write_node(settings, "piha", fake.url, WEB)
            async with looping(settings):
                await until(lambda: fake.listeners == 1)
                looks = asked_for(fake, "/containers/json")
                await until(lambda: asked_for(fake, "/containers/json") > looks, 5)

    asyncio.run(run())


def test_a_stream_of_events_that_ends_is_a_look_and_is_opened_again(settings, tmp_path):
    async def run():
        with FakeEngine([composed("shop", "web")], tmp_path / "e") as fake:
            write_node(settings, "piha", fake.url, WEB)
            async with looping(settings):
                await until(lambda: fake.listeners == 1)
                looks, streams = asked_for(fake, "/containers/json"), asked_for(fake, "/events")
                fake.end_streams()
                await until(lambda: asked_for(fake, "/containers/json") > looks)
                await until(lambda: asked_for(fake, "/events") > streams and fake.listeners == 1)

    asyncio.run(run())


def test_a_hung_node_does_not_hold_up_the_others(settings, tmp_path, monkeypatch):
    monkeypatch.setattr("flows.engines.engine.LIST_S", 1.0)

    async def run():
        with FakeEngine([], tmp_path / "a") as hung, FakeEngine([composed("shop", "web")], tmp_path / "b") as fine:
            hung.hung.add("/_ping")
            write_node(settings, "hung", hung.url)
            write_node(settings, "piha", fine.url, WEB)
            async with looping(settings):
                await until(lambda: read(settings, "services")["piha/web"])
                await until(lambda: read(settings, "nodes")["hung"].get("reason_class") == "timeout", 20)
                return read(settings, "nodes")

    nodes = asyncio.run(run())
    assert (nodes["hung"]["status"], nodes["piha"]["status"]) == ("unobservable", "online")


def test_a_generation_that_failed_after_it_was_named_is_no_hindrance_to_the_next(settings, tmp_path, monkeypatch):
    prune, failed = Publisher._prune, []

    def fail_once(publisher):
        if not failed:
            failed.append(read(settings, "manifest")["generation"])
            raise OSError(5, "Input/output error")
        prune(publisher)

    async def run():
        with FakeEngine([composed("shop", "web")], tmp_path / "e") as fake:
            write_node(settings, "piha", fake.url, WEB)
            monkeypatch.setattr(Publisher, "_prune", fail_once)
            async with looping(settings) as (_, complaints):
                await until(lambda: read(settings, "manifest")["generation"] > 1)
                return complaints

    complaints = asyncio.run(run())
    assert failed == [1]
    assert len(complaints) == 1


def test_a_node_that_comes_into_the_inventory_is_looked_at(settings, tmp_path):
    async def run():
        with FakeEngine([composed("shop", "web")], tmp_path / "e") as fake:
            write_node(settings, "piha", fake.url, WEB)
            async with looping(settings):
                await until(lambda: read(settings, "nodes")["piha"])
                write_node(settings, "attic", fake.url, WEB)
                await until(lambda: read(settings, "nodes")["attic"]["status"] == "online")

    asyncio.run(run())


def test_an_unreadable_inventory_is_complained_of_and_the_old_one_goes_on(settings, tmp_path):
    async def run():
        with FakeEngine([composed("shop", "web")], tmp_path / "e") as fake:
            write_node(settings, "piha", fake.url, WEB)
            async with looping(settings) as (_, complaints):
                await until(lambda: read(settings, "services")["piha/web"])
                (settings.inventory / "hosts").rename(settings.inventory / "moved")
                await until(lambda: complaints)
                return complaints[0], read(settings, "nodes")

    complaint, nodes = asyncio.run(run())
    assert "going on with the inventory as it was" in complaint
    assert set(nodes) == {"piha"}


def test_after_our_host_slept_failures_start_afresh_and_one_pass_is_quiet(settings, tmp_path):
    slept = {"s": 0.0}
    clocks = Clocks(lambda: time.time() + slept["s"], time.monotonic)

    async def run():
        fake = FakeEngine([composed("shop", "web")], tmp_path / "e")
        with fake:
            write_node(settings, "piha", fake.url, WEB)
            async with looping(settings, clocks) as (observer, _):
                await until(lambda: read(settings, "services")["piha/web"])
                node = observer.memory.nodes["piha"]
                observer.memory.nodes["piha"] = Node(
                    node="piha",
                    status=node.status,
                    last_seen=node.last_seen,
                    failures=2,
                    failing_since=1.0,
                    look=node.look,
                )
                slept["s"] = 7200.0
                await until(lambda: observer.memory.nodes["piha"].failures == 0)
                return observer.memory.nodes["piha"]

    node = asyncio.run(run())
    assert (node.status, node.failing_since) == (NodeStatus.ONLINE, None)


def test_the_first_failed_look_after_a_sleep_is_not_concluded_from(settings, tmp_path):
    async def run():
        with FakeEngine([], tmp_path / "e") as fake:
            write_node(settings, "piha", fake.url)
            observer = Observer(settings, lambda _: None)
            async with observer.opened():
                await observer.look_once()
                loop = Loop(observer, asyncio.Event(), lambda: None)
                loop._quiet = {"piha"}
                fake.status["/_ping"] = 502
                (looker,) = observer.lookers.values()
                failed = await observer.look_at(looker)
                loop._take([failed])
                first = observer.memory.nodes["piha"].failures
                loop._take([failed])
                return first, observer.memory.nodes["piha"].failures

    assert asyncio.run(run()) == (0, 1)


@pytest.mark.parametrize(
    ("failures", "reason", "pause"),
    [(0, None, 30), (1, "timeout", 5), (2, "timeout", 30), (3, "timeout", 60), (5, "timeout", 240), (9, "timeout", 300), (1, "auth", 300)],
)  # fmt: skip
def test_pauses_grow_with_failures(failures, reason, pause):
    look = NodeLook(node="piha", ended_at=0.0, reason_class=ReasonClass(reason) if reason else None)
    node = Node(node="piha", status=NodeStatus.ONLINE, failures=failures, look=look)

    assert pause_after(node, timedelta(seconds=30), lambda: 0.5) == pause
    assert pause_after(node, timedelta(seconds=30), lambda: 1.0) == pytest.approx(pause * 1.1)


@pytest.mark.parametrize(
    ("failures", "after_s", "is_intermittent", "pause"),
    [
        pytest.param(3, 110, False, 10, id="its end is not slept through"),
        pytest.param(9, 3500, True, 100, id="an intermittent node's neither"),
        pytest.param(2, 5, False, 30, id="a pause that ends before it stays"),
        pytest.param(1, 119, False, 5, id="one more failure would not be enough"),
        pytest.param(4, 130, False, 120, id="after it the pauses are long"),
    ],
)
def test_a_silent_node_is_looked_at_when_patience_with_it_ends(failures, after_s, is_intermittent, pause):
    look = NodeLook(node="piha", ended_at=1_000.0 + after_s, reason_class=ReasonClass.TIMEOUT)
    node = Node(node="piha", status=NodeStatus.ONLINE, failures=failures, failing_since=1_000.0, look=look)

    assert pause_after(node, timedelta(seconds=30), lambda: 0.5, is_intermittent=is_intermittent) == pause


def test_a_quiet_world_is_written_within_each_minute(settings, tmp_path):
    async def run():
        write_node(settings, "piha", "none")
        observer = Observer(settings, lambda _: None)
        async with observer.opened():
            await observer.refresh_lookers()
            observer.publish(1_000.0)
            return [observer.is_due(1_000.0 + after_s) for after_s in (50.0, 58.0)]

    assert asyncio.run(run()) == [False, True]


def test_phases_spread_nodes():
    phases = [phase(f"node{number}") for number in range(100)]

    assert min(phases) < 0.1
    assert max(phases) > 0.9


def test_a_run_in_the_same_process_does_not_sweep_what_is_being_remembered(settings, tmp_path, monkeypatch):
    """`watch --observe`: the run sweeps its folder of temporary files while the observer writes there."""

    async def run():
        write_node(settings, "piha", "none")
        observer = Observer(settings, lambda _: None)
        async with observer.opened():

            def sweep_in_between(descriptor, data):
                fill(descriptor, data)
                sweep_folder(settings.state_dir)

            monkeypatch.setattr(state, "fill", sweep_in_between)
            await observer.look_once()

    asyncio.run(run())
    assert state.load_memory(settings.state_dir).generation == 1

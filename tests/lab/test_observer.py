"""OBSERVER 6 with real engines: what the observer says of nodes that break, over tcp, a unix socket and ssh."""

import asyncio
import json
import subprocess
import time

import psutil
import pytest

from flows.cli import _run
from tests.lab.fleet import watched
from tests.lab.node import until

pytestmark = pytest.mark.engine
MARKER = "s3cr3t-marker"
COMPOSE = [f"com.docker.compose.{name}" for name in ("project", "service", "container-number", "oneoff", "config-hash")]


def ways(node):
    return {"tcp": node.url, "unix": f"unix://{node.socket}", "ssh": f"ssh://root@{node.name}"}


APP = {"web": {"runtime": {"project": "app", "compose_service": "web"}}}


@pytest.mark.parametrize("way", ["tcp", "unix", "ssh"])
def test_a_healthy_container_is_healthy_by_each_way(node, tmp_path, way):
    node.run("web", healthcheck="true", env=(f"PASSWORD={MARKER}",), labels={"auth": MARKER})

    async def steps(fleet):
        await fleet.look_until(lambda: fleet.service("node1/web").get("status") == "healthy")
        return fleet.nodes["node1"]

    found = watched(tmp_path, steps, node1=(ways(node)[way], APP))

    assert (found["status"], found["engine"]["kind"], abs(found["clock_skew_s"]) < 2) == ("online", "docker", True)
    texts = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(MARKER.encode() in text for text in texts)


def test_health_states_and_ends_are_told_apart(node, tmp_path):
    node.run("sick", healthcheck="false")
    node.run("loop", "exit 0", restart="always")
    node.run("gone", "exit 3")
    node.run("held")
    node.run("bad", start=False)
    node.api("POST", "/containers/app-held-1/pause")
    names = ("sick", "loop", "gone", "held")
    services = {name: {} for name in names}

    async def steps(fleet):
        wanted = {"sick": "unhealthy", "loop": "crash_looping", "gone": "exited", "held": "paused"}
        await fleet.look_until(
            lambda: all(fleet.service(f"node1/{n}").get("status") == w for n, w in wanted.items()), 40
        )
        return fleet.service("node1/app-bad"), fleet.service("node1/gone")

    unstarted, gone = watched(tmp_path, steps, node1=(node.url, services))

    assert (unstarted["status"], unstarted["containers"][0]["word"]) == ("starting", "created")
    assert gone["containers"][0]["exit_code"] == 3


def test_a_container_killed_again_and_again_loops_though_it_runs(node, tmp_path):
    node.run("web", restart="always")

    async def steps(fleet):
        await fleet.look()
        for _ in range(5):
            before = node.state("app-web-1")["StartedAt"]
            until(lambda: node.state("app-web-1")["Pid"] and node.state("app-web-1")["Running"])
            node.sh(f"kill -9 {node.state('app-web-1')['Pid']}")
            until(lambda b=before: node.state("app-web-1")["Running"] and node.state("app-web-1")["StartedAt"] != b, 20)
            await fleet.look()
        return fleet.service("node1/web")["status"]

    assert watched(tmp_path, steps, node1=(node.url, APP)) == "crash_looping"


@pytest.mark.parametrize("way", ["tcp", "ssh"])
def test_a_cut_node_times_out_keeps_its_services_and_heals(lab, node, tmp_path, way):
    node.run("web")

    async def steps(fleet):
        await fleet.look()
        before = fleet.service("node1/web")
        node.cut()
        took_s = await fleet.look()
        cut = fleet.nodes["node1"], fleet.service("node1/web"), fleet.nodes["node2"]["status"]
        node.heal()
        await fleet.look_until(lambda: "reason_class" not in fleet.nodes["node1"], 40)
        return before, cut, took_s, fleet.service("node1/web")

    before, (found, kept, other), took_s, healed = watched(
        tmp_path, steps, node1=(ways(node)[way], APP), node2=(lab["node2"].url, {})
    )

    assert (found["status"], found["reason_class"], other) == ("online", "timeout", "online")
    assert (kept["status"], kept["last_seen"]) == ("healthy", before["last_seen"])
    assert "stale_since" in kept
    assert "stale_since" not in healed
    assert took_s < 16


@pytest.mark.parametrize("way", ["tcp", "ssh"])
def test_a_hung_engine_times_out_at_the_deadline_while_others_are_seen(lab, node, tmp_path, way):
    node.run("web")

    async def steps(fleet):
        await fleet.look()
        node.hang_engine()
        try:
            took_s = await fleet.look()
        finally:
            node.unhang_engine()
        hung = fleet.nodes["node1"], fleet.nodes["node2"]["status"]
        await fleet.look_until(lambda: "reason_class" not in fleet.nodes["node1"])
        return hung, took_s

    (found, other), took_s = watched(tmp_path, steps, node1=(ways(node)[way], APP), node2=(lab["node2"].url, {}))

    assert (found["reason_class"], other) == ("timeout", "online")
    assert 7 < took_s < 12


@pytest.mark.parametrize(
    ("way", "classes"), [("tcp", {"refused", "reset"}), ("unix", {"refused", "no_socket", "reset"})]
)
def test_a_killed_engine_is_refused_and_comes_back(node, tmp_path, way, classes):
    node.run("web", restart="always")

    async def steps(fleet):
        await fleet.look()
        node.kill_engine()
        await fleet.look()
        found = fleet.nodes["node1"]
        node.start_engine()
        await fleet.look_until(lambda: "reason_class" not in fleet.nodes["node1"])
        return found

    found = watched(tmp_path, steps, node1=(ways(node)[way], APP))

    assert found["status"] == "online"
    assert found["reason_class"] in classes


def test_a_killed_engine_behind_a_kept_tunnel_comes_back_through_the_same(node, tmp_path):
    node.run("web", restart="always")

    async def steps(fleet):
        await fleet.look()
        (looker,) = fleet.observer.lookers.values()
        tunnel = looker.sources[0]._tunnel._process.pid
        node.kill_engine()
        await fleet.look()
        await fleet.look()
        found = fleet.nodes["node1"]
        node.start_engine()
        await fleet.look_until(lambda: "reason_class" not in fleet.nodes["node1"])
        return found, tunnel == looker.sources[0]._tunnel._process.pid

    found, is_same = watched(tmp_path, steps, node1=(ways(node)["ssh"], APP))

    assert found["reason_class"] in {"reset", "socket", "no_socket"}
    assert is_same


def test_sshd_that_is_gone_is_refused_only_when_the_tunnel_has_ended(node, tmp_path):
    async def steps(fleet):
        await fleet.look()
        node.stop_sshd()
        await fleet.look()
        kept = fleet.nodes["node1"].get("reason_class")
        (looker,) = fleet.observer.lookers.values()
        await looker.sources[0]._tunnel.close()
        await fleet.look()
        return kept, fleet.nodes["node1"]["reason_class"]

    try:
        kept, ended = watched(tmp_path, steps, node1=(ways(node)["ssh"], {}))
    finally:
        node.start_sshd()

    assert (kept, ended) == (None, "refused")


def test_a_changed_host_key_is_hard_and_never_accepted(lab, node, tmp_path):
    async def steps(fleet):
        await fleet.look()
        return fleet.nodes["node1"]

    node.stop_sshd()
    node.start_sshd(new_host_key=True)
    try:
        found = watched(tmp_path, steps, node1=(ways(node)["ssh"], {}))
    finally:
        lab.trust()

    assert (found["status"], found["reason_class"]) == ("unobservable", "host_key")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("ssh://nobody-there@node1", "auth"),
        ("ssh://ops@node1", "permission"),
        ("ssh://root@node1/run/none.sock", "no_socket"),
    ],
)
def test_why_ssh_does_not_lead_to_an_engine(node, tmp_path, address, reason):
    async def steps(fleet):
        await fleet.look()
        return fleet.nodes["node1"]

    found = watched(tmp_path, steps, node1=(address, {}))

    assert (found["status"], found["reason_class"]) == ("unobservable", reason)


@pytest.fixture
def without_forwarding(node):
    """The node's sshd forwards no sockets."""
    node.stop_sshd()
    node.start_sshd("AllowStreamLocalForwarding no")
    yield
    node.stop_sshd()
    node.start_sshd()


@pytest.mark.usefixtures("without_forwarding")
def test_where_forwarding_is_forbidden_docker_dials_once_and_stays_connected(node, tmp_path):
    node.run("web")

    async def steps(fleet):
        await fleet.look()
        first = _dialling()
        await fleet.look()
        node.run("more")
        await fleet.look()
        kept = _dialling() == first and len(first) == 1
        found = fleet.nodes["node1"], fleet.service("node1/web"), fleet.service("node1/app-more")
        node.kill_engine()
        await fleet.look()
        dead = fleet.nodes["node1"]["reason_class"]
        node.start_engine()
        await fleet.look_until(lambda: "reason_class" not in fleet.nodes["node1"])
        return kept, found, dead

    kept, (found, web, more), dead = watched(tmp_path, steps, node1=(ways(node)["ssh"], APP))

    assert kept
    assert (found["status"], web["status"], more["status"]) == ("online", "healthy", "healthy")
    assert dead in {"reset", "timeout"}
    assert not _dialling()


@pytest.mark.usefixtures("without_forwarding")
def test_where_docker_cannot_dial_either_forbidden_forwarding_is_named(node, tmp_path):
    async def steps(fleet):
        node.kill_engine()
        await fleet.look()
        return fleet.nodes["node1"]

    try:
        found = watched(tmp_path, steps, node1=(ways(node)["ssh"], {}))
    finally:
        node.start_engine()

    assert found["reason_class"] in {"socket", "no_socket"}
    assert "engine is down" in found["reason"]


def _dialling():
    found = psutil.process_iter(["pid", "cmdline"])
    lines = {one.pid: one.info["cmdline"] or [""] for one in found}
    return {pid for pid, line in lines.items() if line[0] == "ssh" and "dial-stdio" in line[-1]}


def test_a_real_recreate_by_compose_is_one_deployment_and_never_bad(node, tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    compose = folder / "compose.yaml"

    def up(value):
        compose.write_text(
            json.dumps({
                "services": {
                    "web": {
                        "image": "lab:1", "command": ["sh", "-c", "exec sleep 1000000"], "network_mode": "host",
                        "environment": {"V": value}, "stop_grace_period": "2s",
                    }
                }
            })
        )  # fmt: skip
        return subprocess.Popen(
            ["docker", "-H", node.url, "compose", "-p", "shop", "-f", str(compose), "up", "-d"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    async def steps(fleet):
        assert up("1").wait(60) == 0
        await fleet.look()
        running = up("2")
        seen = []
        while running.poll() is None:
            await fleet.look()
            seen.append(fleet.service("node1/web").get("status"))
        await fleet.look_until(lambda: [d["status"] for d in fleet.read("deployments").values()] == ["completed"], 30)
        return seen, list(fleet.read("deployments").values())

    services = {"web": {"runtime": {"project": "shop", "compose_service": "web"}}}
    seen, (deployment,) = watched(tmp_path, steps, node1=(node.url, services))

    assert set(seen) <= {"healthy", "starting"}
    assert deployment["change"] == "config"


def test_from_a_death_to_the_world_it_takes_seconds_where_events_are_heard(node, tmp_path):
    node.run("web")

    async def steps(fleet):
        from flows.observer.loop import Loop

        stop = asyncio.Event()
        loop = asyncio.create_task(Loop(fleet.observer, stop, lambda: None).run())
        took = []
        try:
            for _ in range(3):  # a fourth start within ten minutes is a crash loop
                await _until(lambda: fleet.service("node1/web").get("status") == "healthy")
                await asyncio.sleep(6)
                begun = time.monotonic()
                await asyncio.to_thread(node.api, "POST", "/containers/app-web-1/kill")
                await _until(lambda: fleet.service("node1/web").get("status") == "exited")
                took.append(time.monotonic() - begun)
                await asyncio.to_thread(node.api, "POST", "/containers/app-web-1/start")
        finally:
            stop.set()
            await loop
        return took

    took = watched(tmp_path, steps, node1=(node.url, APP))

    print("from death to world:", sorted(round(s, 2) for s in took))
    assert max(took) < 6


async def _until(test, most_s=40.0):
    begun = time.monotonic()
    while True:
        try:
            if test():
                return
        except (OSError, ValueError):
            pass
        assert time.monotonic() - begun < most_s
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("way", ["tcp", "ssh"])
def test_the_first_inventory_of_a_real_engine_is_nominal_at_once(node, tmp_path, capsys, way):
    node.run("web", healthcheck="true", env=(f"PASSWORD={MARKER}",))
    node.run("db")
    node.run("migrate", "exit 0", labels={"supervisor.run": "once"})
    node.run("old", "exit 3")
    node.run("plain", name="Plain.Old", labels=dict.fromkeys(COMPOSE, ""))
    until(lambda: node.state("app-web-1")["Health"]["Status"] == "healthy", 20)
    until(lambda: not node.state("app-old-1")["Running"] and not node.state("app-migrate-1")["Running"])
    inventory = tmp_path / "inv"
    places = ["--inventory", str(inventory), "--config", str(inventory / "supervisor.yaml")]

    assert _run(["observe", "--init", str(inventory), "--docker", ways(node)[way]]) == 0
    assert _run(["observe", "--once", *places]) == 0
    capsys.readouterr()
    assert _run(["reconcile", "--format", "json", *places]) == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["summary"]["state"], told["drift"], told["unread"]) == ("nominal", [], [])
    texts = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(MARKER.encode() in text for text in texts)

"""More of OBSERVER 6 with real nodes: power, engines that come back alone, dead addresses, sshd that hangs or is not known."""

import os
import signal
from pathlib import Path

import pytest

from tests.lab.fleet import watched
from tests.lab.node import until
from tests.lab.places import STATE

pytestmark = pytest.mark.engine
APP = {"web": {"runtime": {"project": "app", "compose_service": "web"}}}


def test_an_engine_that_comes_back_without_live_restore_shows_truthfully_what_it_ended(node, tmp_path):
    node.run("web")

    async def steps(fleet):
        await fleet.look()
        node.kill_engine()
        node.start_engine()
        until(lambda: not node.state("app-web-1")["Running"], 20)
        await fleet.look()
        await fleet.look()
        return fleet.service("node1/web"), [one["trigger_type"] for one in fleet.read("incidents").values()]

    found, incidents = watched(tmp_path, steps, node1=(node.url, APP))

    assert found["status"] in {"exited", "oom_killed"}
    assert found["containers"][0]["exit_code"] != 0
    assert incidents == ["containers_not_running"]


def test_a_node_without_power_is_silent_and_comes_back_as_it_is_found(lab, tmp_path):
    node = lab["node3"]
    node.run("web", restart="always")
    node.run("once")

    async def steps(fleet):
        await fleet.look()
        node.power_off()
        await fleet.look()
        off = fleet.nodes["node3"], fleet.service("node3/web")
        node.power_on()
        node.start_sshd()
        until(lambda: node.state("app-web-1")["Running"], 20)
        await fleet.look_until(lambda: "reason_class" not in fleet.nodes["node3"])
        return off, fleet.service("node3/web")["status"], fleet.service("node3/once")["status"]

    try:
        (silent, kept), web, once = watched(tmp_path, steps, node3=(node.url, {"web": {}, "once": {}}))
    finally:
        node.clear()

    assert (silent["status"], silent["reason_class"] in {"timeout", "no_route"}) == ("online", True)
    assert "stale_since" in kept
    assert (web, once) == ("healthy", "exited")


@pytest.mark.parametrize(
    ("address", "reasons"),
    [
        pytest.param("tcp://10.66.0.99:2375", {"no_route", "timeout"}, id="a dead neighbour"),
        pytest.param("tcp://203.0.113.1:2375", {"no_route"}, id="no network leads there"),
        pytest.param("ssh://root@203.0.113.1", {"no_route"}, id="by ssh"),
        pytest.param("ssh://root@10.66.0.11:2222", {"refused"}, id="no sshd on that port"),
        pytest.param("ssh://root@no-such-name.invalid", {"dns"}, id="no such name"),
    ],
)
@pytest.mark.usefixtures("lab")
def test_where_nothing_is_has_its_reason(tmp_path, address, reasons):
    async def steps(fleet):
        took_s = await fleet.look()
        return fleet.nodes["node1"]["reason_class"], took_s

    found, took_s = watched(tmp_path, steps, node1=(address, {}))

    assert found in reasons
    assert took_s < 8


def test_a_host_key_that_nobody_knows_is_hard(lab, node, tmp_path):
    async def steps(fleet):
        await fleet.look()
        return fleet.nodes["node1"]

    (STATE / "known_hosts").write_text("")
    try:
        found = watched(tmp_path, steps, node1=(f"ssh://root@{node.name}", {}))
        accepted = (STATE / "known_hosts").read_text()
    finally:
        lab.trust()

    assert (found["status"], found["reason_class"], accepted) == ("unobservable", "host_key", "")


def test_a_hung_sshd_times_out_within_seconds(node, tmp_path):
    async def steps(fleet):
        os.kill(node.sshd, signal.SIGSTOP)
        try:
            took_s = await fleet.look()
        finally:
            os.kill(node.sshd, signal.SIGCONT)
            node.wake()
        return fleet.nodes["node1"]["reason_class"], took_s

    found, took_s = watched(tmp_path, steps, node1=(f"ssh://root@{node.name}", {}))

    assert found == "timeout"
    assert took_s < 8


def test_one_connection_is_kept_however_often_a_node_is_looked_at(node, tmp_path):
    def connections():
        table = Path(f"/proc/{node.init}/net/tcp").read_text().splitlines()[1:]
        return sum(line.split()[1].endswith(":0016") and line.split()[3] == "01" for line in table)

    async def steps(fleet):
        counts = []
        for _ in range(10):
            await fleet.look()
            counts.append(connections())
        return counts

    assert watched(tmp_path, steps, node1=(f"ssh://root@{node.name}", {})) == [1] * 10

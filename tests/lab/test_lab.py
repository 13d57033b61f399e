"""What the other tests of engines rely on: nodes break and mend as they are told."""

import socket
import subprocess

import pytest

from tests.lab.node import is_served, until

pytestmark = pytest.mark.engine


def test_a_failing_check_makes_a_container_unhealthy(node):
    node.run("web", healthcheck="test ! -e /tmp/sick")

    node.exec("app-web-1", "touch /tmp/sick")

    until(lambda: node.state("app-web-1")["Health"]["Status"] == "unhealthy", 15)


def test_a_cut_node_does_not_answer_while_its_containers_run_on(node):
    node.run("web")

    node.cut()

    with pytest.raises(TimeoutError):
        socket.create_connection((node.ip, 2375), 1)
    assert node.state("app-web-1")["Running"]


def test_a_hung_engine_accepts_and_does_not_answer(node):
    node.hang_engine()
    try:
        with pytest.raises(TimeoutError):
            node.api("GET", "/_ping", timeout_s=1)
    finally:
        node.unhang_engine()


def test_a_killed_engine_leaves_its_containers(node):
    node.run("web", "exec httpd -f -p 8000")
    until(lambda: is_served(node.ip, 8000))

    node.kill_engine()

    assert is_served(node.ip, 8000)
    node.start_engine()


def test_a_node_keeps_its_containers_over_a_power_cut(lab):
    node = lab["node2"]
    node.run("web")

    node.power_off()
    node.power_on()
    node.start_sshd()

    assert node.state("app-web-1")["Status"] == "exited"
    node.clear()


def test_ssh_reaches_the_engine_for_those_who_may(node):
    node.run("web")

    listed = subprocess.run(
        ["docker", "-H", f"ssh://root@{node.name}", "ps", "-q"], capture_output=True, text=True, check=True
    )
    refused = subprocess.run(["ssh", f"ops@{node.name}", "docker ps"], capture_output=True, text=True, check=False)

    assert len(listed.stdout.split()) == 1
    assert "permission denied" in refused.stderr


def test_compose_is_there(node):
    shown = subprocess.run(
        ["docker", "-H", node.url, "compose", "version", "--short"], capture_output=True, text=True, check=True
    )

    assert shown.stdout.startswith("2.")

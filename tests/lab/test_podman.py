"""A real Podman service: what its list does not tell, and what its crash loops look like (OBSERVER 2.1)."""

import pytest

from flows.engines import container_rows
from tests.lab.fleet import watched
from tests.lab.podman import Podman

pytestmark = pytest.mark.engine


@pytest.fixture
def podman(node):
    with Podman(node) as podman:
        yield podman


def test_podman_is_seen_with_its_health_its_ends_and_its_loops(podman, tmp_path, monkeypatch):
    monkeypatch.setattr(container_rows, "LEAST_BUDGET_S", 2.0)
    monkeypatch.setattr(container_rows, "GRACE_S", 0.0)
    check = ("--health-cmd", "true", "--health-interval", "1s", "--health-timeout", "1s", "--health-retries", "1")
    podman.run("plain")
    podman.run("gone", "exit 3")
    podman.run("idle", "exec sleep 1000000", *check)
    podman.run("sick", "exec sleep 1000000", "--health-cmd", "false", "--health-retries", "1")
    podman.run("loop", "sleep 1; exit 0", "--restart=always")
    names = ("plain", "gone", "idle", "sick", "loop")

    async def steps(fleet):
        with pytest.raises(RuntimeError, match="healthcheck"):
            podman("healthcheck", "run", "sick")
        wanted = {"plain": "healthy", "gone": "exited", "idle": "healthy", "sick": "unhealthy", "loop": "crash_looping"}
        await fleet.look_until(
            lambda: {name: fleet.service(f"node1/{name}").get("status") for name in names} == wanted, 60
        )
        return fleet.nodes["node1"]["engine"], fleet.service("node1/gone"), fleet.read("runtime-summary")["notes"]

    engine, gone, notes = watched(tmp_path, steps, node1=(podman.url, {name: {} for name in names}))

    assert engine["kind"] == "podman"
    assert gone["containers"][0]["exit_code"] == 3
    assert any("idle" in note and "health_check_idle" in note for note in notes)


def test_a_paused_one_and_a_project_of_podmans_are_seen(podman, tmp_path):
    labels = {"project": "shop", "service": "web", "container-number": "1", "oneoff": "False"}
    podman.run(
        "shop_web_1",
        "exec sleep 1000000",
        *(f"--label=com.docker.compose.{key}={value}" for key, value in labels.items()),
    )
    podman.run("systemd-held")
    podman("pause", "systemd-held")

    async def steps(fleet):
        await fleet.look()
        return fleet.service("node1/web")["status"], fleet.service("node1/held")["status"]

    services = {"web": {"runtime": {"project": "shop", "compose_service": "web"}}, "held": {}}
    assert watched(tmp_path, steps, node1=(podman.url, services)) == ("healthy", "paused")
    podman("unpause", "systemd-held")

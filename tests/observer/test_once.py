"""`supervisor observe --once` with engines on real sockets: what is in the world afterwards."""

import json
import os
import subprocess
import time

import pytest

from flows.cli import _run
from flows.files import file_system
from flows.observer.hooks import finish_hook, start_hook
from tests.helpers.fake_engine import FakeEngine, composed, container
from tests.helpers.program import SUPERVISOR

MARKER = "s3cr3t-marker"


class Place:
    """An inventory, a world and a state in a temporary folder."""

    def __init__(self, root, capture):
        self.inventory, self.world, self.state = root / "inv", root / "world", root / "state"
        places = {"--inventory": self.inventory, "--world": self.world, "--state-dir": self.state}
        self.options = [str(word) for option in places.items() for word in option]
        self._capture = capture

    def node(self, name, docker, services="", **observe):
        folder = self.inventory / "hosts" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "services.yaml").write_text(f"services:\n{services}" if services else "services: {}\n")
        told = {"docker": docker} | observe
        (folder / "node.yaml").write_text(json.dumps({"observe": told}))

    def observe(self, *more, code=0):
        self._capture.readouterr()
        assert _run(["observe", *self.options, *(more or ("--once",))]) == code, self._capture.readouterr()
        told = self._capture.readouterr()
        assert "Traceback" not in told.err
        return told

    def read(self, name):
        return json.loads((self.world / f"{name}.json").read_text())

    def services(self):
        return {key: record["status"] for key, record in self.read("services").items()}


@pytest.fixture
def place(tmp_path, capfd):
    return Place(tmp_path, capfd)


def test_a_look_writes_the_five_files_and_a_manifest(place, tmp_path):
    with FakeEngine([composed("shop", "web", health="healthy")], tmp_path / "e") as fake:
        place.node("piha", fake.url, "  web: {}\n")
        done = place.observe()

    assert "1 of 1 node seen, 1 service; generation 1" in done.out
    node, record = place.read("nodes")["piha"], place.read("services")["piha/web"]
    assert (node["status"], node["engine"]) == ("online", {"kind": "docker", "version": "26.1.5", "api": "1.45"})
    assert (record["status"], record["parts"], record["restarts"]) == ("healthy", {"good": 1, "total": 1}, 0)
    assert record["containers"][0] | {"started_at": 0} == {
        "id": "c0ffee000001", "name": "shop-web-1", "part": "web", "state": "running", "health": "healthy",
        "word": "healthy", "started_at": 0,
    }  # fmt: skip
    summary = place.read("runtime-summary")
    assert (summary["status"], summary["refreshes"], summary["interval_s"]) == ("NOMINAL", True, 30.0)
    assert abs(time.time() - summary["last_update"]) < 60
    assert place.read("manifest")["folder"] == "generations/1"


def test_what_cannot_be_looked_at_keeps_its_services_with_their_old_time(place, tmp_path):
    with FakeEngine([composed("shop", "web")], tmp_path / "e") as fake:
        place.node("piha", fake.url, "  web: {}\n")
        place.observe()
    before = place.read("services")["piha/web"]

    place.observe()

    node, after = place.read("nodes")["piha"], place.read("services")["piha/web"]
    assert (node["status"], node["reason_class"], node["failures"]) == ("online", "refused", 1)
    assert after.pop("stale_since") > before["last_seen"]
    assert after == before
    assert place.read("runtime-summary")["status"] == "UNKNOWN"


def test_a_node_that_was_never_seen_is_unobservable(place, tmp_path):
    place.node("piha", f"unix://{tmp_path}/none", "  web: {}\n")
    place.observe()

    assert place.read("nodes")["piha"]["status"] == "unobservable"
    assert place.read("services") == {}


def test_what_exited_becomes_an_incident_by_the_second_look_and_ends_so(place, tmp_path):
    web = composed("shop", "web", state="exited", exit_code=137)
    with FakeEngine([web], tmp_path / "e") as fake:
        place.node("piha", fake.url, "  web: {}\n")
        place.observe()
        assert place.read("incidents") == {}
        place.observe()
        (incident,) = place.read("incidents").values()
        assert (incident["trigger_type"], incident["status"]) == ("containers_not_running", "active")
        assert place.read("services")["piha/web"]["incident_id"] == next(iter(place.read("incidents")))
        web["state"] = "running"
        place.observe()
        place.observe()

    (incident,) = place.read("incidents").values()
    assert incident["status"] == "resolved"
    assert "incident_id" not in place.read("services")["piha/web"]


def test_an_unexpected_container_has_a_record_and_no_incident(place, tmp_path):
    with FakeEngine([container(1, "stray", state="exited", exit_code=1)], tmp_path / "e") as fake:
        place.node("piha", fake.url, "  web: {}\n")
        place.observe()
        place.observe()

    assert place.services() == {"piha/stray": "exited"}
    assert place.read("incidents") == {}


def test_a_new_image_is_a_deployment(place, tmp_path):
    with FakeEngine([composed("shop", "web")], tmp_path / "e") as fake:
        place.node("piha", fake.url, "  web: {}\n")
        place.observe()
        fake.containers[:] = [composed("shop", "web", serial=2, image="sha256:" + "cd" * 32)]
        place.observe()

    (deployment,) = place.read("deployments").values()
    assert (deployment["status"], deployment["change"], deployment["trigger"]) == ("completed", "image", "observed")
    assert (deployment["from"], deployment["to"]) == (["ab" * 6], ["cd" * 6])


def test_what_is_replaced_after_a_look_that_came_after_a_hook_is_not_the_hooks(place, tmp_path):
    with FakeEngine([composed("shop", "web")], tmp_path / "e") as fake:
        place.node("piha", fake.url, "  web: {}\n")
        place.observe()
        finish_hook(place.state, start_hook(place.state, "piha", "web"), 0, None)
        place.observe()
        fake.containers[:] = [composed("shop", "web", serial=2)]
        place.observe()

    assert [one["trigger"] for one in place.read("deployments").values()] == ["hook", "observed"]


def test_a_service_that_is_gone_is_kept_for_one_look(place, tmp_path):
    with FakeEngine([composed("shop", "web")], tmp_path / "e") as fake:
        place.node("piha", fake.url, "  web: {}\n")
        place.observe()
        fake.containers.clear()
        place.observe()
        assert place.services() == {"piha/web": "healthy"}
        place.observe()

    assert place.services() == {}


def test_five_starts_are_a_crash_loop_though_it_runs(place, tmp_path):
    web = composed("shop", "web")
    with FakeEngine([web], tmp_path / "e") as fake:
        place.node("piha", fake.url, "  web: {}\n")
        for count in range(5):
            web["restart_count"], web["started"] = count, time.time() - 5 + count
            place.observe()

    assert place.services() == {"piha/web": "crash_looping"}


def test_no_secret_reaches_a_file_of_the_world_or_the_state(place, tmp_path):
    secret = composed(
        "shop",
        "web",
        env=[f"PASSWORD={MARKER}"],
        cmd=["sh", MARKER],
        labels={"auth": MARKER},
        health="unhealthy",
        health_log=MARKER,
        error=MARKER,
    )
    with FakeEngine([secret], tmp_path / "e") as fake:
        place.node("piha", fake.url, "  web: {}\n")
        outputs = [
            place.observe(),
            place.observe(),
            place.observe("--check"),
            place.observe("--part", "--node", "piha"),
        ]

    texts = [path.read_bytes() for folder in (place.world, place.state) for path in folder.rglob("*") if path.is_file()]
    assert sum(map(len, texts)) > 3000
    assert not any(MARKER.encode() in text for text in texts)
    assert not any(MARKER in done.out + done.err for done in outputs)


def test_a_second_observer_exits_with_4_and_says_who(place, tmp_path):
    with FakeEngine([], tmp_path / "e") as fake:
        place.node("piha", fake.url)
        first = subprocess.Popen([*SUPERVISOR, "observe", *place.options])
        try:
            until = time.monotonic() + 20
            while not (place.world / "manifest.json").exists():
                assert time.monotonic() < until
                time.sleep(0.05)
            done = place.observe(code=4)
        finally:
            first.terminate()
        assert first.wait(20) == 0

    assert f"process {first.pid}" in done.err


def test_a_world_that_cannot_be_written_is_5(place, tmp_path):
    place.world.write_text("a file")
    place.node("piha", "none")

    done = place.observe(code=5)

    assert str(place.world) in done.err


def test_a_world_on_a_network_disk_is_a_warning(place, tmp_path, monkeypatch):
    place.node("piha", "none")
    _, kind = file_system.find_file_system(tmp_path, file_system.MOUNTS.read_text())
    monkeypatch.setattr(file_system, "NETWORK", {kind})

    assert f"warning: {place.world}: is on a network file system" in place.observe().err


def test_a_link_in_the_world_is_refused(place, tmp_path):
    place.node("piha", "none")
    place.observe()
    (place.world / "nodes.json").unlink()
    (place.world / "nodes.json").symlink_to(tmp_path / "elsewhere")

    assert "symbolic link" in place.observe(code=5).err


def test_the_observer_of_another_host_is_refused_until_it_is_taken_over(place, tmp_path):
    place.node("piha", "none")
    place.observe()
    manifest = place.read("manifest")
    manifest["observer"]["host"] = "other"
    (place.world / "manifest.json").write_text(json.dumps(manifest))

    assert "--take-over" in place.observe(code=4).err
    place.observe("--once", "--take-over")
    assert place.read("manifest")["observer"]["host"] == os.uname().nodename


@pytest.mark.parametrize("damage", ["lost", "torn", "a named pipe"])
def test_a_lost_memory_is_read_back_from_the_world(place, tmp_path, damage):
    with FakeEngine([composed("shop", "web", state="exited", exit_code=1)], tmp_path / "e") as fake:
        place.node("piha", fake.url, "  web: {}\n")
        place.observe()
        place.observe()
        incidents = place.read("incidents")
        memory = place.state / "observer.json"
        torn = memory.read_bytes()[:100]
        memory.unlink()
        if damage == "torn":
            memory.write_bytes(torn)
        elif damage == "a named pipe":
            os.mkfifo(memory)
        fake.containers[:] = [composed("shop", "web", serial=2, state="exited", exit_code=1)]
        place.observe()

    after = place.read("incidents")
    assert list(after) == list(incidents)
    assert place.read("deployments") == {}
    assert place.read("manifest")["generation"] == 3


def test_what_left_the_inventory_is_dropped(place, tmp_path):
    with FakeEngine([composed("shop", "web", state="exited", exit_code=1)], tmp_path / "e") as fake:
        place.node("piha", fake.url, "  web: {}\n")
        place.node("attic", fake.url)
        place.observe()
        place.observe()
        for file in (place.inventory / "hosts" / "piha").iterdir():
            file.unlink()
        (place.inventory / "hosts" / "piha").rmdir()
        place.observe()

    assert set(place.read("nodes")) == {"attic"}
    assert {record["resolution"] for record in place.read("incidents").values()} == {"removed_from_desired_state"}


def test_two_nodes_with_one_engine_are_noted(place, tmp_path):
    with FakeEngine([container()], tmp_path / "e") as fake:
        place.node("piha", fake.url)
        place.node("attic", fake.url)
        place.observe()

    assert "attic and piha reach one engine" in " ".join(place.read("runtime-summary")["notes"])


def test_two_nodes_that_share_one_of_their_engines_are_noted(place, tmp_path):
    with FakeEngine([container(1)], tmp_path / "a") as own, FakeEngine([container(2)], tmp_path / "b") as shared:
        place.node("piha", [own.url, shared.url])
        place.node("attic", shared.url)
        place.observe()

    assert "attic and piha reach one engine" in " ".join(place.read("runtime-summary")["notes"])


def test_nodes_with_containers_of_their_own_are_not_noted(place, tmp_path):
    with FakeEngine([container(1)], tmp_path / "a") as one, FakeEngine([container(2)], tmp_path / "b") as other:
        place.node("piha", one.url)
        place.node("attic", other.url)
        place.observe()

    assert "reach one engine" not in " ".join(place.read("runtime-summary")["notes"])


def test_an_unreadable_inventory_keeps_the_names(place, tmp_path):
    with FakeEngine([composed("shop", "web")], tmp_path / "e") as fake:
        place.node("piha", fake.url, "  front: {runtime: {project: shop}}\n")
        place.node("attic", "none", "  x: {}\n")
        place.observe()
        (place.inventory / "hosts/piha/services.yaml").write_text("services: [\n")
        place.observe()

    assert place.services() == {"piha/front": "healthy"}
    assert "cannot be read" in " ".join(place.read("runtime-summary")["notes"])


def test_what_anchors_and_merges_say_of_a_service_is_looked_for(place, tmp_path):
    asked = "  front: &web {monitor: true, runtime: {project: shop}}\n  back: {<<: *web, runtime: {project: store}}\n"
    with FakeEngine([composed("shop", "web"), composed("store", "web", serial=2)], tmp_path / "e") as fake:
        place.node("piha", fake.url, asked)
        place.observe()

    assert place.read("runtime-summary")["notes"] == []
    assert place.services() == {"piha/front": "healthy", "piha/back": "healthy"}


def test_a_clock_that_is_50_min_off_is_an_incident_and_ages_are_right(place, tmp_path):
    started = time.time() - 3046 - 20
    web = composed("shop", "web", health="starting", started=started, created=started, check={"Retries": 1})
    with FakeEngine([web], tmp_path / "e", clock_s=-3046.0) as fake:
        place.node("piha", fake.url, "  web: {}\n")
        place.observe()
        place.observe()

    assert place.read("nodes")["piha"]["clock_skew_s"] == pytest.approx(-3046, abs=1)
    assert place.services() == {"piha/web": "starting"}
    (incident,) = place.read("incidents").values()
    assert (incident["trigger_type"], incident["service"], incident["severity"]) == ("clock_skew", "all", "warning")


def test_check_says_what_works_and_what_to_do(place, tmp_path):
    with FakeEngine([container()], tmp_path / "e") as fake:
        place.node("piha", fake.url)
        place.node("attic", f"unix://{tmp_path}/none")
        done = place.observe("--check", code=1)

    assert "piha: ok:" in done.out
    assert "1 container," in done.out
    assert "attic: no_socket:" in done.out
    assert "observe.docker" in done.out
    assert not place.world.exists()


def test_check_does_not_take_a_silent_systemd_for_an_engine(place, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/systemctl").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    place.node("piha", f"unix://{tmp_path}/none", "  web: {runtime: {unit: web.service}}\n")

    told = place.observe("--check", code=1).out

    assert "piha: engine_down: systemd: systemctl says nothing" in told
    assert "try 'systemctl status' there" in told
    assert "start its engine" not in told


@pytest.mark.parametrize(
    ("content", "told"), [(None, "does 'supervisor observe --part' run"), ("{", "look at the part")]
)
def test_check_does_not_take_a_part_for_an_engine(place, tmp_path, content, told):
    if content is not None:
        (tmp_path / "part.json").write_text(content)
    place.node("piha", "none", part=str(tmp_path / "part.json"))

    said = place.observe("--check", code=1).out

    assert told in said
    assert "engine" not in said


def test_a_part_is_taken_once_and_dated_by_its_arrival(place, tmp_path):
    part = tmp_path / "piha.part.json"
    with FakeEngine([composed("shop", "web")], tmp_path / "e") as fake:
        place.node("piha", fake.url, "  web: {}\n")
        part.write_text(place.observe("--part", "--node", "piha").out)
    told = json.loads(part.read_text())
    assert set(told) == {"schema", "node", "seq", "boot_id", "taken_at", "look"}
    told["taken_at"] += 9_000_000
    part.write_text(json.dumps(told))
    place.node("piha", "none", "  web: {}\n", part=str(part))

    place.observe()
    first = place.read("nodes")["piha"]["last_seen"]
    assert abs(first - time.time()) < 30
    assert place.services() == {"piha/web": "healthy"}
    place.observe()
    assert place.read("nodes")["piha"]["last_seen"] == first
    told["seq"] -= 1
    told["look"]["sources"][0]["containers"] = []
    part.write_text(json.dumps(told))
    place.observe()
    place.observe()
    assert place.services() == {"piha/web": "healthy"}


def test_all_that_is_gone_at_once_is_written_as_it_is_and_noted(place, tmp_path):
    names = [f"s{number}" for number in range(6)]
    with FakeEngine([composed("shop", name, serial=n) for n, name in enumerate(names, 1)], tmp_path / "e") as fake:
        place.node("piha", fake.url, "".join(f"  {name}: {{}}\n" for name in names))
        place.observe()
        fake.containers.clear()
        place.observe()
        notes = place.read("runtime-summary")["notes"]
        place.observe()

    assert any(note.startswith("mass_change: all 6 services") for note in notes)
    assert place.services() == {}


def test_a_probe_and_a_container_are_one_service_as_bad_as_the_worse(place, tmp_path):
    with FakeEngine([composed("shop", "web")], tmp_path / "e") as fake:
        place.node("piha", fake.url, '  web: {runtime: {probe: "tcp://127.0.0.1:1"}}\n')
        place.observe()

    record = place.read("services")["piha/web"]
    assert (record["status"], record["parts"]) == ("tcp_unreachable", {"good": 1, "total": 2})


def test_two_entries_that_select_the_same_are_named_with_both_lines(place, tmp_path):
    with FakeEngine([], tmp_path / "e") as fake:
        place.node("piha", fake.url, "  a: {container_name: web}\n  b: {runtime: {container: web}}\n")
        told = place.observe("--check", code=1)

    assert "services.yaml:3: b selects the container 'web' that a in line 2 selects" in " ".join(told.out.split())


def test_tcp_without_tls_is_a_warning(place):
    place.node("piha", "tcp://192.0.2.1:2375")

    assert "piha: tcp://192.0.2.1:2375 has no TLS: whoever reaches that port is root there" in place.observe().err


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ({"dokcer": "x"}, "unknown key 'dokcer'"),
        ({"docker": 3}, "observe.docker: expected an address"),
        ({"docker": "gopher://x"}, "is no address of an engine"),
        ({"docker": "none", "every": "often"}, "observe.every: expected a duration"),
        ({"docker": "none", "tls": {"cert": "a"}}, "cert and key belong together"),
        ({"docker": "none"}, "nothing to look at"),
    ],
)
def test_a_block_that_cannot_be_used_makes_the_node_unobservable_and_says_why(place, block, told):
    place.node("piha", "none", "  web: {}\n")
    (place.inventory / "hosts/piha/node.yaml").write_text(json.dumps({"observe": block}))
    place.observe()

    node = place.read("nodes")["piha"]
    assert (node["status"], node["reason_class"], told in node["reason"]) == ("unobservable", "config", True), node


def test_a_thousand_containers_of_one_service_are_cut_at_fifty_with_their_count(place, tmp_path):
    with FakeEngine([composed("shop", "web", n, serial=n) for n in range(1, 101)], tmp_path / "e") as fake:
        place.node("piha", fake.url, "  web: {}\n")
        place.observe()

    record = place.read("services")["piha/web"]
    assert (len(record["containers"]), record["containers_count"], record["parts"]["total"]) == (50, 100, 100)


def test_this_host_is_looked_at_by_what_docker_is_told_where_its_node_says_nothing(place, tmp_path, monkeypatch):
    with FakeEngine([composed("shop", "web")], tmp_path / "e") as fake:
        monkeypatch.setenv("DOCKER_HOST", fake.url)
        monkeypatch.setenv("SUPERVISOR_NODE_ALIAS_MAP", json.dumps({os.uname().nodename: "piha"}))
        place.node("piha", "none", "  web: {}\n")
        (place.inventory / "hosts/piha/node.yaml").unlink()
        place.observe()

    assert place.services() == {"piha/web": "healthy"}

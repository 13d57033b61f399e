"""OBSERVER 8: `observe --init` writes an inventory that is valid, without a secret, and nominal at once."""

import json
import os
import socket
import time

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from flows.cli import _run
from flows.observer.initial import quote
from flows.sources.formats.yaml_strict import parse_yaml, to_plain
from schemas.limits import Limits
from tests.helpers.fake_engine import FakeEngine, composed, container

MARKER = "s3cr3t-marker"
HERE = socket.gethostname().partition(".")[0].lower()
AWAITS = {"com.docker.compose.depends_on": "migrate:service_completed_successfully:false,db:service_healthy:false"}


def init(folder, url, *more):
    return _run(["observe", "--init", str(folder), "--docker", url, *more])


def services(folder, node=HERE):
    return to_plain(parse_yaml((folder / f"hosts/{node}/services.yaml").read_bytes(), Limits()))["services"]


def proposed(tmp_path, *containers, more=()):
    with FakeEngine(list(containers), tmp_path / "e") as fake:
        assert init(tmp_path / "inv", fake.url, *more) == 0
    return services(tmp_path / "inv")


def test_each_compose_service_is_one_entry_with_an_explicit_selector(tmp_path):
    found = proposed(
        tmp_path,
        composed("shop", "web", 1, serial=1, labels=AWAITS),
        composed("shop", "web", 2, serial=2, labels=AWAITS),
        composed("shop", "db", serial=3),
        composed("shop", "migrate", serial=4, state="exited"),
        container(5, "systemd-Portainer"),
    )

    assert found == {
        "db": {"runtime": {"project": "shop", "compose_service": "db"}},
        "migrate": {"runtime": {"project": "shop", "compose_service": "migrate"}, "run": "once"},
        "portainer": {"runtime": {"container": "systemd-Portainer"}},
        "web": {
            "runtime": {"project": "shop", "compose_service": "web"},
            "depends_on": {"local": ["db", "migrate"]},
        },
    }


def test_a_name_that_two_projects_use_has_the_project_before_it(tmp_path):
    found = proposed(tmp_path, composed("a", "web", serial=1), composed("b", "web", serial=2))

    assert set(found) == {"a-web", "b-web"}


def test_what_is_stopped_is_not_monitored_and_says_why(tmp_path, capsys):
    found = proposed(tmp_path, container(1, "old", state="exited", exit_code=1))

    assert found["old"]["monitor"] is False
    why = "It was 'exited' when this was written; take 'monitor: false' out when it should run."
    assert f"# {why}" in (tmp_path / f"inv/hosts/{HERE}/services.yaml").read_text()
    assert f"{HERE}: old is not monitored. {why}" in capsys.readouterr().out


def test_what_others_look_after_is_left_out(tmp_path, capsys):
    found = proposed(
        tmp_path,
        composed("shop", "web", serial=1),
        composed("shop", "web", serial=2, name="shop-web-run-1", labels={"com.docker.compose.oneoff": "True"}),
        container(3, "buildx_buildkit_default0"),
        container(4, "stack_api.1.x", labels={"com.docker.swarm.service.name": "stack_api"}),
    )

    assert set(found) == {"web"}
    assert "stack_api.1.x: of a swarm" in capsys.readouterr().out


def test_projects_can_be_one_service_each(tmp_path):
    found = proposed(
        tmp_path, composed("shop", "web", serial=1), composed("shop", "db", serial=2), more=("--group", "project")
    )

    assert found == {"shop": {"runtime": {"project": "shop"}}}


def test_nothing_is_overwritten_and_what_lacks_is_shown(tmp_path, capsys):
    inventory = tmp_path / "inv"
    with FakeEngine([composed("shop", "web", serial=1)], tmp_path / "e") as fake:
        init(inventory, fake.url)
        before = {path: path.read_bytes() for path in inventory.rglob("*") if path.is_file()}
        fake.containers.append(composed("shop", "db", serial=2))
        capsys.readouterr()
        assert init(inventory, fake.url) == 1
        shown = capsys.readouterr()
        assert {path: path.read_bytes() for path in inventory.rglob("*") if path.is_file()} == before
        assert "+  db:" in shown.out
        assert init(inventory, fake.url, "--merge") == 0
        assert init(inventory, fake.url) == 0

    assert set(services(inventory)) == {"web", "db"}


def test_no_secret_is_in_it(tmp_path):
    secret = composed(
        "shop",
        "web",
        env=[MARKER],
        cmd=[MARKER],
        labels={"auth": MARKER},
        health_log=MARKER,
        health="healthy",
        error=MARKER,
    )
    proposed(tmp_path, secret)

    assert not any(MARKER in path.read_text() for path in (tmp_path / "inv").rglob("*") if path.is_file())


def test_an_engine_that_does_not_answer_is_said_with_its_reason(tmp_path, capsys):
    assert init(tmp_path / "inv", f"unix://{tmp_path}/none") == 1
    assert "no_socket" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--docker", "ssh://piha"], "--docker is of use with --init alone"),
        (["--merge"], "--merge is of use with --init alone"),
        (["--group", "project"], "--group is of use with --init alone"),
        (["--node", "piha"], "--node is of use with --part alone"),
        (["--part", "--node", "../x"], "--node: "),
    ],
)
def test_an_option_that_would_be_passed_over_is_refused(tmp_path, capsys, given, told):
    (tmp_path / "inv/hosts").mkdir(parents=True)
    places = ["--inventory", str(tmp_path / "inv"), "--world", str(tmp_path / "w"), "--state-dir", str(tmp_path / "s")]

    assert _run(["observe", *given, *places, *([] if "--part" in given else ["--once"])]) == 1
    assert told in capsys.readouterr().err


def test_without_any_engine_it_says_what_it_looked_for_and_what_to_do(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("flows.engines.address._is_socket", lambda _: False)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

    assert _run(["observe", "--init", str(tmp_path / "inv")]) == 1

    said = capsys.readouterr().err
    assert "unix:///run/docker.sock" in said
    assert "--docker ssh://user@host" in said
    assert "docs/observing.md" in said
    assert not (tmp_path / "inv").exists()


@pytest.mark.parametrize(
    "text", ["on", "123", "null", "0o17", "1e3", "a: b", "x y", "é", "plain-name", "~", "2026-01-01"]
)
def test_a_scalar_is_read_back_as_the_text_that_it_was(text):
    assert to_plain(parse_yaml(f"{quote(text)}: {quote(text)}\n".encode(), Limits())) == {text: text}


FLEET_COUNT = int(os.environ.get("FLEETS", "20"))
STATES = st.sampled_from(
    [
        {},
        {"health": "healthy"},
        {"health": "unhealthy"},
        {"state": "exited", "exit_code": 0},
        {"state": "exited", "exit_code": 137},
        {"state": "paused"},
        {"state": "restarting", "restart_count": 5},
        {"state": "dead"},
        {"labels": {"supervisor.run": "once"}, "state": "exited"},
        {"labels": {"com.docker.compose.oneoff": "True"}, "state": "exited", "exit_code": 1},
        {"labels": AWAITS},
        {"labels": {"supervisor.service": "Über all"}},
        {"labels": {"supervisor.ignore": "true"}, "state": "dead"},
        {"state": "created", "exit_code": 127, "error": "no such command"},
        {"state": "removing"},
        {"health": "starting"},
        {"is_oom_killed": True, "state": "exited", "exit_code": 137},
        {"state": "unheard-of"},
    ]
)
NAMES = st.sampled_from(["web", "db", "migrate", "on", "123", "null", "My_App", "all", "x.y", "cache"])
FLEETS = st.lists(st.tuples(st.sampled_from(["shop", "blog", None]), NAMES, st.integers(1, 2), STATES), max_size=8)


@pytest.mark.slow
@settings(max_examples=FLEET_COUNT, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fleet=FLEETS)
def test_what_is_written_is_nominal_at_once(fleet, tmp_path_factory, capsys):
    root = tmp_path_factory.mktemp("fleet")
    made = []
    for serial, (project, name, number, fields) in enumerate(fleet, 1):
        given = {**fields, "labels": dict(fields.get("labels", {})), "finished": time.time() - 300}
        if project:
            made.append(
                composed(project, name, number, serial=serial, name=f"{project}-{name}-{number}-{serial}", **given)
            )
        else:
            made.append(container(serial, f"{name}-{serial}", **given))
    event(f"{len(made)} containers")
    places = ["--config", root / "inv/supervisor.yaml"]
    with FakeEngine(made, root / "e") as fake:
        assert init(root / "inv", fake.url) == 0
        for _ in range(2):
            assert _run(["observe", "--once", *map(str, places)]) == 0
    capsys.readouterr()
    code = _run(["reconcile", "--format", "json", *map(str, places)])
    told = json.loads(capsys.readouterr().out)

    assert (code, told["summary"]["state"], told["drift"]) == (0, "nominal", []), told

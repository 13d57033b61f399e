"""`supervisor deployment`: what a hook says is in the world after the next look."""

import json
import subprocess

import pytest

from flows.cli import _run
from tests.helpers.fake_engine import FakeEngine, composed
from tests.helpers.program import SUPERVISOR


@pytest.fixture
def places(tmp_path):
    folder = tmp_path / "inv/hosts/piha"
    folder.mkdir(parents=True)
    (folder / "services.yaml").write_text("services: {web: {}}\n")
    with FakeEngine([composed("shop", "web")], tmp_path / "e") as fake:
        (folder / "node.yaml").write_text(json.dumps({"observe": {"docker": fake.url}}))
        yield tmp_path


def observe(places):
    words = ["--inventory", places / "inv", "--world", places / "world", "--state-dir", places / "state"]
    assert _run(["observe", "--once", *map(str, words)]) == 0
    return json.loads((places / "world/deployments.json").read_text())


def deployment(places, *words):
    head, *rest = words
    return _run(["deployment", head, "--state-dir", str(places / "state"), *rest])


WEB = ("--service", "Web", "--node", "piha")


def test_a_command_that_fails_is_a_failed_deployment_with_its_code(places):
    observe(places)
    assert deployment(places, "run", *WEB, "--step", "pull", "--", "sh", "-c", "exit 18") == 18

    (record,) = observe(places).values()
    assert (record["status"], record["diagnostics"]) == ("failed", {"step": "pull", "exit_code": 18})
    assert (record["node"], record["service"], record["trigger"]) == ("piha", "web", "hook")


def test_a_deployment_is_started_while_it_goes_on_and_completed_when_it_ends(places, capsys):
    assert deployment(places, "start", *WEB) == 0
    name = capsys.readouterr().out.strip()
    assert observe(places)[name]["status"] == "started"

    assert deployment(places, "finish", name, "--exit-code", "0") == 0

    assert observe(places)[name]["status"] == "completed"


def test_a_deployment_ends_once(places, capsys):
    deployment(places, "start", *WEB)
    name = capsys.readouterr().out.strip()
    deployment(places, "finish", name, "--exit-code", "0")

    assert deployment(places, "finish", name, "--exit-code", "1") == 1
    told = capsys.readouterr().err
    assert "has ended already" in told
    assert "docs/observing.md" in told


def test_two_that_begin_at_once_have_ids_of_their_own(places, capsys):
    deployment(places, "start", *WEB)
    deployment(places, "start", *WEB)

    assert len(set(capsys.readouterr().out.split())) == 2


@pytest.mark.parametrize("name", ["../../etc/passwd", "dep-1-piha-web", ""])
def test_an_id_that_no_start_printed_is_refused(places, capsys, name):
    assert deployment(places, "finish", name, "--exit-code", "0") == 1
    assert "deployment start" in capsys.readouterr().err


def test_a_command_that_is_not_there_is_127(places, capsys):
    assert deployment(places, "run", *WEB, "--", "/no/such/command") == 127
    assert "cannot be run" in capsys.readouterr().err


def test_the_program_hands_on_the_commands_output_and_code(places):
    words = ["deployment", "run", *WEB, "--state-dir", str(places / "state"), "--", "sh", "-c", "echo up; exit 3"]

    done = subprocess.run([*SUPERVISOR, *words], capture_output=True, text=True, check=False)

    assert (done.stdout, done.returncode) == ("up\n", 3)

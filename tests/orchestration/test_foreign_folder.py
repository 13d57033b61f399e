"""What lies in the current folder, which may be a stranger's inventory, is no program and no setting of ours."""

import os
import subprocess
import sys

import pytest

from flows.commands.serve import _make_home, _pass_on
from flows.orchestration.server import server_environment
from flows.settings import load_settings
from flows.web.operator import Operator
from tests.orchestration.supervised import Served

LOGGING = """\
version: 1
handlers: {trap: {class: subprocess.Popen, args: [touch, %s]}}
root: {handlers: [trap]}
"""


@pytest.fixture
def trapped(tmp_path, monkeypatch):
    """Be in a folder with modules and settings that leave a mark where anything takes them."""
    folder, mark = tmp_path / "homelab", tmp_path / "mark"
    folder.mkdir()
    for name in ("prefect", "typer", "json", "flows"):
        (folder / f"{name}.py").write_text(f"open({str(mark)!r}, 'w').close()\n")
    (folder / "logging.yml").write_text(LOGGING % mark)
    (folder / "prefect.toml").write_text(f'[logging]\nconfig_path = "{folder}/logging.yml"\n')
    (folder / ".env").write_text(f"PREFECT_LOGGING_SETTINGS_PATH={folder}/logging.yml\n")
    monkeypatch.chdir(folder)
    return mark


def test_the_traps_would_work(trapped):
    subprocess.run([sys.executable, "-m", "json"], check=False, capture_output=True)
    assert trapped.exists()


def test_neither_the_server_nor_the_page_takes_a_module_from_there(tmp_path, trapped):
    environment = server_environment(tmp_path / "prefect", "127.0.0.1", 4999)
    assert environment["PYTHONSAFEPATH"] == "1"
    script = "import json, sys; print(json.__file__, [path for path in sys.path if not path])"
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True)
    assert not trapped.exists()


async def _version():
    return await Operator(None, dict(os.environ)).run(["--version"])


def test_the_page_types_its_command_without_the_modules_of_the_folder(trapped):
    import asyncio

    done = asyncio.run(_version())

    assert done.code == 0
    assert not trapped.exists()


def test_what_was_relative_is_absolute_for_the_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SUPERVISOR_")]:
        monkeypatch.delenv(name)
    (tmp_path / "supervisor.yaml").write_text("world: there\n")
    monkeypatch.setenv("SUPERVISOR_EVENT_LOG", "events.log")
    monkeypatch.setenv("SUPERVISOR_INVENTORY", "")
    loaded = load_settings({"state_dir": "state"})
    monkeypatch.setenv("SUPERVISOR_CONFIG", "")
    monkeypatch.setenv("SUPERVISOR_STATE_DIR", "")

    _pass_on(loaded)
    os.chdir(_make_home(loaded.settings.state_dir))
    again = load_settings().settings

    found = {name: getattr(again, name) for name in ("inventory", "world", "event_log", "state_dir")}
    wanted = {"inventory": ".", "world": "there", "event_log": "events.log", "state_dir": "state"}
    assert found == {name: tmp_path / path for name, path in wanted.items()}


@pytest.mark.server
@pytest.mark.slow
def test_serve_from_there_runs_nothing_of_it(tmp_path, trapped):
    (tmp_path / "served").mkdir()
    with Served(tmp_path / "served", {"SUPERVISOR_SERVE_INTERVAL": "2s", "SUPERVISOR_SERVE_CRON": ""}) as served:
        states = served.wait(lambda: [run["state_type"] for run in served.api("/flow_runs/filter", {})])
        served.wait(lambda: "COMPLETED" in {run["state_type"] for run in served.api("/flow_runs/filter", {})})

    assert states
    assert not trapped.exists()

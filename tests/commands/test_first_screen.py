"""`supervisor` alone says what to do next, here; its help lists the commands by what they are for."""

import json
import re
import time
from pathlib import Path

import pytest
from typer.main import get_command

from flows import commands
from flows.cli import _run
from flows.commands.config import RULES, list_settings
from flows.commands.on_demand import SAID, home, make_commands
from flows.commands.root import app
from flows.settings import load_settings
from schemas.rules import Rules
from schemas.setting import settings_of

COMMANDS = Path(str(commands.__file__)).parent


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("SUPERVISOR_WORLD", str(tmp_path / "world"))
    monkeypatch.setenv("SUPERVISOR_EVENT_LOG", str(tmp_path / "events.log"))
    monkeypatch.setenv("SUPERVISOR_CHECKPOINT", str(tmp_path / "checkpoint.json"))
    return tmp_path


def add_inventory(here):
    (here / "hosts/piha").mkdir(parents=True)
    (here / "hosts/piha/services.yaml").write_text("services:\n  web:\n")


def add_world(here):
    (here / "world").mkdir()
    (here / "world/nodes.json").write_text(json.dumps({"piha": {"status": "online", "last_seen": time.time()}}))
    (here / "world/services.json").write_text(json.dumps({"piha/web": {"status": "ok", "last_seen": time.time()}}))


def next_command(shown):
    return re.search(r"^  (supervisor \S+(?: --init)?)", shown, re.MULTILINE)[1]


def test_whoever_stands_above_the_lab_is_told_to_go_there(here, capsys):
    add_inventory(here / "my lab")
    (here / "my lab/supervisor.yaml").write_text("")

    assert (_run([]), _run(["status"]), _run(["reconcile"])) == (0, 3, 1)
    shown = capsys.readouterr()
    assert "  cd 'my lab' " in shown.out
    assert "--config my lab/supervisor.yaml" in shown.out.replace("'", "")
    assert "holds hosts/ ('my lab' in it would do)" in shown.err


def test_without_an_inventory_the_next_step_is_to_make_one(here, capsys):
    assert _run([]) == 0
    assert next_command(capsys.readouterr().out) == "supervisor observe --init"


def test_without_a_world_the_next_step_is_to_look(here, capsys):
    add_inventory(here)

    assert _run([]) == 0
    assert next_command(capsys.readouterr().out) == "supervisor watch"


def test_with_both_the_next_step_is_to_judge(here, capsys):
    add_inventory(here)
    add_world(here)

    assert _run([]) == 0
    assert next_command(capsys.readouterr().out) == "supervisor reconcile"


def test_after_a_run_it_is_the_status(here, capsys):
    add_inventory(here)
    add_world(here)
    _run(["reconcile", "--quiet"])
    capsys.readouterr()

    assert _run([]) == 0
    assert capsys.readouterr().out.startswith("NOMINAL")


def test_every_command_is_in_a_group_and_made_by_its_module():
    modules = {path.stem for path in COMMANDS.glob("*.py") if "\ndef register(" in path.read_text()}
    made = {(name, module) for module in modules for name in make_commands(module)}

    assert made == {(name, home(name)) for name in SAID}
    assert {name for name, command in get_command(app).commands.items() if not command.short_help} == set()


def test_every_setting_is_in_a_group_or_a_rule():
    ungrouped = {setting.name for setting in list_settings(load_settings().settings) if setting.group == RULES}

    assert ungrouped == {*settings_of(Rules)}

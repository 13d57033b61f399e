"""The command to copy for an action: from the setting `commands`, else what the executor would run."""

import io

import pytest
from rich.console import Console

from flows.commands.options import Format
from flows.commands.reconcile import make_hints
from flows.commands.watch import _Log
from flows.errors import SettingsError
from flows.render.table import print_report
from flows.settings import load_settings
from flows.views.commands import find_command
from schemas.words import Action
from tests.helpers.fleet_on_disk import BAD, WEB, reconcile

EXECUTOR = """steps:
- {targets: ["a/*"], verbs: [restart, redeploy], backend: compose, project: "{service}", directory: "/opt/{service}"}
"""


@pytest.mark.parametrize(
    ("commands", "command"),
    [
        ({}, None),
        ({"container_restart": "x"}, None),
        ({"redeploy": "make {service}"}, "make web"),
        ({"redeploy": {"*": "any", "a": "ssh {node} up {service}"}}, "ssh a up web"),
        ({"redeploy": {"b*": "other"}}, None),
    ],
    ids=["none", "another action", "of all nodes", "a name before a pattern", "another node"],
)
def test_the_settings_name_the_command_by_action_and_node(commands, command):
    settings = load_settings({"commands": commands}).settings

    assert find_command(settings.commands, Action.REDEPLOY, "a", "web") == command


def test_an_action_that_is_none_is_refused():
    with pytest.raises(SettingsError, match="commands"):
        load_settings({"commands": {"redploy": "x"}})


def test_a_run_shows_the_command_that_the_executor_would_run(tmp_path):
    file = tmp_path / "executor.yaml"
    file.write_text(EXECUTOR)
    file.chmod(0o600)
    settings = load_settings({"actions": {"executor_config": file}}).settings
    told = io.StringIO()
    report = reconcile(tmp_path, WEB, {"a/web": BAD})
    print_report(report, Console(file=told, width=200), hints=make_hints(settings, " --config x"))

    assert "$ docker --context default compose -p web --project-directory /opt/web up -d --no-deps" in told.getvalue()
    assert told.getvalue().endswith("next: supervisor explain a/web --config x\n")


def test_a_watch_that_is_not_a_screen_says_what_to_type_next_for_the_same_fleet(tmp_path, capsys):
    settings = load_settings({}).settings

    _Log(settings, Format.TABLE, " --config x", quiet=False).show(reconcile(tmp_path, WEB, {"a/web": BAD}))

    assert capsys.readouterr().out.endswith("next: supervisor explain a/web --config x\n")

"""What people see of acting, as numbers; nothing once it is off."""

import pytest

from tests.helpers.acting_home import Home
from tests.helpers.kept import Kept


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Return a home where a restart is asked for."""
    folder = tmp_path_factory.mktemp("acting")
    home = Home(folder / "home")
    home.write("policy.yaml", "rules: [{id: ask, match: {}, mode: approve}]\n")
    home.configure("approve", start_grace="0s")
    home.run("act", "--once")
    home.fall_sick("piha/web")
    for _ in range(3):
        home.run("reconcile", "-q")
        home.pass_time(seconds=60)
    return Kept(home, folder / "kept")


@pytest.fixture
def home(kept):
    return kept.back()


def test_what_asks_and_what_is_halted_is_counted(home):
    home.run("halt", "--reason", "x")
    home.run("reconcile", "-q")
    lines = home.run("metrics").out.splitlines()

    assert 'supervisor_actions{phase="asking"} 1.0' in lines
    assert "supervisor_automation_halted 1.0" in lines


def test_status_names_who_halted_it_and_what_asks(home):
    home.run("halt", "--reason", "the switch")
    home.run("reconcile", "-q")
    said = home.run("status", "--as-of", home.now.isoformat()).out

    assert "HALTED by root" in said or "HALTED by" in said
    assert "the switch" in said
    assert "asks: 'supervisor approve " in said


def test_once_it_is_off_nothing_of_it_is_shown(home):
    home.configure("off")
    home.run("reconcile", "-q")

    assert "supervisor_actions" not in home.run("metrics").out
    assert "approve" not in home.run("status").out
    assert "acting" not in home.run("reconcile", "--format", "json").json


def test_markdown_names_what_asks(home):
    said = home.run("reconcile", "--format", "markdown").out

    assert "### acting" in said
    assert "asks" in said
    assert home.run("reconcile", "--format", "json").json["acting"]["counts"]["asking"] == 1

"""The manual's commands, run as they stand in one home, and each ends with the exit code that the manual says.

Not run are those that need an engine, a server, root or a person to end them: they are named here, with why.
"""

import os
import re
import shlex
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.past.example import EVENING
from tests.helpers.command_line import Said, call
from tests.helpers.examples import HOMELAB
from tests.helpers.inbox import open_inbox
from tests.whole.test_manual import PAGES, ROOT, list_commands

ELSEWHERE = {
    "watch": "until Ctrl-C: tests/lab/test_watch.py, tests/web/test_watch_web.py",
    "observe": "an engine: tests/lab/test_observer.py",
    "serve": "a Prefect server: tests/orchestration/test_serve.py",
    "web": "until Ctrl-C: tests/web",
    "install-units": "root: tests/commands/test_install_units.py",
    "log tail --follow": "until Ctrl-C: tests/commands/test_log_commands.py",
    "deployment run": "docker compose: tests/commands/test_deployment.py",
    "act": "an executor with its engine: tests/executor, tests/lab",
    "policy replay": "a month that the demo leaves: tests/past",
}
DRIFT = 2
CODES = {
    "status": DRIFT,
    "reconcile": DRIFT,
    "reconcile --dry-run --fail-on new --baseline baseline.json --format sarif": 0,
}
"""Where it is not 0, by the README's table; the fleet of this home is unstable, and nothing of it is new."""

pytestmark = pytest.mark.slow


def key(words: list[str]) -> str:
    return shlex.join(words)


TOLD = sorted({key(words) for page in PAGES for words in list_commands(page.read_text())})
RUN = [command for command in TOLD if not any(command.startswith(name) for name in ELSEWHERE)]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The example's home as of now, after two runs, with what the commands of the manual name."""
    home = tmp_path_factory.mktemp("home")
    for name in ("homelab", "my-branch"):
        shutil.copytree(HOMELAB, home / name)
    for world, moment in (("world", EVENING), ("world-nominal", datetime(2026, 6, 4, 6, tzinfo=UTC))):
        bring_to_now(home / "homelab" / world, datetime.now(UTC) - moment)
    keep_in_git(home / "homelab")
    shutil.copytree(home / "homelab/world", home / "snapshots" / f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    (home / "new.yaml").write_text("node_drift_min: 3\n")
    shutil.copytree(ROOT / "examples", home / "examples")
    for name, copy in (("cases", "cases"), ("policy", "draft")):
        shutil.copy(ROOT / f"examples/policy/{name}.yaml", home / f"{copy}.yaml")
    call_at(home, "reconcile")
    (home / "log").rename(home / "log.1")
    call_at(home, "reconcile", "--world", str(home / "homelab/world-nominal"))
    call_at(home, "reconcile")
    (home / "baseline.json").write_text(call_at(home, "reconcile", "--dry-run", "--format", "json").result)
    return home


def keep_in_git(folder: Path) -> None:
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "the home", "--date", "2026-01-01T00:00:00Z"]):
        subprocess.run([*git, *words], check=True, env=os.environ | {"GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"})


def call_at(home: Path, *words: str, **more: str) -> Said:
    places = {"SUPERVISOR_INVENTORY": str(home / "homelab"), "SUPERVISOR_WORLD": str(home / "homelab/world")}
    return call(home, *words, **places, **more)


def bring_to_now(world: Path, later: timedelta) -> None:
    def shift(found: re.Match[str]) -> str:
        return (datetime.fromisoformat(found[0]) + later).isoformat()

    for file in world.glob("*.json"):
        file.write_text(re.sub(r"2026-0[56]-\d\dT[0-9:.]+(Z|\+02:00)", shift, file.read_text()))


@pytest.fixture
def run(home, monkeypatch):
    """Run a command in the home, which is ~ and has the platform's folders."""
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(home))
    places = {
        "~": str(home),
        "/opt/homelab": f"{home}/homelab",
        "/tmp/agent-events.log": f"{home}/log",
        "SNAPSHOTS": "snapshots",
    }

    def run(command: str) -> Said:
        for name, place in places.items():
            command = command.replace(name, place)
        with open_inbox() as inbox:
            return call_at(home, *shlex.split(command), SUPERVISOR_NOTIFY_URLS=inbox.address)

    return run


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Apprise's plug-ins warn when they are loaded
@pytest.mark.parametrize("command", RUN)
def test_a_command_of_the_manual_ends_as_the_manual_says(run, command):
    said = run(command)

    assert said.code == CODES.get(command, CODES.get(command.split()[0], 0)), said.out


def test_most_kinds_of_commands_are_run():
    left_out = sorted({command.split()[0] for command in TOLD} - {command.split()[0] for command in RUN})

    assert len(RUN) >= 24
    assert left_out == ["act", "deployment", "install-units", "observe", "serve", "watch", "web"]

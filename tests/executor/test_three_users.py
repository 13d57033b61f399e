"""Judge, executor and operator as three users of the system, as docs/acting.md sets them up: real processes, one folder."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helpers.acting_home import Home
from tests.helpers.program import SUPERVISOR

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root can be other users"),
]
DECIDER, EXECUTOR, ANNA, GROUP = 54001, 54002, 54003, 54100
READING = "+dac_read_search"
"""They may read what root's Python is made of, and write no more than their user may."""


def own(path, uid, mode):
    path.mkdir() if path.suffix != ".lock" and path.name != "lock" else path.touch()
    os.chown(path, uid, GROUP)
    path.chmod(mode)


@pytest.fixture
def home(tmp_path):
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    home = Home(tmp_path / "home")
    shared = tmp_path / "shared"
    for path, uid, mode in (
        (shared, 0, 0o1770),
        (shared / "journal", 0, 0o1770),
        (shared / "journal" / "lock", 0, 0o660),
        (shared / "executor.lock", EXECUTOR, 0o600),
        (shared / "output", EXECUTOR, 0o700),
        *((shared / name, DECIDER, 0o750) for name in ("pending", "approved", "running", "completed")),
        *((shared / name, DECIDER, 0o750) for name in ("failed", "rejected", "cancelled")),
        (home.folder / "state", DECIDER, 0o700),
        (home.folder / "logs", DECIDER, 0o755),
    ):
        own(path, uid, mode)
    users = {"decider_uids": [DECIDER], "executor_uids": [EXECUTOR]}
    home.configure("approve", start_grace="0s", actions_dir=str(shared), **users)
    text = (home.folder / "supervisor.yaml").read_text()
    home.write(
        "supervisor.yaml", text.replace('"events.log"', '"logs/events.log"').replace('"cp.json"', '"logs/cp.json"')
    )
    home.write("operators.yaml", f"operators: [{{name: anna, user: {ANNA}, classes: [safe], targets: ['*/*']}}]\n")
    for path in (home.folder / "hands", home.fake, home.folder / "hands" / "healed", home.folder / "hands" / "answers"):
        os.chown(path, EXECUTOR, GROUP)
    return home


def run(home, uid, *arguments):
    """Run a command as a user with a mask that shares nothing; return its code and what it said."""
    group = uid if uid == ANNA else GROUP
    become = [
        "setpriv",
        "--reuid",
        uid,
        "--regid",
        group,
        "--groups",
        GROUP,
        "--inh-caps",
        READING,
        "--ambient-caps",
        READING,
    ]
    done = subprocess.run(
        [*map(str, become), *SUPERVISOR, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": "/nonexistent",
            "SUPERVISOR_CONFIG": str(home.folder / "supervisor.yaml"),
        },
        umask=0o077,
    )
    return done.returncode, done.stdout + done.stderr


def test_each_does_their_part_and_nobody_anothers(home, tmp_path):
    assert run(home, EXECUTOR, "act", "--once")[0] == 0
    home.fall_sick("piha/web")
    for _ in range(3):
        assert run(home, DECIDER, "reconcile", "-q")[0] == 2
        home.pass_time(seconds=60)
    [action] = (tmp_path / "shared" / "pending").iterdir()
    name, intent = action.stem, json.loads(action.read_text())["intent_id"]

    assert run(home, DECIDER, "approve", name, "--intent", intent)[0] == 2
    assert run(home, EXECUTOR, "approve", name, "--intent", intent)[0] == 2
    assert run(home, EXECUTOR, "act", "--once")[0] == 0
    assert home.calls() == []
    assert run(home, ANNA, "approve", name, "--intent", intent)[0] == 0
    assert run(home, DECIDER, "reconcile", "-q")[0] == 2
    code, said = run(home, EXECUTOR, "act", "--once")
    assert (code, len(home.calls())) == (0, 1), said
    assert run(home, ANNA, "actions", "verify")[0] == 0
    owners = {path.name: path.stat().st_uid for path in (tmp_path / "shared" / "journal").glob("*.jsonl")}
    assert owners == {
        f"decider-{DECIDER}.jsonl": DECIDER,
        f"executor-{EXECUTOR}.jsonl": EXECUTOR,
        f"operator-{ANNA}.jsonl": ANNA,
    }

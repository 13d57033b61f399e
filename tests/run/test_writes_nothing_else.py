"""The run writes nowhere but the event log, the checkpoint and its own state folder: read off its system calls."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helpers.examples import HOMELAB, load_expected
from tests.helpers.program import SUPERVISOR

CHANGES = (
    "openat,open,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,"
    "link,linkat,symlink,symlinkat,truncate,chmod,fchmodat"
)
WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND")
PATH = re.compile(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"')
"""A path, and the folder that it is relative to where the call names one."""
HARMLESS = ("/dev/null", "/dev/tty", "/proc/self/")
DRIFT = 2

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="needs Debian's strace")


def changed_paths(folder, *options):
    """Return the paths of the process's system calls that change files."""
    expected = load_expected("world")
    run = [*SUPERVISOR, "reconcile", "--inventory", str(HOMELAB), "--world", str(expected.world)]
    moment = ["--as-of", expected.as_of.isoformat(), *options]
    trace = ["strace", "-f", "-qq", "-y", "-s", "400", "-e", f"trace={CHANGES}", "-o", str(folder / "trace")]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "HOME": str(folder / "home")}
    ran = subprocess.run([*trace, *run, *moment], capture_output=True, check=False, env=environment)
    assert ran.returncode == DRIFT, ran.stderr
    calls = [call for call in (folder / "trace").read_text().splitlines() if "(" in call]
    changing = [call for call in calls if "open" not in call.split("(")[0] or WRITING.search(call)]
    paths = [str(Path(base, path)) for call in changing for base, path in PATH.findall(call)]
    return {path for path in paths if not path.startswith(HARMLESS)}


@pytest.mark.slow
def test_a_run_changes_only_the_log_the_checkpoint_and_the_state_folder(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    places = [f"--event-log={own}/events.log", f"--checkpoint={own}/checkpoint.json", f"--state-dir={own}/state"]
    changed = changed_paths(tmp_path, *places)

    assert f"{own}/events.log" in changed
    assert {path for path in changed if not path.startswith(f"{own}/")} == set()


def test_a_dry_run_changes_nothing_at_all(tmp_path):
    assert changed_paths(tmp_path, "--dry-run") == set()

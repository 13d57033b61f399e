"""Only `serve` and the flows need Prefect; the container's image has none."""

import subprocess
import sys
from pathlib import Path

from tests.helpers.examples import HOMELAB

WITHOUT = "import sys; sys.modules['prefect'] = sys.modules['sqlalchemy'] = None; from flows.cli import main; "


def run(folder: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-c", WITHOUT + code, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_run_and_all_that_watch_can_do_need_no_prefect(tmp_path):
    beside = "import flows.web.serve, flows.observer.background, flows.act; main()"
    ran = run(tmp_path, beside, "reconcile", f"--inventory={HOMELAB}", f"--world={HOMELAB}/world", "--dry-run", "-q")

    assert (ran.returncode, ran.stderr) == (2, "")


def test_who_serves_without_prefect_is_told_what_to_install(tmp_path):
    ran = run(tmp_path, "main()", "serve")

    assert ran.returncode == 1
    assert "serve needs Prefect, which is not installed here: pip install 'prefect" in ran.stderr
    assert list(tmp_path.iterdir()) == []

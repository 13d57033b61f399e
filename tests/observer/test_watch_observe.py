"""`supervisor watch --observe`: the whole tool on one machine with one command."""

import json
import os
import signal
import subprocess
import time

import pytest

from tests.helpers.fake_engine import FakeEngine, composed
from tests.helpers.program import SUPERVISOR
from tests.helpers.screen import Screen

DEATHS = int(os.environ.get("DEATHS", "1"))
"""How many deaths to time; each has a container of its own, since a fourth start within ten minutes is a crash loop."""


@pytest.mark.slow
def test_from_nothing_to_the_picture_and_from_a_death_to_the_recommendation(tmp_path):
    inventory, took = tmp_path / "inv", []
    fleet = [composed("shop", f"web{number:02}", serial=number) for number in range(1, DEATHS + 1)]
    with FakeEngine(fleet, tmp_path / "e") as fake:
        subprocess.run([*SUPERVISOR, "observe", "--init", str(inventory), "--docker", fake.url], check=True)
        settings = inventory / "supervisor.yaml"
        settings.write_text(settings.read_text().replace("open_after:", "# open_after:"))
        program = subprocess.Popen(
            [*SUPERVISOR, "watch", "--observe", "--inventory", str(inventory)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        try:
            screen = Screen(program)
            screen.wait_for("NOMINAL")
            until = time.monotonic() + 20
            while not fake.listeners:
                assert time.monotonic() < until
                time.sleep(0.05)
            for one in fleet:
                time.sleep(6 if DEATHS > 1 else 0)
                one.update(state="exited", exit_code=137)
                begun = time.monotonic()
                fake.tell({"status": "die"})
                service = one["labels"]["com.docker.compose.service"]
                screen.wait_for(service)
                took.append(time.monotonic() - begun)
                one.update(state="running", exit_code=0)
                fake.tell({"status": "start"})
        finally:
            program.send_signal(signal.SIGTERM)
            told = program.communicate(timeout=30)
    assert program.returncode == 0, told
    assert not told[1]
    print("from death to screen:", sorted(round(s, 2) for s in took))
    assert max(took) < 15
    manifest = json.loads((inventory / ".supervisor/world/manifest.json").read_text())
    assert manifest["generation"] >= 2
    assert not list((inventory / ".supervisor/world").rglob(".*.tmp"))


def test_observing_writes_so_that_a_dry_run_is_refused(tmp_path):
    done = subprocess.run([*SUPERVISOR, "watch", "--observe", "--dry-run"], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "--dry-run writes nothing" in done.stderr

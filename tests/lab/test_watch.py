"""`supervisor watch --observe` beside a real engine: from nothing to the picture, and from a death to the recommendation.

`DEATHS=30 python -m tests.lab enter -- .venv/bin/pytest -n 0 -s tests/lab/test_watch.py` prints median and worst.
"""

import os
import signal
import statistics
import subprocess
import time

import pytest

from tests.helpers.program import SUPERVISOR
from tests.helpers.screen import Screen

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(900)]
DEATHS = int(os.environ.get("DEATHS", "1"))


def test_from_a_real_death_to_the_recommendation_on_the_screen(node, tmp_path):
    inventory, took = tmp_path / "inv", []
    names = [f"web{number:02}" for number in range(1, DEATHS + 1)]
    for name in [*names, "lasting"]:  # where nothing is left the node itself is suspected
        node.run(name)
    subprocess.run([*SUPERVISOR, "observe", "--init", inventory, "--docker", node.url], check=True, capture_output=True)
    command = [*SUPERVISOR, "watch", "--observe", "--inventory", inventory]
    unbuffered = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=unbuffered
    ) as program:
        try:
            screen = Screen(program)
            screen.wait_for("NOMINAL")
            for name in names:
                time.sleep(6)
                begun = time.monotonic()
                node.api("POST", f"/containers/app-{name}-1/kill")
                screen.wait_for(name)
                took.append(time.monotonic() - begun)
        finally:
            program.send_signal(signal.SIGTERM)
        assert program.wait(30) == 0

    print(f"from death to screen, {DEATHS} times: median {statistics.median(took):.2f} s, worst {max(took):.2f} s")
    assert statistics.median(took) < 10

"""A worker that is killed in the middle of a run: the next scheduled run recovers, and each event is there once."""

import os
from pathlib import Path

import pytest

from flows.run import run_once
from flows.settings import load_settings
from tests.orchestration.supervised import HOMELAB, Served, event_ids

pytestmark = [pytest.mark.server, pytest.mark.slow]

KILLER = '''
"""Ends the process that makes the n-th fsync of an emission, without a word, and once."""
import os, signal, sys
from pathlib import Path

_wanted = Path(os.environ["KILL_ONCE"])
_real, _count = os.fsync, 0

def _fsync(descriptor):
    global _count
    _real(descriptor)
    if "flows.sinks.emit" in sys.modules and "prefect.flow_engine" in sys.modules and _wanted.exists():
        _count += 1
        if _count == int(_wanted.read_text()):
            _wanted.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

os.fsync = _fsync
'''


@pytest.mark.parametrize("fsync", [4, 7])
def test_a_run_killed_while_it_emits_is_completed_by_the_next_scheduled_one(tmp_path, fsync):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(KILLER)
    kill = tmp_path / "kill"
    kill.write_text(str(fsync))
    path = os.pathsep.join([str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {"PYTHONPATH": path, "KILL_ONCE": str(kill), "SUPERVISOR_SERVE_INTERVAL": "10s"}
    with Served(tmp_path, environment) as served:
        served.wait(lambda: not kill.exists(), 90)
        before = len(event_ids(served.event_log)) if served.event_log.exists() else 0
        served.wait(lambda: "Finished in state Completed('unstable" in served.said(), 90)
        crashed = served.api("/flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["CRASHED"]}}}})
        ids = event_ids(served.event_log)

    assert len(crashed) == 1
    assert before <= len(ids)
    assert len(ids) == len(set(ids)) == events_of_one_run(tmp_path / "alone", Path(served.settings["SUPERVISOR_WORLD"]))


def events_of_one_run(folder, world):
    places = {"event_log": folder / "log", "checkpoint": folder / "checkpoint", "state_dir": folder / "state"}
    folder.mkdir()
    return run_once(load_settings({"inventory": HOMELAB, "world": world, **places}).settings).event_count

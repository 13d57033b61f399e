"""`supervisor serve` at an interval shorter than a run: one run after the other, and none is made to be cancelled."""

from collections import Counter

import pytest

from tests.orchestration.supervised import Served

pytestmark = [pytest.mark.server, pytest.mark.slow]
SEVERAL = 4


def test_runs_follow_each_other_and_none_is_cancelled(tmp_path):
    with Served(tmp_path, {"SUPERVISOR_SERVE_INTERVAL": "2s", "SUPERVISOR_SERVE_CRON": ""}) as served:
        runs = served.wait(lambda: found if completed(found := served.api("/flow_runs/filter", {})) else None)
        deployment = served.deployment()

    states = Counter(run["state_type"] for run in runs)
    assert set(states) <= {"COMPLETED", "RUNNING", "PENDING", "SCHEDULED"}
    assert sum(states.values()) <= states["COMPLETED"] + 1
    assert deployment["schedules"] == []
    assert "database is locked" not in served.said()


def completed(runs):
    return sum(run["state_type"] == "COMPLETED" for run in runs) >= SEVERAL

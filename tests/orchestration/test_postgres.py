"""Prefect on PostgreSQL: the same served schedule, on the server that SUPERVISOR_TEST_POSTGRES names."""

import os

import pytest

from tests.orchestration.supervised import EVENING, Served, event_ids

URL = os.environ.get("SUPERVISOR_TEST_POSTGRES")

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.skipif(not URL, reason="SUPERVISOR_TEST_POSTGRES names no PostgreSQL server"),
]


def test_a_scheduled_run_on_postgresql(tmp_path):
    with Served(tmp_path, {"PREFECT_SERVER_DATABASE_CONNECTION_URL": str(URL)}) as served:
        run = served.finish(served.start_run(as_of=EVENING))
        artifacts = served.artifacts(run["id"])
        count = len(event_ids(served.event_log))
        events = served.wait(lambda: len(found := served.events(run["id"])) == count and found)

    assert run["name"].startswith("unstable · ")
    assert "reconcile-summary" in artifacts
    assert len(events) == count
    assert not list((tmp_path / "state" / "prefect").glob("prefect.db*"))

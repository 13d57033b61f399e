"""A worker that is killed in the middle of a run: the next scheduled run recovers, and each event is there once."""

from datetime import UTC, datetime

import pytest

from tests.helpers.past_worlds import inventory, world, write
from tests.orchestration.killer import Killer
from tests.orchestration.supervised import Served, event_ids, events_of_one_run

pytestmark = [pytest.mark.server, pytest.mark.slow]

SICK = ("piha/web", "piha/db", "piha/cache")
WELL = "piha/proxy"  # without it, the node as a whole would be suspect, and one event would tell of it


@pytest.fixture
def sick(tmp_path):
    """Return the settings of a homelab that is sick right now: a scheduled run judges it as it is."""
    home = write(tmp_path / "home", inventory(piha=[name.removeprefix("piha/") for name in (*SICK, WELL)]))
    now = write(tmp_path / "world", world(datetime.now(UTC), WELL, sick=SICK))
    return {"inventory": str(home), "world": str(now), "world_ttl": "1h", "node_ttl": "1h"}


@pytest.mark.parametrize("fsync", [4, 7])
def test_a_run_killed_while_it_emits_is_completed_by_the_next_scheduled_one(tmp_path, sick, fsync):
    killer = Killer(tmp_path)
    killer.arm(fsync)
    settings = {f"SUPERVISOR_{name.upper()}": value for name, value in sick.items()}
    with Served(tmp_path, {**settings, **killer.environment, "SUPERVISOR_SERVE_INTERVAL": "10s"}) as served:
        served.wait(killer.has_struck)
        served.wait(lambda: "Finished in state Degraded('degraded" in served.said())
        crashed = served.api("/flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["CRASHED"]}}}})
        ids = event_ids(served.event_log)

    assert len(crashed) == 1
    assert len(ids) == len(set(ids)) == events_of_one_run(tmp_path / "alone", None, **sick) == len(SICK)

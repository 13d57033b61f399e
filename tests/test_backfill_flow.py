"""The backfill flow: the same history, by Prefect."""

import pytest

from flows.settings import Settings
from flows.sources.history import ask_history, scan_history
from tests.past_worlds import inventory, write
from tests.test_backfill import keep

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def prefect_server():
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=110):
        yield


@pytest.mark.usefixtures("prefect_server")
def test_the_flow_makes_the_history(tmp_path, monkeypatch):
    from flows.backfill import backfill

    home = write(tmp_path / "home", inventory(piha=["web", "db"]))
    monkeypatch.setenv("SUPERVISOR_STATE_DIR", str(tmp_path / "state"))
    source = keep(tmp_path / "kept", 6, down=(2, 3))

    assert backfill(source=source, inventory=home) == 6
    assert backfill(source=source, inventory=home) == 0

    settings = Settings(state_dir=tmp_path / "state")
    assert (
        ask_history(lambda: scan_history(settings.history_root(), "runs").collect(), settings.history_root()).height
        == 6
    )

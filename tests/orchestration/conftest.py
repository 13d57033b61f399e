"""One supervisor that serves, for all modules that a process of the suite runs."""

import pytest

from tests.orchestration.supervised import EVENING, HOMELAB, Served

SERVER_TIMEOUT_S = 900
"""A server that starts on a busy machine takes minutes; what holds then is what is tested, not how fast it is."""


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("server") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SERVER_TIMEOUT_S))


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    with Served(tmp_path_factory.mktemp("served")) as served:
        yield served


@pytest.fixture(scope="session")
def evening(served):
    """The first run: its whole evening is news."""
    return served.finish(served.start_run(as_of=EVENING))


@pytest.fixture(scope="session")
def news(served, evening):
    """What the first run appended to the event log."""
    return served.logged()


@pytest.fixture
def client(served, tmp_path, monkeypatch):
    """This process as a client of the server, with an event log of its own."""
    from tests.orchestration.client import as_client

    own = {"EVENT_LOG": tmp_path / "log", "CHECKPOINT": tmp_path / "checkpoint", "STATE_DIR": tmp_path / "state"}
    for name, value in {**own, "INVENTORY": HOMELAB, "WORLD": HOMELAB / "world"}.items():
        monkeypatch.setenv(f"SUPERVISOR_{name}", str(value))
    monkeypatch.setattr("flows.orchestration.tasks.READ_PAUSES_S", [0.0])
    with as_client(served):
        yield

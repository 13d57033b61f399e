"""What every test of the event log and its checkpoint can use."""

import pytest

from flows.ledger import event_log


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    """Look as often whether another writer ends its line, but for less time: nobody here is that slow."""
    monkeypatch.setattr(event_log, "_GRACE_STEP_S", 0.001)

"""Real engines for a test: `python -m tests.lab enter -- .venv/bin/pytest -m engine`; elsewhere they skip."""

import pytest

from tests.lab.lab import Lab
from tests.lab.places import is_inside


@pytest.fixture(scope="session")
def lab():
    """Three nodes with engines and sshd, for all tests of the session."""
    if not is_inside():
        pytest.skip("needs real engines: python -m tests.lab enter -- .venv/bin/pytest -m engine")
    with Lab(3, has_ssh=True) as lab:
        yield lab


@pytest.fixture
def node(lab):
    """One node without a container, healed and running, whatever the test before did."""
    node = lab["node1"]
    node.clear()
    yield node
    node.heal()
    node.clear()

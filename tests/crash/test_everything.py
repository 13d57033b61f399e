"""Every command at once for some seconds, with kills at random (`python -m tests.crash.everything 600` is the long run)."""

import pytest

from tests.crash.everything import crowd

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.timeout(600)]


def test_every_command_at_once_loses_doubles_and_tears_nothing():
    written, problems = crowd(20, seed=1)

    assert problems == []
    assert written["commands that ended with killed"] > 2
    assert written["foreign lines"] > 100

"""Every command at once for some seconds, with kills at random (`python -m tests.crash.everything 600` is the long run)."""

import pytest

from flows.commands.on_demand import SAID
from tests.crash.everything import COMMANDS, crowd

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.timeout(600)]


def test_every_command_at_once_loses_doubles_and_tears_nothing():
    written, problems = crowd(20, seed=1)

    assert problems == []
    assert written["commands that ended with killed"] > 2
    assert written["foreign lines"] > 100


def test_every_command_is_in_the_crowd():
    assert set(SAID) == {words.split()[0] for words in COMMANDS}

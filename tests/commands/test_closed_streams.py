"""A closed stream is nothing to write to, and no place for the next file that is opened; a reader that is gone is no error."""

import os
import subprocess

import pytest

from tests.helpers.frames import NOON
from tests.helpers.past_worlds import inventory, world, write
from tests.helpers.program import SUPERVISOR, call, clean_environment

pytestmark = pytest.mark.wide

AT_NOON = f"--as-of {NOON:%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture
def environment(tmp_path):
    """That of a fleet with one sick service, which one run has told of already."""
    write(tmp_path / "home", inventory(piha=["web"]))
    write(tmp_path / "world", world(NOON, sick=["piha/web"]))
    places = {"INVENTORY": "home", "WORLD": "world", "STATE_DIR": "state", "EVENT_LOG": "log", "CHECKPOINT": "point"}
    environment = {**clean_environment(), **{f"SUPERVISOR_{name}": str(tmp_path / at) for name, at in places.items()}}
    call(*f"reconcile {AT_NOON}".split(), environment=environment)
    return environment


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("command", [f"reconcile {AT_NOON}", "history"])
def test_a_command_with_a_closed_stream_ends_as_with_an_open_one(tmp_path, environment, closed, command):
    before = (tmp_path / "log").read_bytes()

    as_open = call(*command.split(), environment=environment)
    called = ["sh", "-c", f'exec "$@" {closed}', "sh", *SUPERVISOR, *command.split()]
    done = subprocess.run(called, env=environment, capture_output=True, check=False)

    assert done.returncode == as_open.returncode < 70, done.stderr
    assert (tmp_path / "log").read_bytes() == before


@pytest.mark.parametrize("command", [f"reconcile {AT_NOON}", "history", "--help"])
def test_a_command_whose_reader_is_gone_ends_quietly_as_sigpipe_would_end_it(environment, command):
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        [*SUPERVISOR, *command.split()], env=environment, stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (141, b"")

"""What a command on the other side prints is bounded, however long it goes on."""

import asyncio
import resource

import pytest

from flows.engines.reasons import LookError
from flows.engines.ssh import MOST_OUTPUT, run_command


def test_what_is_printed_comes_back_whole():
    assert asyncio.run(run_command(["sh", "-c", "printf é; echo no >&2"])) == "é"


@pytest.mark.parametrize("where", ["", ">&2"])
def test_who_prints_for_ever_is_ended_and_takes_no_memory(where):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(LookError, match="more than 2 MiB"):
        asyncio.run(run_command(["sh", "-c", f"yes {'x' * 1000} {where}"]))
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 20 * MOST_OUTPUT


def test_a_command_whose_child_holds_its_pipes_is_ended_at_the_deadline():
    with pytest.raises(LookError, match=r"did not end within 0\.3 s"):
        asyncio.run(asyncio.wait_for(run_command(["sh", "-c", "sleep 60; true"], 0.3), 20))

"""What a benchmark says of a command is the command's own, not that of the process that began it."""

import resource
import sys

import pytest

from benchmarks.measure import measure


@pytest.mark.parametrize("held", [20_000_000, 300_000_000])
def test_the_peak_of_a_command_is_its_own(tmp_path, held):
    begun = measure(
        [sys.executable, "-S", "-c", f"held = b'1' * {held}; import time; time.sleep(0.1)"], tmp_path / "command.out"
    )
    assert held < begun.peak_bytes < held + 50_000_000


def test_a_command_of_a_process_that_held_much_has_not_held_it(tmp_path):
    held = b"1" * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 + 100_000_000)
    del held
    begun = measure([sys.executable, "-S", "-c", "import time; time.sleep(0.1)"], tmp_path / "command.out")
    assert 1_000_000 < begun.peak_bytes < 50_000_000

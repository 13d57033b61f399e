"""A sample of the table of writers and faults (`python -m tests.crash.table` makes all of it)."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.crash,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler, which the faults are made with"),
]


@pytest.mark.parametrize(
    "writer", ["acknowledgements", "journal", "generations", "deployment hook", "observer's memory"]
)
def test_whatever_strikes_a_writer_nothing_is_lost_doubled_left_or_silently_different(writer):
    command = [sys.executable, "-m", "tests.crash.table", "--step", "5", "--flips", "9", writer]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])

    assert done.stderr == ""
    assert done.returncode == 0
    assert ", 0 failed" in done.stdout

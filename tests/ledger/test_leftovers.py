"""What a killed process leaves under a temporary name is removed by the next; what another is writing stays."""

import os
import subprocess
import time

import pytest

from flows.files.own import replace_file, write_temporary
from flows.ledger.emit import open_emitter
from tests.helpers.episodes import paths

PLACES = ["state/notifications.json", "state/acknowledgements.json", "supervisor-checkpoint.json.attempt"]


def ended_process() -> int:
    ended = subprocess.Popen(["true"])
    ended.wait()
    return ended.pid


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("writer", ["killed", "an earlier version"])
def test_a_run_removes_what_killed_processes_left(tmp_path, place, writer):
    with open_emitter(paths(tmp_path)):
        pass
    path = tmp_path / place
    number = f"{ended_process()}-" if writer == "killed" else ""
    left = path.with_name(f"{path.name}.{number}0123456789abcdef.tmp")
    left.write_bytes(b"half")
    foreign = path.with_name(f"{path.name}.tmp")
    foreign.write_bytes(b"not ours")

    with open_emitter(paths(tmp_path)):
        pass

    assert not left.exists()
    assert foreign.exists() == place.startswith("state/")


def test_a_file_that_is_replaced_has_no_leftovers_beside_it(tmp_path):
    left = tmp_path / f"metrics.prom.{ended_process()}-0123456789abcdef.tmp"
    left.write_bytes(b"half")

    replace_file(tmp_path / "metrics.prom", b"whole")

    assert [path.name for path in tmp_path.iterdir()] == ["metrics.prom"]


def test_what_a_living_process_is_writing_stays_until_it_is_old(tmp_path):
    left = tmp_path / f"a.{os.getppid()}-0123456789abcdef.tmp"
    left.write_bytes(b"half")

    replace_file(tmp_path / "a", b"whole")
    assert left.exists()
    os.utime(left, (time.time() - 7200, time.time() - 7200))
    replace_file(tmp_path / "a", b"whole")
    assert not left.exists()


def test_a_temporary_name_says_who_writes_it(tmp_path):
    assert write_temporary(tmp_path / "a", b"x").name.startswith(f"a.{os.getpid()}-")

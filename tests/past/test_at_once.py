"""What two backfills, or one and the one who waits for it, do to each other."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from flows.cli import _run
from flows.files.lock import hold_lock
from flows.ledger.history import scan_history
from tests.helpers.frames import NOON
from tests.helpers.past_worlds import inventory, world, write
from tests.helpers.program import SUPERVISOR

HOUR = timedelta(hours=1)


@pytest.fixture
def places(tmp_path, monkeypatch) -> Mapping[str, str]:
    write(tmp_path / "home", inventory(piha=["web", "db"]))
    for day in range(6):
        for hour in range(4):
            moment = NOON + timedelta(days=day) + hour * HOUR
            write(tmp_path / f"kept/{moment:%Y-%m-%dT%H:%M:%SZ}", world(moment, "piha/web"))
    given = {
        "SUPERVISOR_INVENTORY": str(tmp_path / "home"),
        "SUPERVISOR_STATE_DIR": str(tmp_path / "state"),
        "SUPERVISOR_LOCK_TIMEOUT": "0.2s",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return given


@pytest.mark.parametrize("words", [["backfill", "kept", "--jobs", "1"], ["history", "compact"]])
def test_who_comes_second_is_told_who_is_at_work(tmp_path, places, monkeypatch, capsys, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "state").mkdir(mode=0o700)
    with hold_lock(tmp_path / "state/history.lock", 1):
        code = _run(words)

    assert code == 4
    assert f"process {os.getpid()}, started" in capsys.readouterr().err
    assert not (tmp_path / "state/history").exists()


@pytest.mark.slow
def test_two_by_different_rules_leave_one_run_a_moment_and_each_with_its_drift(tmp_path, places):
    environment = {**os.environ, **places, "SUPERVISOR_LOCK_TIMEOUT": "60s"}
    command = [*SUPERVISOR, "backfill", str(tmp_path / "kept"), "--jobs", "2"]
    both = [
        subprocess.Popen(command, env={**environment, "SUPERVISOR_NODE_TTL": ttl}, stdout=subprocess.DEVNULL)
        for ttl in ("5m", "9m")
    ]
    assert [one.wait() for one in both] == [0, 0]

    runs, drift = (scan_history(tmp_path / "state", table).collect() for table in ("runs", "drift"))
    assert sorted(runs["as_of"]) == sorted(set(runs["as_of"]))
    assert runs.height == 24
    assert set(drift["run_id"]) == set(runs["run_id"])


def begin(folder: Path, places: Mapping[str, str]) -> tuple["subprocess.Popen[bytes]", list[int]]:
    """Start a backfill, and return it as soon as it has workers."""
    process = subprocess.Popen(
        [*SUPERVISOR, "backfill", str(folder / "kept"), "--jobs", "2"],
        env={**os.environ, **places},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not (workers := children(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert workers
    return process, workers


@pytest.mark.slow
@pytest.mark.parametrize("delay_s", [0.0, 0.3, 1.2])
def test_an_interrupt_prints_no_traceback_whenever_it_comes(tmp_path, places, delay_s):
    process, _ = begin(tmp_path, places)
    time.sleep(delay_s)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[1].decode()

    assert "Traceback" not in said
    assert process.returncode in {0, 130}


@pytest.mark.slow
@pytest.mark.parametrize("delay_s", [0.0, 1.0])
def test_the_workers_of_one_that_is_killed_end_with_it(tmp_path, places, delay_s):
    process, workers = begin(tmp_path, places)
    time.sleep(delay_s)
    process.kill()
    process.communicate()

    deadline = time.monotonic() + 30
    while any(map(is_worker, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [number for number in workers if is_worker(number)] == []


def children(parent: int) -> list[int]:
    found = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(number) for number in found if is_worker(int(number))]


def is_worker(number: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return False

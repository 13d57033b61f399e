"""One history, and three at it at once, each a process of its own: one writes runs, one compacts, one reads."""

import multiprocessing
from datetime import timedelta
from pathlib import Path

import pytest

from flows.ledger.history import ask_history, scan_history
from flows.ledger.history_writer import commit, compact, prepare_run, sweep_temporaries
from tests.ledger.test_history import DAY, a_run, files

RUNS = 30
CONTEXT = multiprocessing.get_context("spawn")


def write_runs(folder: Path, written: "multiprocessing.sharedctypes.Synchronized[int]") -> None:
    """Write runs one after the other, as a live run does, and count those that are there."""
    for minutes in range(RUNS):
        sweep_temporaries(folder)
        commit(prepare_run(folder, a_run(minutes)))
        written.value = minutes + 1


def compact_again_and_again(folder: Path, written: "multiprocessing.sharedctypes.Synchronized[int]") -> None:
    """Compact the day that is being written to, as if it were over."""
    while written.value < RUNS:
        compact(folder, DAY + timedelta(days=1))


def look(folder: Path) -> tuple[list[str], list[str]]:
    """Return the ids of the runs and, asked for later, of the runs that drift is told of."""
    runs = ask_history(lambda: scan_history(folder, "runs").select("run_id").collect(), folder)
    drift = ask_history(lambda: scan_history(folder, "drift").select("run_id").collect(), folder)
    return runs["run_id"].to_list(), drift["run_id"].to_list()


@pytest.mark.slow
def test_a_reader_sees_every_run_once_while_they_are_written_and_merged(tmp_path):
    written = CONTEXT.Value("i", 0)
    others = [CONTEXT.Process(target=work, args=(tmp_path, written)) for work in (write_runs, compact_again_and_again)]
    for process in others:
        process.start()
    looks = 0
    while any(process.is_alive() for process in others):
        known = written.value
        runs, drift = look(tmp_path)
        looks += known > 0
        assert len(set(runs)) == len(runs) >= known
        assert len(set(drift)) == len(drift)
        assert set(runs) <= set(drift)
    assert [process.exitcode for process in others] == [0, 0]
    assert looks > 5
    compact(tmp_path, DAY + timedelta(days=1))
    assert len(look(tmp_path)[0]) == RUNS
    assert len(files(tmp_path)) == 3

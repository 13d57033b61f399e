"""The history of the past, made from snapshots: a day at a time, in any order, in as many processes as are given."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import polars as pl

from flows.files.processes import end_with
from flows.files.storage import open_storage
from flows.ledger.history import ask_history, find_day_damage, list_days, read_day, scan_day
from flows.ledger.history_check import DamagedHistoryError
from flows.ledger.history_writer import derive_run_id, finish_day, write_day
from flows.past.day import Batch, Day, Judge, Problem
from flows.sources.world.actual import WorldFiles
from schemas.frame import dtypes
from schemas.history import History, RunFacts
from schemas.words import Outcome
from stages.record import record_runs

Result = TypeVar("Result")
BACKFILL = "backfill"


class DayDone(NamedTuple):
    """What became of a day."""

    day: Day
    judged_count: int
    known_count: int
    """Snapshots whose run the history had already."""
    problems: tuple[Problem, ...]


@dataclass
class Backfiller:
    """Makes the history of a day; can be sent to another process."""

    judge: Judge
    history: Path | str

    def __call__(self, day: Day) -> DayDone:
        """Judge the snapshots of a day that the history does not have, and write the day's files.

        The files depend on the runs that the day has then, and on nothing else: not on how many processes worked, nor
        on how often one was killed in between. A day of which a file is damaged is left as it is, and named.
        """
        try:
            return self._make(day)
        except DamagedHistoryError as error:
            return DayDone(day, 0, 0, (Problem(day.snapshots[0].as_of, f"the day {day.day}: {error}"),))

    def _make(self, day: Day) -> DayDone:
        problems: list[Problem] = []
        known = _known_runs(self.history, day)
        batches: list[Batch] = []
        known_count = 0
        for version, worlds in self.judge.read_day(day, problems):
            new = [world for world in worlds if self._run_id(version, world) not in known]
            known_count += len(worlds) - len(new)
            batch = self.judge.judge_worlds(version, new, problems) if new else None
            batches += [batch] if batch else []
        if batches:
            write_day(self.history, day.day, join_histories([to_history(batch) for batch in batches]))
        elif known_count:
            finish_day(self.history, day.day)
        judged_count = sum(len(batch.prints) for batch in batches)
        return DayDone(day, judged_count, known_count, tuple(problems))

    def _run_id(self, version: str, world: WorldFiles) -> str:
        prints = self.judge.fingerprint(version, world)
        return derive_run_id(prints.input, prints.rules, world.as_of)

    def close(self) -> None:
        """Let go of what is open."""
        self.judge.close()


def _known_runs(history: Path | str, day: Day) -> frozenset[str]:
    """Return the ids of the runs that the history has of a day; a run's own row is written last."""
    storage = open_storage(history)
    if day.day not in list_days(storage, "runs", day.snapshots[0].as_of, day.snapshots[-1].as_of):
        return frozenset()
    problem = find_day_damage(storage, "runs", day.day)
    if problem is not None:
        raise DamagedHistoryError(problem)
    rows = ask_history(
        lambda: scan_day(storage, "runs", read_day(storage, "runs", day.day)).select("run_id").collect(), storage
    )
    return frozenset(rows["run_id"])


def to_history(batch: Batch) -> History:
    """Return the history's rows of a batch."""
    is_complete = bool(batch.desired.unread["is_warning"].all())
    facts = [
        {
            "as_of": as_of,
            "run_id": derive_run_id(prints.input, prints.rules, as_of),
            "generation": None,
            "outcome": Outcome.COMPLETED if is_complete else Outcome.PARTIAL,
            "source": BACKFILL,
            "host": None,
            "input_fingerprint": prints.input,
            "rules_fingerprint": prints.rules,
            "inventory_fingerprint": prints.inventory,
            "world_fingerprint": prints.world,
        }
        for as_of, prints in batch.prints.items()
    ]
    frame = RunFacts.validate(pl.DataFrame(facts, schema=dtypes(RunFacts)))
    return record_runs(frame, batch.desired, batch.judgement)


def join_histories(parts: list[History]) -> History:
    """Return the rows of several histories, one behind the other."""
    return History(*(pl.concat(tables) for tables in zip(*parts, strict=True)))


_worker: Callable[[Day], object] | None = None


def _start_worker(work: Callable[[Day], object], parent: int) -> None:
    global _worker  # noqa: PLW0603 - a process of the pool has one job, which it keeps between days
    end_with(parent)
    _worker = work


def _work(day: Day) -> object:
    assert _worker is not None  # noqa: S101 - the pool starts every process with one
    return _worker(day)


def map_days(work: Callable[[Day], Result], days: list[Day], jobs: int) -> Iterator[Result]:
    """Return what `work` makes of each day, in any order, by so many processes; with one, right here and in order."""
    if jobs <= 1 or len(days) <= 1:
        yield from map(work, days)
        return
    waiting = iter(days)
    with _single_threaded(), _pool(work, jobs) as pool:
        with _deaf_to_interrupts():
            at_work = {pool.submit(_work, day) for day in islice(waiting, 2 * jobs)}
        while at_work:
            done, at_work = wait(at_work, return_when=FIRST_COMPLETED)
            # Only so many days ahead of who asks for them: a year of them would not fit into memory.
            at_work |= {pool.submit(_work, day) for day in islice(waiting, len(done))}
            yield from (future.result() for future in done)  # type: ignore[misc]


@contextmanager
def _pool(work: Callable[[Day], object], jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Give a pool that is left without waiting for days that were not begun, where the caller gives up."""
    # polars' threads do not survive a fork
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker, initargs=(work, os.getpid()))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Let processes that are started here never be interrupted, which a terminal does to all: this one ends them.

    What they inherit is the mask of this thread. Another thread may take the signal for the process all the same, and
    a start that is interrupted half-way would leave a process that complains: it is taken note of, and raised after.
    """
    taken: list[int] = []
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    is_main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, lambda number, _: taken.append(number)) if is_main else None
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if is_main:
            signal.signal(signal.SIGINT, handler)
    if taken:
        raise KeyboardInterrupt


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Let each process of the pool use one thread: there are as many processes as cores."""
    name = "POLARS_MAX_THREADS"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before

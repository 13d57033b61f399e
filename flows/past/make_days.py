"""The history of the past, made from snapshots: a day at a time, in any order, in as many processes as are given."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import polars as pl

from flows.files.processes import collect_seldom, end_with
from flows.files.storage import open_storage
from flows.ledger.history import ask_history, find_day_damage, scan_day
from flows.ledger.history_check import DamagedHistoryError
from flows.ledger.history_days import list_days, read_day
from flows.ledger.history_writer import derive_run_id, finish_day, write_day
from flows.past.day import Batch, Day, Judge, Problem, join_days, stretch
from flows.sources.world.actual import WorldFiles
from schemas.frame import dtypes
from schemas.history import History, RunFacts
from schemas.words import Outcome
from stages.record import record_runs

Days = TypeVar("Days")
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
    """Makes the history of days; can be sent to another process."""

    judge: Judge
    history: Path | str

    def __call__(self, days: Sequence[Day]) -> list[DayDone]:
        """Judge the snapshots of days that the history does not have, and write each day's files.

        The files depend on the runs that the day has then, and on nothing else: not on which days come with it, on how
        many processes worked, nor on how often one was killed in between. A day of which a file is damaged is left as
        it is, and named.
        """
        begun = [self._begin(day) for day in days]
        sound = {one.day.day: one for one in begun if not one.problems}
        if sound:
            self._make(sound)
        return [DayDone(one.day, one.judged_count, one.known_count, tuple(one.problems)) for one in begun]

    def _begin(self, day: Day) -> "_Making":
        try:
            return _Making(day, _known_runs(self.history, day))
        except DamagedHistoryError as error:
            return _Making(day, problems=[_refusal(day, error)])

    def _make(self, days: "dict[date, _Making]") -> None:
        problems: list[Problem] = []
        unwritten = list(days.values())
        for version, worlds in self.judge.read_day(join_days([one.day for one in unwritten]), problems):
            while unwritten[0].day.day < worlds[0].as_of.date():
                self._write(unwritten.pop(0))
            new = [world for world in worlds if self._is_new(version, world, days[world.as_of.date()])]
            batch = self.judge.judge_worlds(version, new, problems) if new else None
            for day, rows in _by_day(to_history(batch)).items() if batch else ():
                days[day].histories.append(rows)
        for one in unwritten:
            self._write(one)
        for problem in problems:
            days[problem.as_of.date()].problems.append(problem)

    def _is_new(self, version: str, world: WorldFiles, day: "_Making") -> bool:
        if not day.known:
            return True
        prints = self.judge.fingerprint(version, world)
        is_new = derive_run_id(prints.input, prints.rules, world.as_of) not in day.known
        day.known_count += not is_new
        return is_new

    def _write(self, one: "_Making") -> None:
        try:
            if one.histories:
                write_day(self.history, one.day.day, join_histories(one.histories))
                one.judged_count = sum(rows.runs.height for rows in one.histories)
            elif one.known_count:
                finish_day(self.history, one.day.day)
        except DamagedHistoryError as error:
            one.known_count, one.problems = 0, [_refusal(one.day, error)]
        one.histories = []

    def close(self) -> None:
        """Let go of what is open."""
        self.judge.close()


@dataclass
class _Making:
    """A day on its way."""

    day: Day
    known: frozenset[str] = frozenset()
    """The runs that the history has of it."""
    problems: list[Problem] = field(default_factory=list)
    histories: list[History] = field(default_factory=list)
    known_count: int = 0
    judged_count: int = 0


def _refusal(day: Day, error: DamagedHistoryError) -> Problem:
    return Problem(day.snapshots[0].as_of, f"the day {day.day}: {error}")


def _by_day(rows: History) -> dict[date, History]:
    """Return the rows of each day."""
    of_day = pl.col("as_of").dt.date()
    days = rows.runs["as_of"].dt.date().unique(maintain_order=True)
    return {day: History(*(table.filter(of_day == day) for table in rows)) for day in days}  # type: ignore[arg-type]


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


_worker: Callable[[Any], object] | None = None


def _start_worker(work: Callable[[Any], object], parent: int) -> None:
    global _worker  # noqa: PLW0603 - a process of the pool has one job, which it keeps between days
    end_with(parent)
    collect_seldom()
    _worker = work


def _work(days: object) -> object:
    assert _worker is not None  # noqa: S101 - the pool starts every process with one
    return _worker(days)


def make_days(work: Backfiller, days: list[Day], jobs: int) -> Iterator[DayDone]:
    """Make the history of days, in any order, by so many processes; yield what became of each."""
    for done in map_days(work, stretch(days, jobs), jobs):
        yield from done


def map_days(work: Callable[[Days], Result], days: list[Days], jobs: int) -> Iterator[Result]:
    """Return what `work` makes of each of the days, in any order, by so many processes; with one, right here and in order."""
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
def _pool(work: Callable[[Any], object], jobs: int) -> Iterator[ProcessPoolExecutor]:
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

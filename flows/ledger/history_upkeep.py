"""What live runs do for the history by themselves, so that it stays few files and nobody has to set up anything."""

import time
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path

from flows.errors import BusyError, HistoryError
from flows.files.storage import open_storage
from flows.ledger.history import ask_history
from flows.ledger.history_days import day_folder, list_days
from flows.ledger.history_writer import hold_lock_of, merge_day
from schemas.history import TABLES

LONGEST_S = 2.0
"""So long at most a run joins days; what is left, the next one joins."""
MOST_BYTES = 32 * 1024 * 1024
"""A table of a day that goes on is written anew each hour up to this size; a larger one once, when its day is over."""
RUNS_APART = 60
"""Runs that follow each other faster than hours do join this often, so that a day never holds thousands of files."""


def is_due(before: datetime, as_of: datetime, generation: int) -> bool:
    """Return whether a run is to join files: the first one of each hour, and each sixtieth."""
    return as_of.date() > before.date() or as_of.hour != before.hour or generation % RUNS_APART == 0


def join_days(root: Path, as_of: datetime, longest_s: float = LONGEST_S, most_bytes: int = MOST_BYTES) -> list[str]:
    """Join the small files of the days up to this one, the newest first, and return what stood in the way.

    Each table of the newest two days is joined, however long it takes; of older ones, as many as there is time for.
    Nothing happens where another process replaces days just now: it comes another time.
    """
    faults: list[str] = []
    with suppress(BusyError), hold_lock_of(root):
        storage = open_storage(root)
        days = sorted(
            {(day, table) for table in TABLES for day in list_days(storage, table, until=as_of)}, reverse=True
        )
        begun = time.monotonic()
        for number, (day, table) in enumerate(days):
            if number >= 2 * len(TABLES) and time.monotonic() - begun > longest_s:
                break
            if day == as_of.date() and _size(root, table, day) > most_bytes:
                continue
            try:
                ask_history(lambda d=day, t=table: merge_day(storage, t, d), storage)  # type: ignore[misc]
            except HistoryError as error:
                faults.append(f"the history of {day} is not joined: {error}")
    return faults


def _size(root: Path, table: str, day: date) -> int:
    """Return the bytes of a day's files of a table; another process may be taking them away."""
    size = 0
    for file in (root / day_folder(table, day)).glob("*.parquet"):
        with suppress(FileNotFoundError):
            size += file.stat().st_size
    return size

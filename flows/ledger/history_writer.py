"""The history, written: one Parquet file for each run and table, one for each table of a finished day.

A file is named from what it holds, so that writing a run again replaces it, and the same rows give the same bytes.
"""

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl

from flows.errors import EmitError, HistoryError
from flows.files.lock import hold_lock
from flows.files.own import say_os_error, sync_folder
from flows.files.processes import is_alive
from flows.files.storage import Storage, make_folder, open_storage, write_flushed
from flows.ledger.history import ask_history, check_day, find_day_damage, scan_day
from flows.ledger.history_check import PART, DamagedHistoryError, name_file, refuse_newer, stem_of
from flows.ledger.history_days import MERGED, SUPERSEDES, DayFiles, day_folder, dump_list, list_days, read_day
from flows.ledger.places import HISTORY_LOCK, Places
from schemas.frame import empty
from schemas.history import HISTORY_VERSION, KEYS, TABLES, History

MOST_FAULTS = 5


class Pending(NamedTuple):
    """A history file that is written and flushed under a temporary name beside its final one."""

    temporary: Path
    final: Path


def derive_run_id(input_fingerprint: str, rules_fingerprint: str, as_of: datetime) -> str:
    """Return the id of a run: the same input, rules and moment have the same id wherever they are judged."""
    moment = as_of.astimezone(UTC).isoformat(timespec="microseconds")
    return hashlib.sha256(f"run\n{input_fingerprint}\n{rules_fingerprint}\n{moment}".encode()).hexdigest()[:32]


def prepare_run(state_dir: Path, rows: History) -> list[Pending]:
    """Write the files of one run under temporary names, flushed, and return where each belongs.

    The caller renames them in the given order, whatever comes in between; `sweep_temporaries` removes those of a run
    that died before it promised to. A table without rows has no file, and a file that is there is not written again.
    Raises `EmitError`.
    """
    try:
        return [
            _prepare(state_dir / folder, stem, frame)
            for folder, stem, frame in _run_parts(rows)
            if not _is_there(state_dir / folder, stem)
        ]
    except OSError as error:
        raise EmitError(
            f"{error.filename or state_dir}: the history cannot be written: {say_os_error(error)}"
        ) from None


def _is_there(folder: Path, stem: str) -> bool:
    return folder.is_dir() and any(_is_of_run(name, stem) for name in os.listdir(folder))


def _prepare(folder: Path, stem: str, rows: pl.DataFrame) -> Pending:
    make_folder(folder)
    data = encode(rows)
    final = folder / name_file(stem, data)
    temporary = folder / f".{final.name}.tmp"
    write_flushed(temporary, data)
    return Pending(temporary, final)


def commit(pending: list[Pending]) -> None:
    """Rename prepared files, those that are renamed already left out, and flush their folders."""
    for temporary, final in pending:
        if temporary.exists():
            os.replace(temporary, final)
    for folder in {final.parent for _, final in pending}:
        sync_folder(folder)


def sweep_temporaries(state_dir: Path, keep: frozenset[Path] = frozenset()) -> int:
    """Remove what dead runs left under temporary names, `keep` excepted, and return how many; the lock is held.

    What another process is writing just now, a backfill or a compaction, stays.
    """
    found = set(state_dir.glob("history/*/day=*/.*.tmp")) - keep
    stale = [path for path in found if not _is_being_written(path)]
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)


def _is_being_written(temporary: Path) -> bool:
    """Return whether the process that a temporary name ends with is alive."""
    process = temporary.suffixes[-2].removeprefix(".")
    return process.isdigit() and int(process) != os.getpid() and is_alive(int(process))


def write_run(root: Path | str, rows: History) -> None:
    """Write the files of one run under their final names, the run's own row last."""
    storage = open_storage(root)
    for folder, stem, frame in _run_parts(rows):
        data = encode(frame)
        name = name_file(stem, data)
        storage.write(f"{folder}/{name}", data)
        for other in (each for each in storage.files(folder) if _is_of_run(each, stem) and each != name):
            storage.remove(f"{folder}/{other}")


def _is_of_run(name: str, stem: str) -> bool:
    return name.endswith(PART) and not name.startswith(".") and stem_of(name) == stem


def _run_parts(rows: History) -> list[tuple[str, str, pl.DataFrame]]:
    """Return the folder of each file of a run, relative to the state folder, what its name begins with, and its rows."""
    run = rows.runs.row(0, named=True)
    stem = f"{run['input_fingerprint'][:16]}-{run['rules_fingerprint'][:16]}-{run['as_of']:%H%M%S%f}"
    day = run["as_of"].date()
    tables = ((table, getattr(rows, table)) for table in TABLES)
    return [(day_folder(table, day), stem, frame) for table, frame in tables if frame.height]


def write_day(root: Path | str, day: date, rows: History) -> None:
    """Write the rows of a day's runs together with those that the history has of it, as one file for each table.

    A backfilled run of the same moment, by other rules or on another inventory, gives way; a live one stays. It goes
    first of all: in between, a reader sees no run of that moment, and never one without its drift. Raises
    `DamagedHistoryError`, before anything is replaced, where a file of the day is not what was written.
    """
    storage = open_storage(root)
    for table in TABLES:
        _check(storage, table, day)
    if any(read_day(storage, table, day).active for table in TABLES):
        _make_room(storage, day, rows)
    for table in TABLES:
        ask_history(lambda table=table: merge_day(storage, table, day, getattr(rows, table)), storage)  # type: ignore[misc]


def _make_room(storage: Storage, day: date, rows: History) -> None:
    """Drop the backfilled runs of the same moments, the runs' own rows first."""
    is_other = pl.col("as_of").is_in(rows.runs["as_of"].implode()) & ~_is_one_of(rows.runs)
    ask_history(lambda: _drop_rows(storage, "runs", day, is_other & pl.col("generation").is_null()), storage)
    left = ask_history(lambda: scan_day(storage, "runs", read_day(storage, "runs", day)).collect(), storage)
    for table in ("drift", "recommendations"):
        ask_history(lambda t=table: _drop_rows(storage, t, day, is_other & ~_is_one_of(left)), storage)  # type: ignore[misc]


def finish_day(root: Path | str, day: date) -> None:
    """Remove what a killed merge left of the files that it had merged."""
    storage = open_storage(root)
    for table in TABLES:
        if read_day(storage, table, day).spent:
            ask_history(lambda table=table: merge_day(storage, table, day), storage)  # type: ignore[misc]


def _check(storage: Storage, table: str, day: date) -> None:
    problem = find_day_damage(storage, table, day)
    if problem is not None:
        raise DamagedHistoryError(problem)


def _is_one_of(runs: pl.DataFrame) -> pl.Expr:
    return pl.col("run_id").is_in(runs["run_id"].implode())


def _drop_rows(storage: Storage, table: str, day: date, is_dropped: pl.Expr) -> None:
    files = read_day(storage, table, day)
    rows = scan_day(storage, table, files).collect()
    kept = rows.filter(~is_dropped)
    if kept.height < rows.height:
        _replace_files(storage, files, kept)


def merge_day(storage: Storage, table: str, day: date, added: pl.DataFrame | None = None) -> bool:
    """Make one file of a day's files, and of rows to add, and return whether anything changed.

    At each moment a reader sees every row once: the list of what the merged file supersedes is there before it, and
    goes after them. Nothing that appeared meanwhile is touched.
    """
    files = read_day(storage, table, day)
    if added is None and len(files.active) <= 1 and not files.spent:
        return False
    check_day(storage, table, files)
    rows = scan_day(storage, table, files).collect() if files.active else empty(TABLES[table])
    if added is not None:
        rows = pl.concat([rows, added]).unique(KEYS[table], keep="first", maintain_order=True)
    if rows.is_empty():
        return False
    _replace_files(storage, files, rows)
    return True


def _replace_files(storage: Storage, files: DayFiles, rows: pl.DataFrame) -> None:
    """Put a merged file in the place of those that it was made of: list, file, removal, removal of the lists."""
    for name in files.active:
        refuse_newer(storage, f"{files.folder}/{name}")
    data = encode(rows.sort("as_of", "run_id", maintain_order=True))
    merged = name_file(MERGED.rstrip("-"), data).removesuffix(PART)
    parts = [name for name in [*files.active, *files.spent] if name.endswith(PART) and name != merged + PART]
    lists = {name for name in files.spent if name.endswith(SUPERSEDES)}
    if parts:
        storage.write(f"{files.folder}/{merged}{SUPERSEDES}", dump_list(parts))
        lists.add(merged + SUPERSEDES)
    if merged + PART not in files.active:
        storage.write(f"{files.folder}/{merged}{PART}", data)
    for name in [*parts, *sorted(lists)]:
        storage.remove(f"{files.folder}/{name}")


@contextmanager
def hold_history(places: Places) -> Iterator[None]:
    """Be the only process here that replaces days of the history; raises `BusyError` that names the other one.

    Live runs add files and replace none: they go on.
    """
    with _hold(places.history_lock, places.lock_timeout_s):
        yield


@contextmanager
def _hold(lock: Path, timeout_s: float) -> Iterator[None]:
    make_folder(lock.parent)
    with hold_lock(lock, timeout_s):
        yield


@contextmanager
def hold_lock_of(root: Path) -> Iterator[None]:
    """Be the only process that replaces days of the history in a folder, without waiting for another; else `BusyError`."""
    with _hold(root.absolute() / HISTORY_LOCK, 0.0):
        yield


def compact(root: Path | str, before: date, advance: Callable[[int, int], None] = lambda *_: None) -> int:
    """Merge the files of each day before `before` into one for each table; return how many were merged.

    `advance` is told how many days of tables are done, and of how many.
    A day that cannot be read does not keep the others from being merged; raises `HistoryError` at the end of them.
    """
    storage = open_storage(root)
    merged, faults = 0, []
    days = [(table, day) for table in TABLES for day in list_days(storage, table) if day < before]
    for done, (table, day) in enumerate(days):
        advance(done, len(days))
        try:
            merged += ask_history(lambda t=table, d=day: merge_day(storage, t, d), storage)  # type: ignore[misc]
        except HistoryError as error:
            faults.append(str(error))
    if faults:
        raise HistoryError(
            "\n".join(
                [
                    *list(dict.fromkeys(faults))[:MOST_FAULTS],
                    f"days that are not merged: {len(faults)}; that are: {merged}",
                ]
            )
        )
    return merged


def encode(rows: pl.DataFrame) -> bytes:
    """Return the rows as a Parquet file: the same rows, the same bytes."""
    buffer = io.BytesIO()
    rows.rechunk().write_parquet(
        buffer, compression="zstd", statistics=True, metadata={"history_version": str(HISTORY_VERSION)}
    )
    return buffer.getvalue()

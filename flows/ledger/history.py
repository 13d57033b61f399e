"""The history, read: Parquet files by table and day, each row once whatever is being compacted meanwhile."""

import warnings
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

import polars as pl

from flows.errors import HistoryError
from flows.files.storage import Storage, open_storage
from flows.ledger.history_check import DamagedHistoryError, DamagedHistoryWarning, check_files, open_file
from flows.ledger.history_days import MOST_ATTEMPTS, DayFiles, list_days, read_day
from schemas.frame import empty
from schemas.history import KEYS, TABLES

AT_ONCE = 500
"""Of more files, the wanted columns are read so many at a time."""
SMALL_BYTES = 128 * 1024
"""Of a file that is read as a whole where some of its columns are wanted."""
KEPT_BYTES = 64 * 1024 * 1024
"""Of what was read to check it, and is kept for who asks next."""

Answer = TypeVar("Answer")


class Kept:
    """What was read of a period to check it, for who asks of its rows next: each day's files, and what small ones hold.

    It is handed out once: who has to ask again reads again.
    """

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._days: dict[tuple[str, date], DayFiles] = {}
        self._contents: dict[str, bytes] = {}
        self._room_bytes = KEPT_BYTES

    def keep_day(self, table: str, day: date, files: DayFiles) -> None:
        """Keep which files a day has."""
        self._days[table, day] = files

    def keep(self, path: str, data: bytes) -> None:
        """Keep what a file holds, where it is small and there is room."""
        if len(data) <= min(SMALL_BYTES, self._room_bytes):
            self._contents[path] = data
            self._room_bytes -= len(data)

    def read_day(self, storage: Storage, table: str, day: date) -> DayFiles:
        """Return the files of a day, as `read_day` does."""
        return self._days.pop((table, day), None) or read_day(storage, table, day)

    def read_small(self, storage: Storage, path: str) -> bytes | None:
        """Return what a small file holds, as `Storage.read_small` does."""
        return self._contents.pop(path, None) or storage.read_small(path, SMALL_BYTES)


def scan_history(
    root: Path | str,
    table: str,
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    without: Container[date] | None = None,
    names: Sequence[str] | None = None,
    kept: Kept | None = None,
) -> pl.LazyFrame:
    """Return the rows of a table with `since` <= `as_of` < `until`; each once, in no particular order.

    `names` are the columns that are wanted, where not all are: then files without number take little memory.

    Columns that a file lacks because it is older are null; columns that a newer version added are left out.
    Collect it inside `ask_history`, which tries again when a file was compacted away in between.

    `without` are the days that `find_damage` named, where the caller has asked, and `kept` what it kept; else it is asked
    here, and a `DamagedHistoryWarning` says what is left out.
    """
    storage = open_storage(root)
    if without is None:
        without = find_damage(storage, since, until)
        for problem in without.values():
            warnings.warn(problem, DamagedHistoryWarning, stacklevel=2)
    days = [day for day in list_days(storage, table, since, until) if day not in without]
    # A day between the bounds is in the period as a whole: its files need not be searched for the rows that are.
    edges = {moment.astimezone(UTC).date() for moment in (since, until) if moment}
    whole = scan_days(storage, table, [day for day in days if day not in edges], names, kept)
    parts = scan_days(storage, table, [day for day in days if day in edges]).filter(*_bounds(since, until))
    return pl.concat([whole, parts if names is None else parts.select(names)])


def find_damage(
    place: Storage | Path | str,
    since: datetime | None = None,
    until: datetime | None = None,
    kept: Kept | None = None,
) -> dict[date, str]:
    """Return the days of a period of which a file, of whatever table, does not hold what was written, and which it is.

    A run without its drift would be told as a quiet one: such a day says nothing at all. What is read is put into `kept`:
    of a day the runs first, so that what is kept of a run's drift is of the same moment, or of a later one.
    """
    storage = open_storage(place) if isinstance(place, str | Path) else place
    tables = [*reversed(TABLES)]
    listed = [(day, table) for table in tables for day in list_days(storage, table, since, until)]
    with_runs = {day for day, table in listed if table == tables[0]}
    found: dict[date, str] = {}
    for day, table in sorted(listed, key=itemgetter(0)):
        problem = None if day in found else find_day_damage(storage, table, day, kept if day in with_runs else None)
        if problem is not None:
            found[day] = f"{day}: {problem}"
    return found


def find_day_damage(storage: Storage, table: str, day: date, kept: Kept | None = None) -> str | None:
    """Return what is wrong with the first damaged file of a day of a table."""
    for _ in range(MOST_ATTEMPTS):
        try:
            files = read_day(storage, table, day)
            check_day(storage, table, files, kept)
            if kept is not None:
                kept.keep_day(table, day, files)
        except FileNotFoundError:
            continue
        except DamagedHistoryError as error:
            return str(error)
        return None
    raise HistoryError("the history changes faster than it can be read; try again")


def check_day(storage: Storage, table: str, day: DayFiles, kept: Kept | None = None) -> None:
    """Raise `DamagedHistoryError` for the first damaged file; `FileNotFoundError` where one went meanwhile."""
    for path, data in check_files(storage, table, (f"{day.folder}/{name}" for name in day.active)):
        if kept is not None:
            kept.keep(path, data)


def scan_days(
    storage: Storage, table: str, days: Iterable[date], names: Sequence[str] | None = None, kept: Kept | None = None
) -> pl.LazyFrame:
    """Return the rows of some days of a table, or the named columns of them; each once, in no particular order."""
    kept = kept or Kept()
    listed = [kept.read_day(storage, table, day) for day in days]
    plain = [f"{day.folder}/{name}" for day in listed if not day.may_overlap for name in day.active]
    frames = [scan_day(storage, table, day) for day in listed if day.may_overlap]
    if names is None:
        frames += [_scan(storage, table, plain)] if plain else []
        return pl.concat(frames or [empty(TABLES[table]).lazy()])
    frames = [frame.select(names) for frame in frames or [empty(TABLES[table]).lazy()]]
    # What polars knows of a file that it scans, it keeps to the end: 1.2 GB for 200,000 files.
    pieces = (_scan_contents(storage, table, part, kept).select(names) for part in _batched(plain, AT_ONCE))
    frames += pieces if len(plain) <= AT_ONCE else [pl.concat([piece.collect() for piece in pieces]).lazy()]
    return pl.concat(frames)


def _batched(paths: Sequence[str], count: int) -> Iterator[Sequence[str]]:
    """Yield the paths so many at a time."""
    return (paths[at : at + count] for at in range(0, len(paths), count))


def _scan_contents(storage: Storage, table: str, paths: Sequence[str], kept: Kept) -> pl.LazyFrame:
    """Return the rows of files in no particular order; polars takes what was read of one in half the time of its path."""
    contents = {path: kept.read_small(storage, path) for path in paths}
    small = [data for data in contents.values() if data is not None]
    large = [storage.location(path) for path, data in contents.items() if data is None]
    return pl.concat([open_file(source, table) for source in (small, large) if source])


def ask_history(question: Callable[[], Answer], place: Storage | Path | str) -> Answer:
    """Return the answer of a question that scans and collects; it is asked again when a file vanished meanwhile.

    Raises `HistoryError` that names a file, where one cannot be read or has a column of another type.
    """
    for _ in range(MOST_ATTEMPTS):
        try:
            return question()
        except FileNotFoundError:
            continue
        except (pl.exceptions.SchemaError, pl.exceptions.ComputeError, pl.exceptions.PanicException) as error:
            damage = find_damage(place)
            said = "\n".join(damage.values()) or f"the history cannot be read: {str(error).splitlines()[0]}"
            raise HistoryError(said) from None
        except OSError as error:
            raise HistoryError(f"the history cannot be read: {error.filename}: {error.strerror or error}") from None
    raise HistoryError("the history changes faster than it can be read; try again")


def find_generation(root: Path | str) -> int:
    """Return the highest generation of the newest day that has one, 0 where none has; a checkpoint can be lost.

    Raises `DamagedHistoryError` where a day that may be the newest is damaged.
    """
    storage = open_storage(root)
    for day in reversed(list_days(storage, "runs")):
        problem = find_day_damage(storage, "runs", day)
        if problem is not None:
            raise DamagedHistoryError(problem)
        found = ask_history(lambda day=day: _generation_of(storage, day), storage)  # type: ignore[misc]
        if found:
            return found
    return 0


def _generation_of(storage: Storage, day: date) -> int:
    rows = scan_day(storage, "runs", read_day(storage, "runs", day))
    return int(rows.select(pl.col("generation").max()).collect().item() or 0)


def scan_day(storage: Storage, table: str, day: DayFiles) -> pl.LazyFrame:
    """Return the rows of a day's files, each once, in the order of the files and of their rows."""
    if not day.active:
        return empty(TABLES[table]).lazy()
    rows = _scan(storage, table, [f"{day.folder}/{name}" for name in day.active])
    return rows.unique(KEYS[table], keep="first", maintain_order=True) if day.may_overlap else rows


def _scan(storage: Storage, table: str, paths: list[str]) -> pl.LazyFrame:
    return open_file([storage.location(path) for path in paths], table)


def _bounds(since: datetime | None, until: datetime | None) -> list[pl.Expr]:
    bounds = [pl.lit(True)]
    if since:
        bounds.append(pl.col("as_of") >= since)
    if until:
        bounds.append(pl.col("as_of") < until)
    return bounds

"""The history, read: Parquet files by table and day, each row once whatever is being compacted meanwhile.

A day's folder holds files of single runs and at most briefly more than one merged file. A merged file's companion
`<name>.supersedes.json` lists the files whose rows it holds, until they are removed.
"""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

import polars as pl

from flows.errors import HistoryError
from flows.files.storage import Storage, open_storage
from schemas.frame import dtypes, empty
from schemas.history import KEYS, TABLES

FOLDER, DAY, PART = "history", "day=", ".parquet"
MERGED, SUPERSEDES = "merged-", ".supersedes.json"
MOST_ATTEMPTS = 20

Answer = TypeVar("Answer")


class DayFiles(NamedTuple):
    """One day of one table: the files that hold its rows, and what is left of a merge."""

    folder: str
    active: list[str]
    spent: list[str]
    """The superseded files, and the lists of what is superseded."""

    @property
    def may_overlap(self) -> bool:
        """Return whether a row can be in two of the files: only what was merged can have been written again."""
        return len(self.active) > 1 and any(name.startswith(MERGED) for name in self.active)


def scan_history(
    root: Path | str, table: str, since: datetime | None = None, until: datetime | None = None
) -> pl.LazyFrame:
    """Return the rows of a table with `since` <= `as_of` < `until`; each once, in no particular order.

    Columns that a file lacks because it is older are null; columns that a newer version added are left out.
    Collect it inside `ask_history`, which tries again when a file was compacted away in between.
    """
    storage = open_storage(root)
    days = list_days(storage, table, since, until)
    # A day between the bounds is in the period as a whole: its files need not be searched for the rows that are.
    edges = {moment.astimezone(UTC).date() for moment in (since, until) if moment}
    whole = scan_days(storage, table, [day for day in days if day not in edges])
    parts = scan_days(storage, table, [day for day in days if day in edges])
    return pl.concat([whole, parts.filter(*_bounds(since, until))])


def scan_days(storage: Storage, table: str, days: Iterable[date]) -> pl.LazyFrame:
    """Return the rows of some days of a table; each once, in no particular order."""
    listed = [read_day(storage, table, day) for day in days]
    plain = [f"{day.folder}/{name}" for day in listed if not day.may_overlap for name in day.active]
    frames = [_scan(storage, table, plain)] if plain else []
    frames += [scan_day(storage, table, day) for day in listed if day.may_overlap]
    return pl.concat(frames) if frames else empty(TABLES[table]).lazy()


def ask_history(question: Callable[[], Answer], place: Storage | Path | str) -> Answer:
    """Return the answer of a question that scans and collects; it is asked again when a file vanished meanwhile.

    Raises `HistoryError` that names a file, where one cannot be read or has a column of another type.
    """
    for _ in range(MOST_ATTEMPTS):
        try:
            return question()
        except FileNotFoundError:
            continue
        except (pl.exceptions.SchemaError, pl.exceptions.ComputeError) as error:
            raise HistoryError(_find_fault(place) or f"the history cannot be read: {error}") from None
        except OSError as error:
            raise HistoryError(f"the history cannot be read: {error.filename}: {error.strerror or error}") from None
    raise HistoryError("the history changes faster than it can be read; try again")


def _find_fault(place: Storage | Path | str) -> str | None:
    """Return what is wrong with the first file that cannot be read; polars does not say which one it was."""
    storage = open_storage(place) if isinstance(place, str | Path) else place
    for table in TABLES:
        for day in list_days(storage, table):
            listed = read_day(storage, table, day)
            for path in (f"{listed.folder}/{name}" for name in listed.active):
                try:
                    _scan(storage, table, [path]).collect()
                except (pl.exceptions.SchemaError, pl.exceptions.ComputeError) as error:
                    said = str(error).splitlines()[0]
                    return (
                        f"{storage.location(path)}: cannot be read: {said}; move it away, backfill makes its runs again"
                    )
    return None


def find_generation(root: Path | str) -> int:
    """Return the highest generation in the history, 0 where it has none; a checkpoint can be lost."""
    highest = ask_history(lambda: scan_history(root, "runs").select(pl.col("generation").max()).collect(), root)
    return int(highest.item() or 0)


def list_days(storage: Storage, table: str, since: datetime | None = None, until: datetime | None = None) -> list[date]:
    """Return the days of which the table has a folder, within the bounds, sorted."""
    names = (name.removeprefix(DAY) for name in storage.folders(f"{FOLDER}/{table}") if name.startswith(DAY))
    days = [day for day in map(_parse_day, names) if day is not None]
    first = since.astimezone(UTC).date() if since else date.min
    last = until.astimezone(UTC).date() if until else date.max
    return [day for day in days if first <= day <= last]


def _parse_day(name: str) -> date | None:
    try:
        return date.fromisoformat(name)
    except ValueError:
        return None


def day_folder(table: str, day: date) -> str:
    """Return the folder of a day of a table, relative to the state folder."""
    return f"{FOLDER}/{table}/{DAY}{day.isoformat()}"


def read_day(storage: Storage, table: str, day: date) -> DayFiles:
    """Return the files of a day, told apart by the lists of what a merged file supersedes.

    A listing is not a snapshot: it can miss a merged file that appeared and a part that went while it was made. Two
    listings that agree can not.
    """
    folder = day_folder(table, day)
    for _ in range(MOST_ATTEMPTS):
        names = storage.files(folder)
        superseded = _superseded(storage, folder, names)
        if superseded is not None and storage.files(folder) == names:
            parts = [name for name in names if name.endswith(PART) and not name.startswith(".")]
            active = [name for name in parts if name not in superseded]
            spent = [name for name in parts if name in superseded]
            return DayFiles(folder, active, spent + [name for name in names if name.endswith(SUPERSEDES)])
    raise HistoryError(f"{storage.location(folder)} changes faster than it can be read; try again")


def _superseded(storage: Storage, folder: str, names: list[str]) -> set[str] | None:
    """Return the files that a merged file of the listing supersedes; None where a list went meanwhile."""
    found: set[str] = set()
    for name in names:
        if name.endswith(SUPERSEDES) and name.removesuffix(SUPERSEDES) + PART in names:
            try:
                found |= set(json.loads(storage.read(f"{folder}/{name}")))
            except FileNotFoundError:
                return None
    return found


def scan_day(storage: Storage, table: str, day: DayFiles) -> pl.LazyFrame:
    """Return the rows of a day's files, each once, in the order of the files and of their rows."""
    if not day.active:
        return empty(TABLES[table]).lazy()
    rows = _scan(storage, table, [f"{day.folder}/{name}" for name in day.active])
    return rows.unique(KEYS[table], keep="first", maintain_order=True) if day.may_overlap else rows


def _scan(storage: Storage, table: str, paths: list[str]) -> pl.LazyFrame:
    schema = dtypes(TABLES[table])
    return pl.scan_parquet(
        [storage.location(path) for path in paths],
        schema=schema,
        missing_columns="insert",
        extra_columns="ignore",
        hive_partitioning=False,
        glob=False,
    ).select(list(schema))


def _bounds(since: datetime | None, until: datetime | None) -> list[pl.Expr]:
    bounds = [pl.lit(True)]
    if since:
        bounds.append(pl.col("as_of") >= since)
    if until:
        bounds.append(pl.col("as_of") < until)
    return bounds

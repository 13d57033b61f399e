"""The history's files, checked: what a file holds is what was written, or its day is left out, by name.

The name of a file ends with the sum of its content. One of an earlier version has none; of it can be told only
whether it can be read.
"""

import hashlib
import io
import re
from collections.abc import Iterable, Iterator

import polars as pl

from flows.errors import HistoryError, say_newer
from flows.files.storage import Storage
from schemas.frame import dtypes
from schemas.history import HISTORY_VERSION, TABLES

PART = ".parquet"
SUM_LENGTH = 32
MOST_HELD_BYTES = 16 * 1024 * 1024
"""Of files without a sum that are tried together."""
_NAMED = re.compile(rf"(?P<stem>.+)-(?P<sum>[0-9a-f]{{{SUM_LENGTH}}})\.parquet")
_ADVICE = "move it away, 'supervisor backfill' makes its runs again where their snapshots are kept"


class DamagedHistoryError(HistoryError):
    """A file of the history does not hold what was written to it."""


class DamagedHistoryWarning(UserWarning):
    """Days of the history are left out, since a file of theirs is damaged."""


def sum_of(data: bytes) -> str:
    """Return the sum that a content's name ends with."""
    return hashlib.sha256(data).hexdigest()[:SUM_LENGTH]


def name_file(stem: str, data: bytes) -> str:
    """Return the name of a file: what it is about, and the sum of its content."""
    return f"{stem}-{sum_of(data)}{PART}"


def stem_of(name: str) -> str:
    """Return what a file is about: two of one stem are of one run."""
    named = _NAMED.fullmatch(name)
    return named["stem"] if named else name.removesuffix(PART)


def check_files(storage: Storage, table: str, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield what each file holds, once it is read; all are good where the end is reached.

    Raises `DamagedHistoryError` where a file is not what was written, and `FileNotFoundError` where one went meanwhile.
    """
    unnamed: dict[str, bytes] = {}
    size = 0
    for path in paths:
        data = _read(storage, path)
        named = _NAMED.fullmatch(path.rpartition("/")[2])
        if named is None:
            unnamed[path], size = data, size + len(data)
        elif named["sum"] != sum_of(data):
            raise DamagedHistoryError(f"{storage.location(path)}: damaged, its sum is another; {_ADVICE}")
        if size > MOST_HELD_BYTES:
            _try_to_read(storage, table, unnamed)
            unnamed, size = {}, 0
        yield path, data
    _try_to_read(storage, table, unnamed)


def _read(storage: Storage, path: str) -> bytes:
    try:
        return storage.read(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DamagedHistoryError(f"{storage.location(path)}: cannot be read: {error.strerror or error}") from None


def _try_to_read(storage: Storage, table: str, files: dict[str, bytes]) -> None:
    """Read files without a sum; one by one where they cannot be read together, which takes a tenth of the time."""
    if len(files) > 1 and _problem(table, [*files.values()]) is None:
        return
    for path, data in files.items():
        if problem := _problem(table, [data]):
            raise DamagedHistoryError(f"{storage.location(path)}: cannot be read: {problem}; {_ADVICE}")


def _problem(table: str, contents: list[bytes]) -> str | None:
    try:
        open_file(contents, table).collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        return (str(error).splitlines() or ["no Parquet"])[0]
    return None


def refuse_newer(storage: Storage, path: str) -> None:
    """Raise `HistoryError` for a file of a newer supervisor: read it can be, but merged it would lose its new columns."""
    written = pl.read_parquet_metadata(io.BytesIO(storage.read(path))).get("history_version", "1")
    if written.isdecimal() and int(written) > HISTORY_VERSION:
        raise HistoryError(say_newer(storage.location(path), int(written), HISTORY_VERSION))


def open_file(source: list[str] | list[bytes], table: str) -> pl.LazyFrame:
    """Return the rows of files of a table: columns that one lacks are null, columns that are new are left out.

    The files are told by their places, or by what is in them.
    """
    schema = dtypes(TABLES[table])
    return pl.scan_parquet(
        source,
        schema=schema,
        missing_columns="insert",
        extra_columns="ignore",
        hive_partitioning=False,
        glob=False,
    ).select(list(schema))

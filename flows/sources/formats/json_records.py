"""JSON without its surprises: a file's records, each whole and unambiguous, or marked with what is wrong with it."""

from collections import Counter
from collections.abc import Collection
from typing import Any, NamedTuple

import polars as pl

from flows.sources.fingerprint import BOM
from flows.sources.formats.json_cut import count_values
from flows.sources.formats.json_fast import decode_plainly
from flows.sources.formats.json_strict import (
    JsonFaultError,
    JsonLimitError,
    Repeated,
    Unfit,
    decode_strictly,
    describe,
    find_flaw,
)
from flows.sources.formats.json_table import RecordTable, read_record_table
from schemas.limits import Limits


class Records(NamedTuple):
    """The records of one file in its order; a value that is `Unfit` is a record to set aside."""

    entries: Collection[tuple[str, Any]]
    """Key and value; in a list the key is the index."""
    is_keyed: bool
    """The file is an object, not a list."""
    table: RecordTable | None = None
    """More records of a large object, by columns."""
    places: tuple[int, ...] = ()
    """Where there is a table, the places of the entries among its rows."""


def parse_records(data: bytes, limits: Limits, fields: tuple[str, ...] = ()) -> Records:
    """Return the records of an object or a list at the top of a file; with fields, of a large one by columns.

    A record is unfit where its key comes twice, or it holds a key twice, NaN, Infinity, a number beyond 64 bits, half
    of a surrogate pair, or too many levels. Raises `JsonFaultError` where the file as a whole is not readable.
    """
    plain = data.removeprefix(BOM)
    records = (_read_table(plain, fields, limits) if fields else None) or _decode_records(plain, limits)
    count = len(records.entries) + (records.table.rows.height if records.table is not None else 0)
    if count > limits.max_records:
        raise JsonLimitError(
            f"{count} records, over the limit of {limits.max_records}; {_advise(limits, 'max_records')}"
        )
    return records


def _decode_records(data: bytes, limits: Limits) -> Records:
    _refuse_many_values(data, limits)
    document = decode_plainly(data, limits.max_json_depth + 1)
    return _list_records(document) if document is not None else _judge_records(decode_strictly(data), limits)


def _read_table(data: bytes, fields: tuple[str, ...], limits: Limits) -> Records | None:
    """Return most records by columns, and the others decoded; None where that cannot be, or a key comes twice."""
    table = read_record_table(data, fields, limits.max_json_depth, limits.max_json_values)
    if table is None:
        return None
    parts = [(first, _judge_records(other, limits)) for first, other in table.others]
    placed = [(place, entry) for first, part in parts for place, entry in enumerate(part.entries, first)]
    entries = [entry for _, entry in placed]
    places = tuple(place for place, _ in placed)
    keys = pl.concat([table.rows["key"], pl.Series("key", [key for key, _ in entries], pl.String)])
    # Keys with as many hashes as there are keys are as many; it takes half the time.
    are_apart = keys.hash().n_unique() == keys.len() or keys.n_unique() == keys.len()
    return Records(entries, True, table, places) if are_apart else None


def _refuse_many_values(data: bytes, limits: Limits) -> None:
    """Refuse what would fill the memory before it is decoded: two bytes of the file are a hundred there."""
    limit = limits.max_json_values
    if len(data) <= limit:
        return
    count = count_values(data)
    if count > limit:
        raise JsonLimitError(f"about {count} values, over the limit of {limit}; {_advise(limits, 'max_json_values')}")


def _advise(limits: Limits, name: str) -> str:
    return f"mend what writes it, or raise {limits.setting_of(name)}"


def _list_records(document: dict[str, Any] | list[Any]) -> Records:
    if isinstance(document, Repeated):
        return Records(document, True)
    if isinstance(document, dict):
        return Records(document.items(), True)
    return Records([(str(index), value) for index, value in enumerate(document)], False)


def _judge_records(document: Any, limits: Limits) -> Records:
    if not isinstance(document, dict | list):
        raise JsonFaultError(f"1:1: expected an object or a list, found {describe(document)}")
    entries, is_keyed = _list_records(document)[:2]
    times = Counter(key for key, _ in entries)
    return Records([(key, _judge(value, times[key], limits)) for key, value in entries], is_keyed)


def _judge(value: Any, times: int, limits: Limits) -> Any:
    """Return the record, or what makes it unfit; of two with one key, nobody knows which of them holds."""
    flaw = find_flaw(value, limits.max_json_depth)
    if times > 1:
        return Unfit("the key comes twice", value if flaw is None else None)
    return value if flaw is None else flaw

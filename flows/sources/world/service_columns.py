"""The records of a large `services.json` by columns: what is written the usual way, without a step for each record.

Everything unusual is handed back as a record, for the row by row way, which is the reference.
"""

from typing import Any, NamedTuple

import msgspec
import polars as pl

from flows.sources.formats.instants import EARLIEST_S, LATEST_S, SECOND_US, parse_instant
from flows.sources.formats.json_records import Records
from flows.sources.formats.json_table import close_piece
from flows.sources.world.names import UnusableNameError, WorldNames
from schemas.limits import Limits
from schemas.words import ALL, FLEET

FIELDS = ("status", "last_seen")
USUAL_KEY = r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$"
NUMBER = r"^[0-9]+(?:\.[0-9]+)?$"
NULL = "null"
TARGET = ["node", "service"]


class ServiceColumns(NamedTuple):
    """What the usual records say, and the others."""

    rows: pl.DataFrame
    """`node`, `service`, `status`, `last_seen_at` in microseconds, `key`."""
    unreadable_count: int
    """Timestamps that are there and cannot be read."""
    others: Records


def read_service_columns(records: Records, names: WorldNames, limits: Limits) -> ServiceColumns | None:
    """Return the records that came as a table by columns, and with the others those that are unusual; or None."""
    if records.table is None:
        return None
    table = _split_keys(records.table, names, limits)
    is_alone = ~pl.struct(TARGET).is_duplicated()
    met = _targets(records, names)
    table = table.with_columns(is_plain=pl.col("is_usual") & is_alone).join(
        met, on=TARGET, how="left", maintain_order="left"
    )
    is_plain = pl.col("is_plain") & pl.col("is_met").is_null()
    others = [*records.entries, *_to_records(table.filter(~is_plain))]
    usual = table.filter(is_plain)
    seen_at = _read_instants(usual["last_seen"])
    is_there = usual["last_seen"].is_not_null() & (usual["last_seen"] != NULL)
    rows = usual.select(*TARGET, status=_read_words(usual["status"]), last_seen_at=seen_at, key="key")
    return ServiceColumns(rows, int((is_there & seen_at.is_null()).sum()), Records(others, True))


def _split_keys(table: pl.DataFrame, names: WorldNames, limits: Limits) -> pl.DataFrame:
    """Return the table with `node`, by the inventory's name, `service`, and whether key and status are usual ones."""
    parts = pl.col("key").str.split_exact("/", 1).struct.rename_fields(["written", "service"]).struct.unnest()
    split = table.with_columns(parts).with_columns(pl.col("service").str.to_lowercase())
    written = split["written"].unique().to_list()
    nodes = pl.DataFrame(
        {"written": written, "node": [_node_name(name, names) for name in written]},
        schema={"written": pl.String, "node": pl.String},
    )
    status = pl.col("status")
    is_word = status.is_null() | (status == NULL) | status.str.starts_with('"')
    is_usual = (
        is_word
        & (status.str.len_chars().fill_null(0) <= limits.max_word_length + len('""'))
        & pl.col("key").str.contains(USUAL_KEY)
        & (pl.col("service").str.len_bytes() <= min(limits.max_name_length, limits.max_key_length))
        & (pl.col("service") != ALL)
        & (pl.col("node") != FLEET)
    )
    joined = split.join(nodes, on="written", how="left", maintain_order="left")
    return joined.select("key", *FIELDS, "piece", *TARGET, is_usual=is_usual.fill_null(False))


def _node_name(written: str, names: WorldNames) -> str | None:
    try:
        return names.read_node(written)
    except UnusableNameError:
        return None


def _targets(records: Records, names: WorldNames) -> pl.DataFrame:
    """Return the targets that the records which are not in the table name."""
    targets = set()
    for key, _ in records.entries:
        try:
            targets.add(names.read_target(key))
        except UnusableNameError:
            continue
    found = pl.DataFrame(list(targets), schema=dict.fromkeys(TARGET, pl.String), orient="row")
    return found.with_columns(is_met=pl.lit(True))


def _to_records(rows: pl.DataFrame) -> list[tuple[str, dict[str, Any]]]:
    """Return rows as whole records: one whose key is unusable may say by its fields what it is about."""
    return [record for piece in rows["piece"] for record in msgspec.json.decode(close_piece(piece)).items()]


def _read_words(texts: pl.Series) -> pl.Series:
    """Return each status stripped and in lower case; there are few different ones."""
    different = texts.drop_nulls().unique().to_list()
    values = [msgspec.json.decode(text) for text in different]
    words = [value.strip().lower() if value is not None else None for value in values]
    return texts.replace_strict(different, words, default=None, return_dtype=pl.String)


def _read_instants(texts: pl.Series) -> pl.Series:
    """Return each moment in microseconds, null where there is none or it cannot be read."""
    is_number = texts.str.contains(NUMBER).fill_null(False)
    seconds = texts.set(~is_number, None).cast(pl.Float64)
    numbers = (seconds * SECOND_US).round().set(~seconds.is_between(EARLIEST_S, LATEST_S).fill_null(False), None)
    different = texts.filter(~is_number).drop_nulls().unique().to_list()
    moments = [parse_instant(msgspec.json.decode(text)) for text in different]
    spelt = texts.replace_strict(different, moments, default=None, return_dtype=pl.Int64)
    return numbers.cast(pl.Int64).fill_null(spelt)

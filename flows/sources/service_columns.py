"""The records of a large `services.json` by columns: what is written the usual way, without a step for each record.

Everything unusual is handed back as it is, for the row by row way, which is the reference; where the two could meet in
one target, the columns stand back altogether.
"""

from collections.abc import ItemsView
from typing import Any, NamedTuple

import polars as pl

from flows.sources.instants import parse_instant
from flows.sources.strict_json import Records
from flows.sources.world_names import UnusableNameError, WorldNames
from schemas.limits import Limits
from schemas.words import ALL, FLEET

MIN_RECORDS = 2_000
"""Below it, the row by row way is as fast."""
USUAL_KEY = r"^[a-z0-9][a-z0-9._-]*/[a-z0-9][a-z0-9._-]*$"
WORDS = frozenset({str, type(None)})
TARGET = ["node", "service"]


class ServiceColumns(NamedTuple):
    """What the usual records say, and the others."""

    rows: pl.DataFrame
    """`node`, `service`, `status`, `last_seen_at` in microseconds, `key`."""
    unreadable_count: int
    """Timestamps that are there and cannot be read."""
    others: Records


def read_service_columns(records: Records, names: WorldNames, limits: Limits) -> ServiceColumns | None:
    """Return the records by columns, or None where there are few, or where they must be read row by row."""
    if not isinstance(records.entries, ItemsView) or len(records.entries) < MIN_RECORDS:
        return None
    entries = dict(records.entries)
    targets = _split_keys(list(entries), names, limits.max_name_length)
    values = list(entries.values())
    are_plain = [type(record) is dict and type(record.get("status")) in WORDS for record in values]
    table = targets.with_columns(is_plain=pl.col("is_plain") & pl.Series(are_plain))
    plain = table["is_plain"].to_list()
    usual = [record for record, is_plain in zip(values, plain, strict=True) if is_plain]
    others = [entry for entry, is_plain in zip(entries.items(), plain, strict=True) if not is_plain]
    try:
        seen, unreadable_count = _read_instants([record.get("last_seen") for record in usual])
    except TypeError:
        return None
    statuses = [record.get("status") for record in usual]
    if any(status is not None and len(status) > limits.max_word_length for status in set(statuses)):
        return None
    rows = table.filter("is_plain").select(
        *TARGET,
        pl.Series("status", _read_words(statuses), pl.String),
        pl.Series("last_seen_at", seen, pl.Int64),
        "key",
    )
    if rows.select(pl.struct(TARGET).is_duplicated().any()).item() or _meet(rows, others, names):
        return None
    return ServiceColumns(rows, unreadable_count, Records(others, True))


def _split_keys(keys: list[str], names: WorldNames, max_name_length: int) -> pl.DataFrame:
    """Return `key`, `node`, `service`, and whether the key is a usual one, with its node by the inventory's name."""
    parts = (
        pl.Series("key", keys, pl.String)
        .to_frame()
        .with_columns(
            pl.col("key").str.split_exact("/", 1).struct.rename_fields(["written", "service"]).struct.unnest()
        )
    )
    written = parts["written"].unique().to_list()
    nodes = pl.DataFrame(
        {"written": written, "node": [_node_name(name, names) for name in written]},
        schema={"written": pl.String, "node": pl.String},
    )
    is_usual = (
        pl.col("key").str.contains(USUAL_KEY)
        & (pl.col("service").str.len_bytes() <= max_name_length)
        & (pl.col("service") != ALL)
        & (pl.col("node") != FLEET)
    )
    joined = parts.join(nodes, on="written", how="left", maintain_order="left")
    return joined.select("key", *TARGET, is_plain=is_usual.fill_null(False))


def _node_name(written: str, names: WorldNames) -> str | None:
    try:
        return names.read_node(written)
    except UnusableNameError:
        return None


def _read_words(statuses: list[str | None]) -> list[str | None]:
    """Return each status stripped and in lower case; there are few different ones."""
    words = {status: status.strip().lower() if status is not None else None for status in set(statuses)}
    return [words[status] for status in statuses]


def _read_instants(values: list[Any]) -> tuple[list[int | None], int]:
    """Return each moment in microseconds, and how many are there and cannot be read. Raises `TypeError` for a list."""
    # Equal values of different types are the same moment, or none: true is no moment, and neither is 1.
    moments = {value: parse_instant(value) for value in set(values)}
    unread = {value for value, moment in moments.items() if moment is None and value is not None}
    unread_count = sum(value in unread for value in values) if unread else 0
    return [moments[value] for value in values], unread_count


def _meet(rows: pl.DataFrame, others: list[tuple[str, Any]], names: WorldNames) -> bool:
    """Return whether another record names a target that has a usual one."""
    targets = []
    for key, _ in others:
        try:
            targets.append(names.read_target(key))
        except UnusableNameError:
            continue
    found = pl.DataFrame(targets, schema=dict.fromkeys(TARGET, pl.String), orient="row")
    return rows.join(found, on=TARGET, how="semi").height > 0

"""The records of a large `services.json` by columns: what is written the usual way, without a step for each record.

Everything unusual is handed back as a record, for the row by row way, which is the reference.
"""

from typing import Any, NamedTuple

import msgspec
import polars as pl

from flows.sources.formats.instants import EARLIEST_S, LATEST_S, PER_SECOND, SECOND_US, is_never, parse_instant
from flows.sources.formats.json_records import Records
from flows.sources.world.fields import TimeReader, read_status, read_text, show_value
from flows.sources.world.files import SERVICES
from flows.sources.world.names import UnusableNameError, WorldNames
from schemas.limits import Limits
from schemas.words import ALL, FLEET, SeenState

FIELDS = ("status", "last_seen", "since", "incident_id")
CLAIMS = {"node": "own_node", "service": "own_service", "id": "own_id", "name": "own_name"}
"""What a record may say of itself, for one whose key cannot be used, and what that is called beside what the key says."""
USUAL_KEY = r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$"
WHOLE = r"^[0-9]{1,19}$"
FRACTION = r"^[0-9]{1,19}\.[0-9]+$"
TARGET = ["node", "service"]
DOUBTFUL = {"file": pl.String, "key": pl.String, "field": pl.String, "value": pl.String}


class ServiceColumns(NamedTuple):
    """What the usual records say, and the others."""

    rows: pl.DataFrame
    """The columns of `ActualService` but for `as_of`, with moments in microseconds."""
    doubtful: pl.DataFrame
    """The columns of `Doubtful` but for `as_of`."""
    written: frozenset[str]
    """The names of nodes as these records write them."""
    others: Records


def read_service_columns(
    records: Records, names: WorldNames, limits: Limits, times: TimeReader
) -> ServiceColumns | None:
    """Return the records that came as a table by columns, and with the others those that are unusual; or None."""
    if records.table is None:
        return None
    table = _split_keys(records.table, names, limits)
    met = _targets(records, names)
    is_plain = table["is_usual"] & ~_shares_target(table, met)
    usual = table.filter(is_plain)
    seen, since = (_read_times(usual.select("key", text=field), field, times) for field in ("last_seen", "since"))
    rows = usual.select(
        *TARGET,
        status=_read_words(usual["status"]),
        last_seen_at=seen["at"],
        last_seen_state=seen["state"],
        since_at=since["at"],
        incident_id=_read_ids(usual["incident_id"], limits),
        key="key",
    )
    others = _in_file_order(records, table.filter(~is_plain))
    return ServiceColumns(rows, _doubt(seen, since), frozenset(usual["written"].unique()), Records(others, True))


def _split_keys(table: pl.DataFrame, names: WorldNames, limits: Limits) -> pl.DataFrame:
    """Return the table with `node`, by the inventory's name, `service`, and whether key and status are usual ones."""
    absent = {name: pl.lit(None, pl.String) for name in FIELDS if name not in table.columns}
    table = table.rename(CLAIMS, strict=False).with_columns(**absent)
    parts = pl.col("key").str.split_exact("/", 1).struct.rename_fields(["written", "service"]).struct.unnest()
    split = table.with_columns(parts).with_columns(pl.col("service").str.to_lowercase())
    written = split["written"].unique().to_list()
    nodes = pl.DataFrame(
        {"written": written, "node": [_node_name(name, names) for name in written]},
        schema={"written": pl.String, "node": pl.String},
    )
    status = pl.col("status")
    is_usual = (
        status.str.starts_with('"')
        & ~status.is_in(_blank_words(split["status"]))
        & (status.str.len_chars() <= limits.max_word_length + len('""'))
        & pl.col("key").str.contains(USUAL_KEY)
        & (pl.col("service").str.len_bytes() <= min(limits.max_name_length, limits.max_key_length))
        & (pl.col("service") != ALL)
        & (pl.col("node") != FLEET)
    )
    joined = split.join(nodes, on="written", how="left", maintain_order="left")
    return joined.with_columns(is_usual=is_usual.fill_null(False))


def _blank_words(texts: pl.Series) -> list[str]:
    """Return the texts of no word among the different ones, of which there are few."""
    return [text for text in texts.drop_nulls().unique() if text.startswith('"') and not text[1:-1].strip()]


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
    return pl.DataFrame(list(targets), schema=dict.fromkeys(TARGET, pl.String), orient="row")


def _shares_target(table: pl.DataFrame, met: pl.DataFrame) -> pl.Series:
    """Return whether another record is of the same target, in the table or among those met outside of it.

    Few are: they are looked for among those with the same hash.
    """
    targets = pl.concat([table.select(TARGET), met]).with_row_index("row")
    hashes = targets.select(pl.struct(TARGET).hash()).to_series()
    if hashes.n_unique() == hashes.len():
        return pl.Series([False], dtype=pl.Boolean).new_from_index(0, table.height)
    alike = targets.filter(hashes.is_duplicated())
    shared = alike.filter(pl.struct(TARGET).is_duplicated())["row"]
    none = pl.Series([False], dtype=pl.Boolean).new_from_index(0, targets.height)
    return none.scatter(shared, True).head(table.height)


def _in_file_order(records: Records, rows: pl.DataFrame) -> list[tuple[str, Any]]:
    """Return rows as records, together with those that never were rows: one that is first in the file may count."""
    written = {name: name for name in FIELDS} | CLAIMS
    columns = {name: column for name, column in written.items() if column in rows.columns}
    decoded = [
        (
            place,
            (
                key,
                {
                    name: msgspec.json.decode(text)
                    for name, text in zip(columns, texts, strict=True)
                    if text is not None
                },
            ),
        )
        for place, key, *texts in rows.select("place", "key", *columns.values()).iter_rows()
    ]
    placed = [*zip(records.places, records.entries, strict=True), *decoded]
    return [record for _, record in sorted(placed, key=lambda pair: pair[0])]


def _read_words(texts: pl.Series) -> pl.Series:
    """Return each status as the rules' word; there are few different ones."""
    different = texts.unique().to_list()
    words = [read_status(msgspec.json.decode(text)) for text in different]
    return texts.replace_strict(different, words, return_dtype=pl.String)


def _read_ids(texts: pl.Series, limits: Limits) -> pl.Series:
    different = texts.drop_nulls().unique().to_list()
    ids = [read_text({"id": msgspec.json.decode(text)}, "id", limits.max_key_length) for text in different]
    return texts.replace_strict(different, ids, default=None, return_dtype=pl.String)


def _read_times(texts: pl.DataFrame, field: str, times: TimeReader) -> pl.DataFrame:
    """Return `at` in microseconds and `state` for the JSON `text` of a field, which is null where there is none."""
    if texts["text"].null_count() == texts.height:
        absent = pl.lit(SeenState.ABSENT, dtype=pl.Enum(SeenState))
        return texts.with_columns(field=pl.lit(field), at=pl.lit(None, pl.Int64), state=absent)
    text, at = pl.col("text"), pl.col("at")
    found = texts.with_columns(field=pl.lit(field), at=_read_numbers(texts["text"]))
    rest = found.filter(text.is_not_null() & at.is_null())["text"].unique().to_list()
    values = [msgspec.json.decode(one) for one in rest]
    spelt = pl.DataFrame(
        {
            "text": rest,
            "spelt_at": [parse_instant(value, times.zone) for value in values],
            "says_never": [is_never(value) for value in values],
        },
        schema={"text": pl.String, "spelt_at": pl.Int64, "says_never": pl.Boolean},
    )
    found = found.join(spelt, on="text", how="left", maintain_order="left").with_columns(pl.coalesce("at", "spelt_at"))
    is_readable = at.is_not_null() & (at <= times.latest_us)
    never = at.is_null() & pl.col("says_never").fill_null(False)
    state = (
        pl.when(text.is_null())
        .then(pl.lit(SeenState.ABSENT))
        .when(is_readable)
        .then(pl.lit(SeenState.READABLE))
        .when(never)
        .then(pl.lit(SeenState.NEVER))
        .otherwise(pl.lit(SeenState.DOUBTFUL))
    )
    return found.with_columns(at=pl.when(is_readable).then(at), state=state.cast(pl.Enum(SeenState)))


def _read_numbers(texts: pl.Series) -> pl.Series:
    """Return each moment that is written as a plain number of seconds, or parts of them; null where none is."""
    whole = texts.set(~texts.str.contains(WHOLE).fill_null(False), None).cast(pl.Int64, strict=False)
    broken = texts.set(~texts.str.contains(FRACTION).fill_null(False), None).cast(pl.Float64)
    found = pl.Series(texts.name, [None], dtype=pl.Int64).new_from_index(0, texts.len())
    for parts in PER_SECOND:
        first, last = EARLIEST_S * parts, LATEST_S * parts
        us = whole * (SECOND_US // parts) if parts <= SECOND_US else whole // (parts // SECOND_US)
        found = found.fill_null(us.set(~whole.is_between(first, last).fill_null(False), None))
        rounded = (broken * (SECOND_US / parts)).round()
        found = found.fill_null(rounded.set(~broken.is_between(first, last).fill_null(False), None).cast(pl.Int64))
    return found


def _doubt(*columns: pl.DataFrame) -> pl.DataFrame:
    doubtful = pl.concat(
        [one.filter(pl.col("state") == SeenState.DOUBTFUL).select("key", "field", "text") for one in columns]
    )
    different = doubtful["text"].unique().to_list()
    shown = [show_value(msgspec.json.decode(text)) for text in different]
    value = doubtful["text"].replace_strict(different, shown, return_dtype=pl.String)
    return doubtful.select(file=pl.lit(SERVICES), key="key", field="field", value=value)

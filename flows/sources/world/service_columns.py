"""The records of a large `services.json` by columns: what is written the usual way, without a step for each record.

Everything unusual is handed back as a record, for the row by row way, which is the reference.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
import polars as pl

from flows.sources.formats.instants import EARLIEST_S, LATEST_S, PER_SECOND, SECOND_US, is_never, parse_instant
from flows.sources.formats.json_records import Records
from flows.sources.world.fields import TimeReader, read_status, read_text, show_value
from flows.sources.world.files import SERVICES
from flows.sources.world.names import UnusableNameError, WorldNames
from schemas.joins import hash_keys, look_up
from schemas.limits import Limits
from schemas.words import ALL, FLEET, SeenState

FIELDS = ("status", "last_seen", "since", "incident_id")
CLAIMS = {"node": "own_node", "service": "own_service", "id": "own_id", "name": "own_name"}
"""What a record may say of itself, for one whose key cannot be used, and what that is called beside what the key says."""
USUAL_KEY = r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$"
WHOLE = r"^[0-9]{1,19}$"
FRACTION = r"^[0-9]{1,19}\.[0-9]+$"
TARGET = ["node", "service"]
SAID = ["status", "last_seen_at", "last_seen_state", "since_at", "incident_id"]
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
    bodies = _name_fields(records.table.bodies)
    keys, said = _split_keys(records.table.rows, names, limits), _read_bodies(bodies, limits, times)
    is_said = said["is_usual"].gather(keys["body"])
    met = [*(key for key, _ in records.entries), *keys["key"].filter(~keys["is_usual"])]
    is_plain = keys["is_usual"] & is_said & ~_shares_target(keys, _targets(met, names))
    others = _in_file_order(records, keys.filter(~is_plain), bodies)
    written = frozenset(keys["written"].filter(is_plain).unique())
    usual = keys.select(*TARGET, "key", "body")
    usual = usual if is_plain.all() else usual.filter(is_plain)
    rows = usual.drop("body").hstack(said.select(SAID)[usual["body"]])
    return ServiceColumns(rows, _doubt(usual, said, bodies), written, Records(others, True))


def _name_fields(bodies: pl.DataFrame) -> pl.DataFrame:
    """Return the JSON texts of what records say, with all fields that are asked for."""
    absent = {name: pl.lit(None, pl.String) for name in FIELDS if name not in bodies.columns}
    return bodies.rename(CLAIMS, strict=False).with_columns(**absent)


def _split_keys(rows: pl.DataFrame, names: WorldNames, limits: Limits) -> pl.DataFrame:
    """Return the rows with `node`, by the inventory's name, `service`, and whether the key is a usual one."""
    parts = pl.col("key").str.splitn("/", 2).struct.rename_fields(["written", "service"]).struct.unnest()
    split = rows.with_columns(parts).with_columns(pl.col("service").str.to_lowercase())
    is_usual = (
        pl.col("key").str.contains(USUAL_KEY)
        & (pl.col("service").str.len_bytes() <= min(limits.max_name_length, limits.max_key_length))
        & (pl.col("service") != ALL)
        & (pl.col("node") != FLEET)
    )
    named = split.with_columns(node=_read_nodes(split["written"], names))
    return named.with_columns(is_usual=is_usual.fill_null(False))


def _read_nodes(written: pl.Series, names: WorldNames) -> pl.Series:
    """Return the inventory's name of each node; records of one node mostly stand together."""
    runs = written.rle_id()
    firsts = written.gather(runs.search_sorted(pl.int_range(runs.n_unique(), dtype=pl.UInt32, eager=True)))
    known = {name: _node_name(name, names) for name in firsts.unique() if name is not None}
    nodes = pl.Series([known.get(name) for name in firsts], dtype=pl.String)
    return nodes.gather(runs)


def _read_bodies(bodies: pl.DataFrame, limits: Limits, times: TimeReader) -> pl.DataFrame:
    """Return what each text of a record comes to, and whether its status is a usual one; else nothing of it holds."""
    status = bodies["status"]
    is_usual = (
        status.str.starts_with('"')
        & ~status.is_in(_blank_words(status))
        & (status.str.len_chars() <= limits.max_word_length + len('""'))
    ).fill_null(False)
    seen, since = (_read_times(bodies[field], times) for field in ("last_seen", "since"))
    return pl.DataFrame(
        {
            "status": _read_words(status.set(~is_usual, None)),
            "last_seen_at": seen["at"],
            "last_seen_state": seen["state"],
            "since_at": since["at"],
            "since_state": since["state"],
            "incident_id": _read_ids(bodies["incident_id"], limits),
            "is_usual": is_usual,
        }
    )


def _blank_words(texts: pl.Series) -> list[str]:
    """Return the texts of no word among the different ones, of which there are few."""
    return [text for text in texts.drop_nulls().unique() if text.startswith('"') and not text[1:-1].strip()]


def _node_name(written: str, names: WorldNames) -> str | None:
    try:
        return names.read_node(written)
    except UnusableNameError:
        return None


def _targets(keys: Iterable[str], names: WorldNames) -> pl.DataFrame:
    """Return the targets that unusual keys name."""
    targets = set()
    for key in keys:
        try:
            targets.add(names.read_target(key))
        except UnusableNameError:
            continue
    return pl.DataFrame(list(targets), schema=dict.fromkeys(TARGET, pl.String), orient="row")


def _shares_target(table: pl.DataFrame, met: pl.DataFrame) -> pl.Series:
    """Return whether another record is of the same target, in the table or among those met, whose names are unusual.

    Few are: they are looked for among those with the same hash.
    """
    targets = pl.concat([table.select(TARGET), met]).with_row_index("row")
    hashes = hash_keys(targets, TARGET)
    if hashes.n_unique() == hashes.len():
        return pl.Series([False], dtype=pl.Boolean).new_from_index(0, table.height)
    alike = targets.filter(hashes.is_duplicated())
    shared = alike.filter(pl.struct(TARGET).is_duplicated())["row"]
    none = pl.Series([False], dtype=pl.Boolean).new_from_index(0, targets.height)
    return none.scatter(shared, True).head(table.height)


def _in_file_order(records: Records, rows: pl.DataFrame, bodies: pl.DataFrame) -> list[tuple[str, Any]]:
    """Return rows as records, together with those that never were rows: one that is first in the file may count."""
    written = {name: name for name in FIELDS} | CLAIMS
    columns = {name: column for name, column in written.items() if column in bodies.columns}
    texts = rows.select("place", "key").hstack(bodies.select(columns.values())[rows["body"]])
    decoded = [
        (
            place,
            (
                key,
                {name: msgspec.json.decode(text) for name, text in zip(columns, said, strict=True) if text is not None},
            ),
        )
        for place, key, *said in texts.iter_rows()
    ]
    placed = [*zip(records.places, records.entries, strict=True), *decoded]
    return [record for _, record in sorted(placed, key=lambda pair: pair[0])]


def _read_words(texts: pl.Series) -> pl.Series:
    """Return each status as the rules' word; there are few different ones."""
    different = texts.drop_nulls().unique().to_list()
    words = [read_status(msgspec.json.decode(text)) for text in different]
    return texts.replace_strict(different, words, default=None, return_dtype=pl.String)


def _read_ids(texts: pl.Series, limits: Limits) -> pl.Series:
    different = texts.drop_nulls().unique().to_list()
    ids = [read_text({"id": msgspec.json.decode(text)}, "id", limits.max_key_length) for text in different]
    return texts.replace_strict(different, ids, default=None, return_dtype=pl.String)


def _read_times(texts: pl.Series, times: TimeReader) -> pl.DataFrame:
    """Return `at` in microseconds and `state` for the JSON texts of a field, null where there is none."""
    if texts.null_count() == texts.len():
        absent = {"at": pl.lit(None, pl.Int64), "state": pl.lit(SeenState.ABSENT, dtype=pl.Enum(SeenState))}
        return texts.to_frame("text").with_columns(**absent).drop("text")
    found = pl.DataFrame({"text": texts, "at": _read_numbers(texts)})
    text, at = pl.col("text"), pl.col("at")
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
    found = look_up(found, spelt, "text").with_columns(pl.coalesce("at", "spelt_at"))
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
    return found.select(at=pl.when(is_readable).then(at), state=state.cast(pl.Enum(SeenState)))


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


def _doubt(rows: pl.DataFrame, said: pl.DataFrame, bodies: pl.DataFrame) -> pl.DataFrame:
    """Return the doubtful times of rows: all that they were seen at, then all that something is so since."""
    found = []
    for field, state in (("last_seen", "last_seen_state"), ("since", "since_state")):
        is_doubtful = said[state] == SeenState.DOUBTFUL
        if is_doubtful.any():
            doubtful = rows.select("key", "body").filter(is_doubtful.gather(rows["body"]))
            different = bodies[field].set(~is_doubtful, None)
            texts = different.drop_nulls().unique().to_list()
            shown = [show_value(msgspec.json.decode(text)) for text in texts]
            values = different.replace_strict(texts, shown, default=None, return_dtype=pl.String)
            key = doubtful.select(file=pl.lit(SERVICES), key="key", field=pl.lit(field))
            found.append(key.with_columns(value=values.gather(doubtful["body"])))
    return pl.concat(found) if found else pl.DataFrame(schema=DOUBTFUL)

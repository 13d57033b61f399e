"""A large JSON object of records, by columns: only the records of one batch live at once as objects.

Of records that are alike but for their keys what they say is decoded once. Where they are not, the text is cut at braces
into pieces, each decoded as an object of its own. That it can be shows that the cut is right: a brace in a text or within
a record leaves its piece open. The decoder keeps the last of two equal keys; without a backslash each two quotes are a
string, so that their number tells. A piece of unusual records is read by the strict decoder, which is the reference;
where anything else is not sure, the answer is None, and it reads all.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Annotated, Any, NamedTuple

import msgspec
import polars as pl

from flows.sources.formats.json_cut import count_values, cut_records
from flows.sources.formats.json_strict import MAX_INTEGER, JsonFaultError, decode_strictly

MIN_RECORDS = 2_000
"""Below it, the decoder is as fast."""
FIRST_BYTES = 1024 * 1024
"""Of these, the number of records mostly shows."""
MAX_OTHERS_RATIO = 0.1
"""Where more of the records are read strictly, all are."""
MAX_FIELDS = 64
"""Different keys of all records; a writer has a few."""
PIECE_BYTES = 8 * 1024
MOST_CUTS = 64
"""At so many braces an open piece is tried to be cut."""
BATCH_RECORDS = 50_000
BODIES_OF_PIECE = 100

_BLANKS = b" \t\n\r"
_BEGIN = re.compile(rb"[ \t\n\r]*\{")
_Integer = Annotated[int, msgspec.Meta(ge=-MAX_INTEGER - 1, le=MAX_INTEGER)]
_ABSENT = "\0"
"""Stands where a record does not have a field: no text of JSON without a backslash says it."""
_Scalar = str | _Integer | float | bool | None
_Value = _Scalar | list[Any] | dict[str, Any]


SCHEMA = {"key": pl.String, "place": pl.UInt32}


class RecordTable(NamedTuple):
    """The records that came by columns, and the others."""

    rows: pl.DataFrame
    """`key`, `place`, the number of the record in the file, and `body`, its row of the bodies."""
    bodies: pl.DataFrame
    """What records say: for each field that one has the JSON text of its value."""
    others: list[tuple[int, Any]]
    """Objects of other records as the strict decoder gives them, each with the place of its first."""


class _UnsureError(Exception):
    """Only the strict decoder can tell what the text says."""


def read_record_table(data: bytes, fields: tuple[str, ...], max_depth: int, most_values: int) -> RecordTable | None:
    """Return the records of a JSON object; None where they are few, or where the strict decoder must read them.

    Nor is a text read that has more than about so many values: it is refused without being decoded.
    """
    if (data.count(b"}", 0, FIRST_BYTES) < MIN_RECORDS and data.count(b"}") < MIN_RECORDS) or b"\\" in data:
        return None
    begin, end = _BEGIN.match(data), data.rfind(b"}")
    if begin is None or end < begin.end() or data[end + 1 :].strip(_BLANKS):
        return None
    start = begin.end()
    alike = _read_alike(data, start, end, _Table(fields, max_depth), most_values)
    if alike or count_values(data) > most_values:
        return alike
    return _read_each(data, start, end, _Table(fields, max_depth))


def _read_alike(data: bytes, start: int, end: int, table: "_Table", most_values: int) -> RecordTable | None:
    """Return the records, of which those that are alike are decoded once; None where others must be looked at."""
    cut = cut_records(data, start, end, MAX_OTHERS_RATIO, most_values)
    if cut is None:
        return None
    try:
        for first in range(0, len(cut.bodies), BODIES_OF_PIECE):
            bodies = cut.bodies[first : first + BODIES_OF_PIECE]
            if not table.add(b"{%b}" % ",".join(f'"{n}":{{{body}}}' for n, body in enumerate(bodies)).encode()):
                return None
        said = table.finish()
    except _UnsureError:
        return None
    return None if said.others else RecordTable(cut.rows.select(*SCHEMA, "body"), said.bodies, cut.others)


def _read_each(data: bytes, start: int, end: int, table: "_Table") -> RecordTable | None:
    """Return the records, each decoded; None where only the strict decoder can tell what the text says."""
    try:
        _cut(data, start, end, table.add)
        return table.finish()
    except _UnsureError:
        return None


def _cut(data: bytes, start: int, end: int, take: Callable[[bytes], bool]) -> None:
    """Hand over the text as objects, one for each piece; one that is not taken is tried again with more."""
    comma = b""
    while end - start > PIECE_BYTES or data[start:end].strip(_BLANKS):
        for cut in _ends(data, start, end):
            piece = data[start:cut].lstrip(_BLANKS)
            body = piece.removeprefix(comma)
            if piece.startswith(comma) and body.strip(_BLANKS) and take(b"{%b}" % body):
                break
        else:
            raise _UnsureError
        start, comma = cut, b","


def _ends(data: bytes, start: int, end: int) -> Iterator[int]:
    """Yield where a piece may end: behind each of the next braces, or else with the text."""
    cut = start + PIECE_BYTES
    for _ in range(MOST_CUTS):
        cut = data.find(b"}", cut, end) + 1 or end
        yield cut
        if cut == end:
            return


class _Table:
    """The records so far; which fields they have becomes known on the way."""

    def __init__(self, fields: tuple[str, ...], max_depth: int) -> None:
        self._max_depth = max_depth
        self._fields = fields
        self._rows: list[pl.DataFrame] = []
        self._others: list[tuple[int, Any]] = []
        self._count = self._other_count = 0
        self._known: dict[str, str] = {}
        """By name, the attribute of each field that records may have."""
        self._learn()

    def add(self, piece: bytes) -> bool:
        """Add the records of an object, and return whether it is one."""
        try:
            document = self._decoder.decode(piece)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._add_strictly(piece)
        self._quotes += piece.count(b'"')
        places: Iterable[int] = range(self._count, self._count + len(document))
        self._count += len(document)
        if {*map(type, document.values())} != {self._record}:
            places = self._set_scalars_aside(document, places)
        self._keys += document
        self._places += places
        for values, read in zip(self._values.values(), self._readers, strict=True):
            values.extend(map(read, document.values()))
        if len(self._keys) >= BATCH_RECORDS:
            self._close_batch()
        return True

    def finish(self) -> RecordTable:
        """Return all of them."""
        self._close_batch()
        if self._other_count > MAX_OTHERS_RATIO * self._count:
            raise _UnsureError
        whole = pl.concat(self._rows, how="diagonal").with_row_index("body")
        return RecordTable(whole.select(*SCHEMA, "body"), whole.drop(*SCHEMA, "body"), self._others)

    def _add_strictly(self, piece: bytes) -> bool:
        """Add the records of an object in which something is unusual; where that is a field's name, it is no more."""
        try:
            document = decode_strictly(piece)
        except JsonFaultError:
            return False
        records = document.values() if isinstance(document, dict) else ()
        new = {name for record in records if type(record) is dict for name in record} - self._known.keys()
        if new:
            self._close_batch()
            self._learn(new)
            return self.add(piece)
        self._others.append((self._count, document))
        self._other_count += len(document)
        self._count += len(document)
        return True

    def _set_scalars_aside(self, document: dict[str, Any], places: Iterable[int]) -> list[int]:
        """Set aside what of an object is no record; return the places of the others."""
        kept = []
        for place, (key, value) in zip(places, list(document.items()), strict=True):
            if type(value) is self._record:
                kept.append(place)
                continue
            self._others.append((place, {key: document.pop(key)}))
            self._other_count += 1
            self._strings += 1 + isinstance(value, str)
        return kept

    def _learn(self, names: Iterable[str] = ()) -> None:
        """Let records have these fields as well."""
        self._known |= {name: f"field_{number}" for number, name in enumerate(sorted(names), len(self._known))}
        if len(self._known) > MAX_FIELDS:
            raise _UnsureError
        attributes = self._known.values()
        self._record = msgspec.defstruct(
            "Record",
            [(attribute, _Value, _ABSENT) for attribute in attributes],
            rename={attribute: name for name, attribute in self._known.items()},
            gc=False,
            forbid_unknown_fields=True,
        )
        self._decoder = msgspec.json.Decoder(dict[str, self._record | _Scalar])  # type: ignore[name-defined]
        self._readers = [attrgetter(attribute) for attribute in attributes]
        self._begin_batch()

    def _begin_batch(self) -> None:
        self._keys: list[str] = []
        self._places: list[int] = []
        self._values: dict[str, list[Any]] = {name: [] for name in self._known}
        self._strings = self._quotes = 0

    def _close_batch(self) -> None:
        """Make columns of the records that were decoded, where no field of one comes twice."""
        columns = {name: _to_column(values, self._max_depth) for name, values in self._values.items()}
        strings = self._strings + len(self._keys) + sum(column.strings for column in columns.values())
        if strings * 2 != self._quotes:
            raise _UnsureError
        asked = {name: column.texts for name, column in columns.items() if name in self._fields}
        own = pl.DataFrame({"key": self._keys, "place": self._places}, schema=SCHEMA)
        self._rows.append(own.with_columns(**asked))
        self._begin_batch()


class _Column(NamedTuple):
    """One field of a batch."""

    texts: pl.Series
    """The JSON text of each value; null where the record has none."""
    strings: int
    """How many strings of the text it is, its name in each record among them."""


def _to_column(values: list[Any], max_depth: int) -> _Column:
    at = []
    if not {*map(type, values)} <= {str, type(None)}:
        at = [place for place, value in enumerate(values) if type(value) is not str and value is not None]
    others = [values[place] for place in at]
    for place in at:
        values[place] = None
    texts = pl.Series(values, dtype=pl.String)
    is_absent = (texts == _ABSENT).fill_null(False)
    strings = 2 * (texts.len() - int(is_absent.sum())) - texts.null_count()
    strings += sum(_count_strings(value, max_depth - 1) for value in others if isinstance(value, list | dict))
    texts = ('"' + texts + '"').fill_null("null").set(is_absent, None)
    return _Column(texts.scatter(at, list(map(_spell, others))) if at else texts, strings)


def _spell(value: Any) -> str:
    """Return the JSON text of what is no text."""
    return str(value) if type(value) is int else msgspec.json.encode(value).decode()


def _count_strings(value: Any, levels: int) -> int:
    """Return how many strings a value within a record has, its keys among them."""
    if isinstance(value, str):
        return 1
    if type(value) is int and not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        raise _UnsureError
    if not isinstance(value, list | dict):
        return 0
    if not levels:
        raise _UnsureError
    items = [*value, *value.values()] if isinstance(value, dict) else value
    return sum(_count_strings(item, levels - 1) for item in items)

"""A large JSON object of flat records, by columns: without a Python object for each value.

Records without a backslash in them are told apart by their closing braces, and each must match a regular expression of
the whole record, so that nothing is taken that is not exactly so in the text. What does not match is handed back as
JSON; where the text cannot be cut up with certainty, the answer is None, and the decoder, which is the reference,
reads it all.
"""

import re
from typing import NamedTuple

import polars as pl

MIN_RECORDS = 2_000
"""Below it, the decoder is as fast."""
MAX_OTHERS_RATIO = 0.1
"""Where more of the records are not flat, the decoder reads them all."""
MAX_SHAPES = 256
"""Different sequences of keys; a writer has one or a few."""

_BLANKS = " \t\n\r"
_WHITE = r"[ \t\n\r]*"
_STRING = r'"[^"\x00-\x1f]*"'
_NUMBER = r"-?(?:0|[1-9][0-9]{0,17}|[1-8][0-9]{18})(?:\.[0-9]+)?"
_VALUE = rf"(?:{_STRING}|{_NUMBER}|true|false|null)"
_MEMBER = rf"{_STRING}{_WHITE}:{_WHITE}{_VALUE}"
_MEMBERS = rf"{_MEMBER}(?:{_WHITE},{_WHITE}{_MEMBER})*"
_HEAD = rf'^{_WHITE},{_WHITE}"([^"{{\x00-\x1f]*)"'
_RECORD = rf"{_HEAD}{_WHITE}:{_WHITE}\{{{_WHITE}(?:{_MEMBERS})?{_WHITE}$"
_BUT_KEYS = rf'^[^{{]*\{{|:{_WHITE}(?:{_STRING}|[^",]+)'
_BEGIN = re.compile(rb"[ \t\n\r]*\{")
_KEY_OF_SHAPE = re.compile(r'"([^"]*)"')


class RecordTable(NamedTuple):
    """The flat records, and the others."""

    rows: pl.DataFrame
    """`key`, for each field the JSON text of its value, null where the record has none, `piece`, its own text, and `place`.

    A place is the number of the record in the file, among all that are told apart by a brace.
    """
    others: list[tuple[int, str]]
    """JSON objects that hold the other records, each with its key, and their places."""


def read_record_table(data: bytes, fields: tuple[str, ...]) -> RecordTable | None:
    """Return the records of a JSON object, or None where they are few, or where the decoder must read them."""
    if data.count(b"}") < MIN_RECORDS or b"\\" in data:
        return None
    pieces = _cut(data)
    if pieces is None:
        return None
    piece = pl.col("piece")
    found = (
        pieces.to_frame()
        .with_row_index("place")
        .select(
            "place",
            piece,
            is_flat=piece.str.contains(_RECORD),
            key=piece.str.extract(_HEAD),
            shape=piece.str.replace_all(_BUT_KEYS, ":"),
        )
    )
    flat = found.filter("is_flat")
    others = [
        (place, text.lstrip(_BLANKS))
        for place, text in found.filter(~pl.col("is_flat")).select("place", "piece").iter_rows()
    ]
    is_cut_right = all(text.startswith(",") for _, text in others)
    shapes = flat["shape"].unique()
    if not is_cut_right or len(others) > MAX_OTHERS_RATIO * flat.height or not _are_plain(shapes):
        return None
    there = {key for keys in map(_KEY_OF_SHAPE.findall, shapes) for key in keys}
    values = {
        field: piece.str.extract(_value_of(field)) if field in there else pl.lit(None, pl.String) for field in fields
    }
    rows = flat.select("key", "piece", "place", **values)
    return RecordTable(rows, [(place, close_piece(text)) for place, text in others])


def close_piece(piece: str) -> str:
    """Return a JSON object that holds the record of a piece under its key."""
    return f"{{{piece.lstrip(_BLANKS)[1:]}}}}}"


def _value_of(field: str) -> str:
    return rf'"{field}"{_WHITE}:{_WHITE}({_STRING}|[^", \t\n\r]+)'


def _cut(data: bytes) -> pl.Series | None:
    """Return the text of each record without its closing brace, a comma before it; None where that is not sure."""
    begin = _BEGIN.match(data)
    if begin is None:
        return None
    try:
        pieces = str(memoryview(data)[begin.end() :], "utf-8").split("}")
    except UnicodeDecodeError:
        return None
    # A value that is no object behind the last record would stand between the two braces at the end.
    if len(pieces) < 3 or "".join(pieces[-2:]).strip(_BLANKS):
        return None
    pieces[0] = f",{pieces[0]}"
    return pl.Series("piece", pieces[:-2], dtype=pl.String)


def _are_plain(shapes: pl.Series) -> bool:
    """Return whether none of the different sequences of keys has one twice."""
    if shapes.len() > MAX_SHAPES:
        return False
    return all(len(set(keys)) == len(keys) for keys in map(_KEY_OF_SHAPE.findall, shapes))

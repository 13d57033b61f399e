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

_WHITE = r"[ \t\n\r]*"
_STRING = r'"[^"\x00-\x1f]*"'
_NUMBER = r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]+)?"
_VALUE = rf"(?:{_STRING}|{_NUMBER}|true|false|null)"
_MEMBER = rf"{_STRING}{_WHITE}:{_WHITE}{_VALUE}"
_MEMBERS = rf"{_MEMBER}(?:{_WHITE},{_WHITE}{_MEMBER})*"
_HEAD = rf'^{_WHITE},{_WHITE}"([^"{{\x00-\x1f]*)"'
_RECORD = rf"{_HEAD}{_WHITE}:{_WHITE}\{{{_WHITE}(?:{_MEMBERS})?{_WHITE}$"
_BUT_KEYS = rf'^[^{{]*\{{|:{_WHITE}(?:{_STRING}|[^",]+)'
_KEY_OF_SHAPE = re.compile(r'"([^"]*)"')


class RecordTable(NamedTuple):
    """The flat records, and the others."""

    rows: pl.DataFrame
    """`key`, and for each field the JSON text of its value, null where the record has no such field."""
    others: list[str]
    """JSON objects that hold the other records, each with its key."""


def read_record_table(data: bytes, fields: tuple[str, ...]) -> RecordTable | None:
    """Return the records of a JSON object, or None where they are few, or where the decoder must read them."""
    if data.count(b"}") < MIN_RECORDS or b"\\" in data:
        return None
    try:
        pieces = _cut(data.decode("utf-8"))
    except UnicodeDecodeError:
        return None
    if pieces is None:
        return None
    found = pieces.to_frame("piece").select(
        "piece",
        is_flat=pl.col("piece").str.contains(_RECORD),
        key=pl.col("piece").str.extract(_HEAD),
        shape=pl.col("piece").str.replace_all(_BUT_KEYS, ":"),
        **{field: pl.col("piece").str.extract(_value_of(field)) for field in fields},
    )
    flat = found.filter("is_flat")
    others = [f"{{{piece.lstrip()[1:]}}}}}" for piece in found.filter(~pl.col("is_flat"))["piece"]]
    if len(others) > MAX_OTHERS_RATIO * flat.height or not _are_plain(flat["shape"].unique()):
        return None
    return RecordTable(flat.select("key", *fields), others)


def _value_of(field: str) -> str:
    return rf'"{field}"{_WHITE}:{_WHITE}({_STRING}|[^", \t\n\r]+)'


def _cut(text: str) -> pl.Series | None:
    """Return the text of each record without its closing brace, a comma before it; None where that is not sure."""
    if not text.lstrip(" \t\n\r").startswith("{"):
        return None
    begun = f",{text[text.index('{') + 1 :]}"
    parts = pl.Series(begun.split("}"), dtype=pl.String)
    # A value that is no object behind the last record would stand between the two braces at the end.
    return parts.head(-2) if not "".join(parts.tail(2)).strip(" \t\n\r") else None


def _are_plain(shapes: pl.Series) -> bool:
    """Return whether none of the different sequences of keys has one twice."""
    if shapes.len() > MAX_SHAPES:
        return False
    return all(len(set(keys)) == len(keys) for keys in map(_KEY_OF_SHAPE.findall, shapes))

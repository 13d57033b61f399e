"""A JSON object of flat records, cut into keys and the texts of its records: of those that are alike one is decoded.

The text is cut at its closing braces, and must not have a backslash: then a key stands between two quotes. That the cut is
right shows when the texts of records are decoded together, each behind its number: one that was cut within a text or an
object makes no JSON with what follows. What is not cut so is an object of its own for the strict decoder.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import polars as pl

from flows.sources.formats.json_strict import JsonFaultError, decode_strictly

CHUNK_BYTES = 4 * 1024 * 1024
"""So much of the text is cut at once."""
LONG_BYTES = 2 * CHUNK_BYTES
"""A text that has no closing brace for longer is not cut: its values are counted before it is copied."""
MOST_DIFFERENT_RATIO = 0.25
"""Where more of the records are different, each is decoded for itself."""
BLANKS = " \t\n\r"
CONTROL = r"[\x00-\x1f]"
MARK = r"[,{\[]"
"""What stands before a value, and is counted for one."""
_BEFORE = re.compile(r"[ \t\n\r]*,[ \t\n\r]*\Z")
"""What stands before a record's key."""
_BODY = re.compile(r"[ \t\n\r]*:[ \t\n\r]*\{")
"""How what stands behind it begins."""


class CutRecords(NamedTuple):
    """The records of an object."""

    rows: pl.DataFrame
    """`key`, `body`, the number of its text, and `place`, the number of the record in the file."""
    bodies: list[str]
    """The different texts, without their braces."""
    others: list[tuple[int, Any]]
    """Objects of what could not be cut, as the strict decoder gives them, each with the place of its first."""


class _UncutError(Exception):
    """Only who decodes each record can tell what the text says."""


def count_values(text: bytes) -> int:
    """Return about how many values a JSON text has: its commas and opening braces and brackets, wherever they stand."""
    return text.count(b",") + text.count(b"{") + text.count(b"[")


def cut_records(data: bytes, start: int, end: int, most_others_ratio: float, most_values: int) -> CutRecords | None:
    """Return the records of an object between its braces' places.

    None where they cannot be cut, are not alike, or have more than about so many values, which are counted before any is decoded.
    """
    cutter = _Cutter(most_others_ratio, most_values)
    try:
        for chunk in _chunks(data, start, end):
            cutter.cut(chunk)
        return cutter.finish()
    except (_UncutError, JsonFaultError, UnicodeDecodeError):
        return None


def _chunks(data: bytes, start: int, end: int) -> Iterator[str]:
    """Yield the text in pieces that end behind a closing brace, but for the last; each record stands behind a comma."""
    comma, view = ",", memoryview(data)
    while start < end:
        cut = data.find(b"}", start + CHUNK_BYTES, end) + 1 or end
        if cut - start > LONG_BYTES:
            raise _UncutError
        yield comma + str(view[start:cut], "utf-8")
        start, comma = cut, ""


class _Cutter:
    """The records so far."""

    def __init__(self, most_others_ratio: float, most_values: int) -> None:
        self._most_others_ratio, self._most_values = most_others_ratio, most_values
        self._texts = pl.Categorical(pl.Categories.random())
        """Numbers the different texts of records from 0, as long as there are rows of it."""
        self._rows: list[pl.DataFrame] = []
        self._others: list[tuple[int, Any]] = []
        self._bodies: dict[int, str] = {}
        """By number, what stands in the different texts behind a record's brace; not of what is no record."""
        self._values = pl.Series([], dtype=pl.UInt32)
        """By number, about how many values a record is; null for what is none."""
        self._count = self._other_count = self._value_count = 0

    def cut(self, text: str) -> None:
        """Add the records of a piece."""
        pieces = pl.Series("piece", [text]).str.split("}").explode()
        tail, pieces = pieces[-1], pieces.head(pieces.len() - 1)
        parts = pieces.to_frame().select(
            pl.col("piece").str.splitn('"', 3).struct.rename_fields(["before", "key", "body"]).struct.unnest()
        )
        parts = parts.with_columns(pl.col("body").cast(self._texts))
        values = self._count_values(parts["body"])
        is_cut = _is_one_of(parts["before"], _BEFORE) & values.is_not_null()
        self._add_values(int(values.filter(is_cut).sum()))
        at = (~is_cut).arg_true()
        others = self._decode([f"{piece}}}" for piece in pieces.gather(at)])
        sizes = pl.Series([1], dtype=pl.UInt32).new_from_index(0, pieces.len()).scatter(at, list(map(len, others)))
        rows = parts.select("key", "body", place=self._count + sizes.cum_sum() - sizes)
        self._others += zip(rows["place"].gather(at), others, strict=True)
        self._add_rows(rows.filter(is_cut) if others else rows)
        self._count += int(sizes.sum())
        self._other_count += sum(map(len, others))
        if tail.strip(BLANKS):
            self._others.append((self._count, *self._decode([tail])))
            self._other_count += len(self._others[-1][1])
        self._refuse_many()

    def _count_values(self, texts: pl.Series) -> pl.Series:
        """Return about how many values each record is; null where its text does not begin like that of one."""
        numbers = texts.to_physical()
        new = texts.filter(numbers >= self._values.len())
        if new.len():
            self._learn(new.unique())
        return self._values.gather(numbers)

    def _learn(self, new: pl.Series) -> None:
        """Look at the different texts that are new, whose numbers are higher than those of all others."""
        numbers, values = new.to_physical().to_list(), {}
        for number, text in zip(numbers, new, strict=True):
            begin = _BODY.match(text)
            if begin:
                self._bodies[number] = text[begin.end() :]
                values[number] = len(",") + count_values(text.encode())
        more = [values.get(number) for number in range(self._values.len(), max(numbers) + 1)]
        self._values.extend(pl.Series(more, dtype=pl.UInt32))

    def _add_values(self, count: int) -> None:
        self._value_count += count
        if self._value_count > self._most_values:
            raise _UncutError

    def _decode(self, pieces: list[str]) -> list[Any]:
        """Return the objects of the records behind commas."""
        self._add_values(sum(count_values(piece.encode()) for piece in pieces))
        return [_decode(piece) for piece in pieces]

    def _add_rows(self, rows: pl.DataFrame) -> None:
        odd = rows["key"].filter(rows["key"].str.contains(f"{CONTROL}|{MARK}"))
        if odd.str.contains(CONTROL).any():
            raise _UncutError
        self._add_values(int(odd.str.count_matches(MARK).sum()))
        self._rows.append(rows)

    def _refuse_many(self) -> None:
        if self._other_count > self._most_others_ratio * (self._count + 1):
            raise _UncutError
        if len(self._bodies) > MOST_DIFFERENT_RATIO * self._count:
            raise _UncutError

    def finish(self) -> CutRecords:
        """Return all of them."""
        if not self._rows:
            raise _UncutError
        rows = pl.concat(self._rows, rechunk=True).with_columns(pl.col("body").to_physical())
        return CutRecords(rows, [self._bodies.get(number, "") for number in range(self._values.len())], self._others)


def _is_one_of(texts: pl.Series, pattern: re.Pattern[str]) -> pl.Series:
    """Return whether each text is as it says; there are few different ones, and mostly all of them are."""
    different = texts.drop_nulls().unique()
    known = [text for text in different if pattern.match(text)]
    if len(known) == different.len():
        return texts.is_not_null()
    return texts.is_in(pl.Series(known, dtype=pl.String).implode()).fill_null(False)


def _decode(text: str) -> Any:
    """Return the object of the records behind a comma."""
    comma, _, records = text.partition(",")
    if comma.strip(BLANKS) or not records.strip(BLANKS):
        raise _UncutError
    return decode_strictly(f"{{{records}}}".encode())

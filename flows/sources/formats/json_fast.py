"""JSON decoded the fast way, which gives up on whatever is unusual."""

from collections import Counter
from itertools import chain
from typing import Any

import msgspec

from flows.sources.formats.json_strict import MAX_INTEGER

CHUNK_BYTES = 1024 * 1024
SCALARS = {str, int, float, bool, type(None)}
_DECODER = msgspec.json.Decoder()


class _UnusualError(Exception):
    """A document holds something that the strict way must look at."""


def decode_plainly(data: bytes, max_depth: int) -> dict[str, Any] | list[Any] | None:
    """Return an object or list in which nothing is unusual; none where the strict way must look at it.

    Unusual are: a fault of any kind, another value at the top, a key that comes twice, an integer beyond 64 bits, and
    more levels than `max_depth`.
    """
    try:
        document = _DECODER.decode(data)
        if not isinstance(document, dict | list):
            return None
        if max_depth > 1 and isinstance(document, dict) and is_plain_table(document, data):
            return document
        return document if count_pairs(document, max_depth) == count_colons(data) else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, _UnusualError):
        return None


def is_plain_table(document: dict[str, Any], data: bytes) -> bool:
    """Return whether it holds flat objects and scalars, and no key twice: what most world files are, told fastest.

    Without a backslash every second quote ends a string. Each string of the text is then a key or a value of the
    decoded document, unless the decoder dropped a key that came twice.
    """
    if b"\\" in data:
        return False
    records = [record for record in document.values() if type(record) is dict]
    values = [*chain.from_iterable(map(dict.values, records))]
    if len(records) < len(document):
        values += [value for value in document.values() if type(value) is not dict]
    kinds = Counter(map(type, values))
    if not kinds.keys() <= SCALARS or (kinds[int] and not _fit_64_bits(values)):
        return False
    return len(document) + sum(map(len, records)) + kinds[str] == data.count(b'"') // 2


def _fit_64_bits(values: list[Any]) -> bool:
    integers = [value for value in values if type(value) is int]
    return min(integers) >= -MAX_INTEGER - 1 and max(integers) <= MAX_INTEGER


def count_pairs(value: dict[str, Any] | list[Any], levels: int) -> int:
    """Return how many pairs of key and value there are, at every level."""
    if not levels:
        raise _UnusualError
    count, items = (len(value), value.values()) if isinstance(value, dict) else (0, value)
    for item in items:
        kind = type(item)
        if kind is dict or kind is list:
            count += count_pairs(item, levels - 1)
        elif kind is int and not -MAX_INTEGER - 1 <= item <= MAX_INTEGER:
            raise _UnusualError
    return count


def count_colons(data: bytes) -> int:
    """Return how many pairs of key and value the text of valid JSON has: its colons outside of strings.

    Against the pairs of the decoded document it shows exactly whether a key came twice: the decoder keeps the last.
    """
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    count = inside = 0
    for start in range(0, len(data), CHUNK_BYTES):
        pieces = data[start : start + CHUNK_BYTES].split(b'"')
        count += b"".join(pieces[inside::2]).count(b":")
        inside ^= (len(pieces) - 1) & 1
    return count

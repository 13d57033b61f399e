"""JSON decoded the fast way, which gives up on whatever is unusual."""

from typing import Any

import msgspec

from flows.sources.json_strict import MAX_INTEGER

CHUNK_BYTES = 1024 * 1024
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
        return document if count_pairs(document, max_depth) == count_colons(data) else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, _UnusualError):
        return None


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

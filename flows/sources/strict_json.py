"""JSON without its surprises: a file's records, each whole and unambiguous, or marked with what is wrong with it."""

import json
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from flows.errors import SupervisorError
from flows.sources.fingerprint import BOM
from flows.sources.names import quote
from schemas.limits import Limits

MAX_INTEGER = 2**63 - 1
CHUNK_BYTES = 1024 * 1024
_DECODER = msgspec.json.Decoder()


class JsonFaultError(SupervisorError):
    """A file is no JSON object or list; the text begins with line and column where there are any."""


class Unfit(NamedTuple):
    """Stands where a value cannot be read, and says why."""

    reason: str


class Records(NamedTuple):
    """The records of one file in its order; a value that is `Unfit` is a record to set aside."""

    entries: Iterable[tuple[str, Any]]
    """Key and value; in a list the key is the index."""
    is_keyed: bool
    """The file is an object, not a list."""


class _Repeated(list[tuple[str, Any]]):
    """The pairs of an object that has a key twice."""


def parse_records(data: bytes, limits: Limits) -> Records:
    """Return the records of an object or a list at the top of a file.

    A record is unfit where its key comes twice, or it holds a key twice, NaN, Infinity, a number beyond 64 bits, half of
    a surrogate pair, or too many levels. Raises `JsonFaultError` where the file as a whole is not readable.
    """
    plain = data.removeprefix(BOM)
    document = _decode_fast(plain, limits)
    if document is not None:
        return _check_count(_list_records(document), len(document), limits)
    document = _decode_strictly(plain)
    if not isinstance(document, dict | list):
        raise JsonFaultError(f"1:1: expected an object or a list, found {describe(document)}")
    records = _list_records(document)
    judged = [(key, _judge(value, limits.max_json_depth)) for key, value in records.entries]
    return _check_count(Records(_mark_repeated(judged), records.is_keyed), len(judged), limits)


def describe(value: object) -> str:
    """Return what kind of JSON value it is, for a message; never the value, which may be long or secret."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true or false"
    kinds = {str: "a text", dict: "an object", list: "a list", _Repeated: "an object"}
    return kinds.get(type(value), "a number")


def _list_records(document: dict[str, Any] | list[Any]) -> Records:
    if isinstance(document, _Repeated):
        return Records(document, True)
    if isinstance(document, dict):
        return Records(document.items(), True)
    return Records([(str(index), value) for index, value in enumerate(document)], False)


def _check_count(records: Records, count: int, limits: Limits) -> Records:
    if count > limits.max_records:
        raise JsonFaultError(f"{count} records, over the limit of {limits.max_records}")
    return records


def _decode_fast(data: bytes, limits: Limits) -> dict[str, Any] | list[Any] | None:
    """Return the document where nothing is unusual about it; none where the strict way must look at it."""
    try:
        document = _DECODER.decode(data)
        if isinstance(document, dict | list) and _count_pairs(document, limits.max_json_depth + 1) == _count_colons(data):
            return document
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, _UnusualError):
        pass
    return None


class _UnusualError(Exception):
    """A document holds something that the strict way must look at."""


def _count_pairs(value: dict[str, Any] | list[Any], levels: int) -> int:
    """Return how many pairs of key and value there are, at every level."""
    if not levels:
        raise _UnusualError
    count, items = (len(value), value.values()) if isinstance(value, dict) else (0, value)
    for item in items:
        kind = type(item)
        if kind is dict or kind is list:
            count += _count_pairs(item, levels - 1)
        elif kind is int and not -MAX_INTEGER - 1 <= item <= MAX_INTEGER:
            raise _UnusualError
    return count


def _count_colons(data: bytes) -> int:
    """Return how many pairs of key and value the text of valid JSON has: its colons outside of strings.

    Compared with the pairs of the decoded document, it shows exactly whether a key came twice: the decoder keeps the last.
    """
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    count = inside = 0
    for start in range(0, len(data), CHUNK_BYTES):
        pieces = data[start : start + CHUNK_BYTES].split(b'"')
        count += b"".join(pieces[inside::2]).count(b":")
        inside ^= (len(pieces) - 1) & 1
    return count


def _decode_strictly(data: bytes) -> Any:
    """Return the document with `Unfit` for what no number or object can be; raises `JsonFaultError`."""
    if not data.strip():
        raise JsonFaultError("the file is empty")
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_read_object,
            parse_int=_read_integer,
            parse_float=_read_float,
            parse_constant=_read_constant,
        )
    except UnicodeDecodeError as error:
        raise JsonFaultError(f"not UTF-8: the byte at offset {error.start} cannot be read") from None
    except json.JSONDecodeError as error:
        raise JsonFaultError(f"{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise JsonFaultError("nested too deep to be read") from None


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Repeated:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else _Repeated(pairs)


def _read_integer(text: str) -> int | Unfit:
    number = int(text) if len(text) <= 20 else MAX_INTEGER + 1
    return number if -MAX_INTEGER - 1 <= number <= MAX_INTEGER else Unfit(f"a number outside 64 bits: {quote(text, 30)}")


def _read_float(text: str) -> float | Unfit:
    number = float(text)
    return number if math.isfinite(number) else Unfit(f"a number that is too large: {quote(text, 30)}")


def _read_constant(text: str) -> Unfit:
    return Unfit(f"{text} is no JSON number")


def _judge(value: Any, levels: int) -> Any:
    """Return the value, or what makes it unfit."""
    flaw = _find_flaw(value, levels)
    return value if flaw is None else flaw


def _find_flaw(value: Any, levels: int) -> Unfit | None:
    if isinstance(value, Unfit):
        return value
    if isinstance(value, str):
        return _find_flaw_of_text(value)
    if not isinstance(value, dict | list):
        return None
    if isinstance(value, _Repeated):
        return Unfit(f"the key {quote(_first_repeated(value))} comes twice")
    if not levels:
        return Unfit("nested too deep")
    items = [*value, *value.values()] if isinstance(value, dict) else value
    return next((flaw for item in items if (flaw := _find_flaw(item, levels - 1))), None)


def _find_flaw_of_text(text: str) -> Unfit | None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return Unfit("half of a surrogate pair in a text")
    return None


def _first_repeated(pairs: list[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    return next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]


def _mark_repeated(entries: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return the entries, each that shares its key with another unfit: nobody knows which of them holds."""
    seen: dict[str, int] = {}
    for key, _ in entries:
        seen[key] = seen.get(key, 0) + 1
    return [(key, Unfit("the key comes twice") if seen[key] > 1 else value) for key, value in entries]

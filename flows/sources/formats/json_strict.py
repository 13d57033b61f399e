"""JSON decoded the strict way: what is ambiguous or out of range is marked where it stands."""

import json
import math
from typing import Any, NamedTuple

from flows.errors import SupervisorError
from flows.sources.names import quote

MAX_INTEGER = 2**63 - 1


class JsonFaultError(SupervisorError):
    """A file is no JSON object or list; the text begins with line and column where there are any."""


class JsonLimitError(JsonFaultError):
    """A file is above a limit: another attempt would find the same."""


class Unfit(NamedTuple):
    """Stands where a value cannot be read, and says why."""

    reason: str
    value: Any = None
    """What is there, where it is sound in itself."""


class Repeated(list[tuple[str, Any]]):
    """The pairs of an object that has a key twice."""


def decode_strictly(data: bytes) -> Any:
    """Return the document, with `Unfit` for an impossible number and `Repeated` for an object with a key twice.

    Raises `JsonFaultError` where it is not UTF-8, not JSON, or too deep to be read at all.
    """
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
        raise JsonFaultError(f"{error.lineno}:{error.colno}: not JSON: {error.msg.removesuffix(' at')}") from None
    except RecursionError:
        raise JsonFaultError("nested too deep to be read") from None


def find_flaw(value: Any, levels: int) -> Unfit | None:
    """Return what makes a record unfit, at any depth; none where it is sound and has no more than so many levels."""
    if isinstance(value, Unfit):
        return value
    if isinstance(value, str):
        return _find_surrogate(value)
    if not isinstance(value, dict | list):
        return None
    if isinstance(value, Repeated):
        return Unfit(f"the key {quote(_first_repeated(value))} comes twice")
    if not levels:
        return Unfit("nested too deep")
    items = [*value, *value.values()] if isinstance(value, dict) else value
    return next((flaw for item in items if (flaw := find_flaw(item, levels - 1))), None)


def describe(value: object) -> str:
    """Return what kind of JSON value it is, for a message; never the value, which may be long or secret."""
    if value is None:
        return "null"
    if isinstance(value, bool | str):
        return "a text" if isinstance(value, str) else "true or false"
    if isinstance(value, dict | Repeated):
        return "an object"
    return "a list" if isinstance(value, list) else "a number"


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Repeated:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else Repeated(pairs)


def _read_integer(text: str) -> int | Unfit:
    number = int(text) if len(text) <= 20 else MAX_INTEGER + 1
    is_in_range = -MAX_INTEGER - 1 <= number <= MAX_INTEGER
    return number if is_in_range else Unfit(f"the number {quote(text, 30)} is outside 64 bits")


def _read_float(text: str) -> float | Unfit:
    number = float(text)
    return number if math.isfinite(number) else Unfit(f"the number {quote(text, 30)} is too large")


def _read_constant(text: str) -> Unfit:
    return Unfit(f"{text} is no JSON number")


def _find_surrogate(text: str) -> Unfit | None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return Unfit("half of a surrogate pair in a text")
    return None


def _first_repeated(pairs: list[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            return key
        seen.add(key)
    return ""

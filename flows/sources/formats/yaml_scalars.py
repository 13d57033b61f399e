"""Plain scalars by the core schema of YAML 1.2, so that what looks like a word stays the word that was written."""

import math
import re

Scalar = str | int | float | bool | None

CONSTANTS: dict[str, Scalar] = {
    **dict.fromkeys(["", "~", "null", "Null", "NULL"]),
    **dict.fromkeys(["true", "True", "TRUE"], True),
    **dict.fromkeys(["false", "False", "FALSE"], False),
}
DECIMAL = re.compile(r"[-+]?[0-9]+")
HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
OCTAL = re.compile(r"0o[0-7]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
NUMERIC_START = frozenset("+-.0123456789")
MAX_INTEGER = 2**63 - 1


def read_scalar(text: str) -> Scalar:
    """Return what a plain scalar is: null, a truth value, a number, or else its text.

    `no`, `on`, `22:22`, `2024-01-02`, `1_000`, `.nan` are texts. Raises
    `ValueError` for a number that 64 bits cannot hold.
    """
    if text in CONSTANTS:
        return CONSTANTS[text]
    if text[0] not in NUMERIC_START:
        return text
    if DECIMAL.fullmatch(text):
        return _in_range(int(text) if len(text) <= 20 else MAX_INTEGER + 1)
    if HEXADECIMAL.fullmatch(text) or OCTAL.fullmatch(text):
        return _in_range(int(text, 0) if len(text) <= 24 else MAX_INTEGER + 1)
    if FLOAT.fullmatch(text):
        return _finite(float(text))
    return text


def _in_range(number: int) -> int:
    if not -MAX_INTEGER - 1 <= number <= MAX_INTEGER:
        raise ValueError(f"the number is outside -{MAX_INTEGER + 1} to {MAX_INTEGER}; quote it if it is text")
    return number


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError("the number is too large; quote it if it is text")
    return number

"""The identity of a policy: two files that say the same, in other words or another order of keys, are one."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum

from schemas.canonical import Json, hash_canonical
from schemas.numbers import Numbers
from schemas.policy import Policy

_NOT_SAID = frozenset({"line", "fingerprint"})
"""Fields that say where something stands, and not what it says."""


def fingerprint_policy(policy: Policy, numbers: Numbers) -> str:
    """Return the SHA-256 of a policy with all its defaults filled in, and of the numbers."""
    return hash_canonical({"policy": _plain(policy), "numbers": _plain(numbers)})


def _plain(value: object) -> Json:
    """Return a value as canonical JSON has it: sets sorted, durations in seconds, decimals as text."""
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value) if f.name not in _NOT_SAID}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted((_plain(item) for item in value), key=str)
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else _scalar(value)


def _scalar(value: object) -> Json:
    if isinstance(value, timedelta):
        seconds = value / timedelta(seconds=1)
        return int(seconds) if seconds.is_integer() else str(seconds)
    if isinstance(value, Enum | date | Decimal):
        return str(value)
    return value if value is None or isinstance(value, bool | int | str) else str(value)

"""What is wrong with settings: each fault with where the value came from, and what was expected."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from typing import TYPE_CHECKING

from flows.text.faults import KINDS, say_fault
from flows.text.values import FaultsError
from schemas.duration import LONGEST, spell_duration
from schemas.setting import settings_of

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

DURATION = "seconds, or a duration such as 90s, 15m, 24h or 30d"


def suggest(name: str, known: Iterable[str]) -> str:
    """Return a question that names the word which a misspelt one may mean; nothing where none is close."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def find_origin(origins: Mapping[str, str], key: str) -> str | None:
    """Return where a setting or a key of a section came from, such as `limits.retries`, or what is below it."""
    section, _, rest = key.partition(".")
    return origins.get(f"{section}.{rest.partition('.')[0]}") or origins.get(section)


def _say(model: type, fault: "ErrorDetails") -> str:
    if fault["type"] == "unexpected_keyword_argument":
        section, name = str(fault["loc"][0]), str(fault["loc"][-1])
        part = settings_of(model)[section].type
        return f"there is no such setting{suggest(name, settings_of(part) if is_dataclass(part) else ())}"
    if str(fault["type"]).startswith("time_delta") or "timedelta" in fault["msg"]:
        bounds = {"greater_than": ", more than 0", "less_than_equal": f", at most {spell_duration(LONGEST)}"}
        found = "" if fault["type"] in bounds else f", found {KINDS.get(type(fault['input']), 'something else')}"
        return f"expected {DURATION}{bounds.get(str(fault['type']), '')}{found}"
    return say_fault(fault)


def explain_faults(model: type, error: FaultsError, origins: Mapping[str, str]) -> str:
    """Return each fault with its origin, key and what was expected, by line; never the value, which may be a secret."""
    faults = []
    for fault in error.faults:
        key = ".".join(str(part) for part in fault["loc"])
        faults.append((find_origin(origins, key) or "settings", f"{key}: {_say(model, fault)}"))
    return "\n".join(f"{origin}: {problem}" for origin, problem in sorted(faults, key=lambda fault: _by_line(*fault)))


def _by_line(origin: str, problem: str) -> tuple[str, int, str]:
    file, _, line = origin.rpartition(":")
    return (file, int(line), problem) if line.isdecimal() else (origin, 0, problem)

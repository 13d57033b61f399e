"""The fields of a world record: words as the rules compare them, and times, of which the doubtful ones are kept."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from flows.sources.formats.instants import is_never, parse_instant
from flows.sources.formats.json_strict import Unfit
from flows.sources.names import quote
from flows.sources.world.names import UnusableNameError
from schemas.rules import Rules
from schemas.words import SeenState

Record = Mapping[str, Any]
SHOWN_KEY = 255
SHOWN_VALUE = 80
SECOND_US = 1_000_000
PRESSURES = frozenset({"high", "critical", "true"})
_PHRASE = re.compile(
    r"up\s.*\((?P<health>healthy|unhealthy|paused)\)|(?P<starting>up\s.*\(health: starting\))|(?P<up>up)(?:\s.*)?"
    r"|(?P<exited>exited)\s*\((?P<code>-?\d+)\)(?:\s.*)?|(?P<restarting>restarting)\s*\(-?\d+\)(?:\s.*)?",
    re.DOTALL | re.ASCII,
)
"""What `docker ps` prints of a container."""
_COUNT = re.compile(r"([0-9]{1,16})(?:\.0+)?")
MOST_OCCURRENCES = 2**53


class TimeReader:
    """Reads the times of one snapshot: a doubtful one is null, and a row of its own."""

    def __init__(self, as_of_us: int, rules: Rules) -> None:
        """Begin without a doubt."""
        self.doubtful: list[tuple[int, str, str, str, str]] = []
        """Rows of `Doubtful`."""
        self.as_of_us = as_of_us
        self.zone = rules.naive_timezone
        self.latest_us = as_of_us + int(rules.clock_tolerance.total_seconds() * SECOND_US)
        """What is later is doubtful."""

    def read(self, record: Record, field: str, file: str, key: str) -> int | None:
        """Return the field's moment; none where there is none, or it is in doubt."""
        return self.read_seen(record, field, file, key)[0] if field in record else None

    def read_seen(self, record: Record, field: str, file: str, key: str) -> tuple[int | None, SeenState]:
        """Return the field's moment, and what else the field says."""
        if field not in record:
            return None, SeenState.ABSENT
        value = record[field]
        instant = parse_instant(value, self.zone)
        if instant is not None and instant <= self.latest_us:
            return instant, SeenState.READABLE
        if instant is None and is_never(value):
            return None, SeenState.NEVER
        self.doubt(file, key, field, value)
        return None, SeenState.DOUBTFUL

    def doubt(self, file: str, key: str, field: str, value: object) -> None:
        """Keep a doubtful time."""
        self.doubtful.append((self.as_of_us, file, printable(key), field, show_value(value)))


@lru_cache(maxsize=65_536)
def read_status(text: str) -> str:
    """Return a service's status stripped and in lower case, what `docker ps` prints as the rules' word."""
    word = text.strip().lower()
    found = _PHRASE.fullmatch(word)
    if found is None:
        return word
    if found["exited"]:
        return f"exited ({found['code']})"
    return found["health"] or ("starting" if found["starting"] else found["up"] or found["restarting"])


def read_word(record: Record, field: str, max_length: int) -> str | None:
    """Return a word as the rules compare it; what is no text stays visible as its JSON."""
    value = record.get(field)
    if value is None:
        return None
    text = value if isinstance(value, str) else to_json(value)
    check_length(text, field, max_length)
    return text.strip().lower() if isinstance(value, str) else text


def read_known_word(record: Record, field: str, max_length: int) -> str | None:
    """Return a word as the rules compare it; none where it is blank, or no text."""
    return (read_word(record, field, max_length) if isinstance(record.get(field), str) else None) or None


def check_id(text: str, max_length: int) -> str:
    """Return an id that can be stored and printed; raises `UnusableNameError` at another."""
    if not text or not text.isprintable() or len(text) > max_length:
        raise UnusableNameError(f"an id has 1 to {max_length} printable characters")
    return text


def check_length(text: str, field: str, max_length: int) -> None:
    """Refuse a word that is too long: raises `UnusableNameError`."""
    if len(text) > max_length:
        raise UnusableNameError(f"'{field}' has {len(text)} characters; at most {max_length} are allowed")


def read_text(record: Record, field: str, max_length: int) -> str | None:
    """Return a text of at most that length, stripped; none where there is none, it is blank, longer, or no text."""
    value = record.get(field)
    text = value.strip() if isinstance(value, str) and len(value) <= max_length else ""
    return text or None


def read_count(record: Record, field: str) -> int | None:
    """Return a count, however it is written (40, 40.0, "40"); None where it is none, or more than can be meant."""
    value = record.get(field)
    if type(value) is int:
        return value if 0 <= value <= MOST_OCCURRENCES else None
    written = str(value).strip() if isinstance(value, str | int | float) else ""
    found = _COUNT.fullmatch(written)
    count = int(found[1]) if found else None
    return count if count is not None and count <= MOST_OCCURRENCES else None


def read_pressure(record: Record, field: str) -> bool:
    """Return whether the field says that there is pressure."""
    value = record.get(field)
    return value is True or (isinstance(value, str) and value.strip().lower() in PRESSURES)


def printable(key: str) -> str:
    """Return a key that can be stored and printed, whatever is in it."""
    shown = key[:SHOWN_KEY]
    shown = shown if shown.isprintable() else ascii(shown)[1:-1]
    return shown if len(key) <= SHOWN_KEY else f"{shown}…"


def show_value(value: object) -> str:
    """Return what a field says, to be shown."""
    if isinstance(value, str):
        return quote(value, SHOWN_VALUE)[1:-1] if len(value) <= SHOWN_VALUE else quote(value, SHOWN_VALUE)
    text = value.reason if isinstance(value, Unfit) else to_json(value)
    return text if len(text) <= SHOWN_VALUE else f"{text[:SHOWN_VALUE]}…"


def to_json(value: Any) -> str:
    """Return a value as JSON, the same for equal ones."""
    return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)

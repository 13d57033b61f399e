"""What a line of a policy matches (ACTIONS 12.2), and when one line can never decide behind another (12.5)."""

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from schemas.words import Severity

COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
SEVERITIES = {severity.value: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Numbers on one side of another; of severities, their places in the order."""

    operator: str
    number: int

    def holds(self, number: int) -> bool:
        """Return whether a number is on that side."""
        return COMPARISONS[self.operator](number, self.number)

    def contains(self, other: "Comparison") -> bool:
        """Return whether every number that the other one holds for is on this side too."""
        (low, high), (other_low, other_high) = self.ends, other.ends
        return low <= other_low and other_high <= high

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest whole number that it holds for."""
        low = {">=": self.number, ">": self.number + 1, "==": self.number}.get(self.operator, -math.inf)
        high = {"<=": self.number, "<": self.number - 1, "==": self.number}.get(self.operator, math.inf)
        return low, high


Item = str | bool | Comparison
"""A word or a glob, a truth value, or a comparison."""


@dataclass(frozen=True, slots=True)
class Match:
    """Keys that must all hold, in the order of the file, each with its items, of which one must; empty matches all."""

    keys: tuple[tuple[str, tuple[Item, ...]], ...] = ()

    def get(self, key: str) -> tuple[Item, ...] | None:
        """Return the items of a key; None where it is not given."""
        return dict(self.keys).get(key)


class Subject(NamedTuple):
    """What a line is matched against: one recommendation or request with its verb; absent is what it does not have.

    Names and properties are in lower case.
    """

    node: str
    service: str
    action: str | None = None
    event_type: str | None = None
    drift_kind: tuple[str, ...] = ()
    severity: Severity | None = None
    role: str | None = None
    exposure: str | None = None
    deployment_model: str | None = None
    node_role: tuple[str, ...] = ()
    connectivity: str | None = None
    flapping: bool = False
    blast_radius: int | None = None
    consecutive_failures: int | None = None

    @property
    def target(self) -> str:
        """Its node and service."""
        return f"{self.node}/{self.service}"


KEYS = ("action", "event_type", "drift_kind", "class", "severity", "node", "service", "target", "role", "exposure",
        "deployment_model", "node_role", "connectivity", "flapping", "blast_radius", "consecutive_failures")  # fmt: skip
"""What a line can ask for."""
ADVICE_KEYS = frozenset(
    {"action", "event_type", "drift_kind", "class", "severity", "blast_radius", "consecutive_failures"}
)
"""What of it a recommendation answers, whatever it is about."""
GLOB_KEYS = frozenset({"node", "service", "target", "role", "exposure", "deployment_model", "node_role"})
NUMBER_KEYS = frozenset({"blast_radius", "consecutive_failures"})


def find_mismatch(match: Match, subject: Subject, risk: str | None) -> str | None:
    """Return the first key that does not hold; None where the line matches. `risk` is the class of the line's verb."""
    return next((key for key, items in match.keys if not _holds(key, items, subject, risk)), None)


def match_glob(glob: str, text: str) -> bool:
    """Return whether a glob of `*` and `?` is the whole of a text in lower case."""
    return _compile(glob).fullmatch(text) is not None


def covers(one: Match, other: Match) -> bool:
    """Return whether all that the other matches is matched by the first: behind it, the other never decides."""
    given = dict(other.keys)
    return all(
        key in given and all(any(_covers(key, mine, theirs) for mine in items) for theirs in given[key])
        for key, items in one.keys
    )


def _holds(key: str, items: tuple[Item, ...], subject: Subject, risk: str | None) -> bool:
    found = risk if key == "class" else getattr(subject, key)
    values = found if isinstance(found, tuple) else () if found is None else (found,)
    return any(_is(item, value) for item in items for value in values)


def _is(item: Item, value: str | bool | int) -> bool:
    if isinstance(item, Comparison):
        return item.holds(SEVERITIES[value] if isinstance(value, str) else value)
    return match_glob(item, str(value)) if isinstance(item, str) else item == value


def _covers(key: str, mine: Item, theirs: Item) -> bool:
    if isinstance(mine, bool) or isinstance(theirs, bool):
        return mine is theirs
    if key == "severity" or isinstance(mine, Comparison) or isinstance(theirs, Comparison):
        return _as_comparison(mine).contains(_as_comparison(theirs))
    if not is_glob(theirs):
        return match_glob(mine, theirs)
    is_start = mine.endswith("*") and not is_glob(mine[:-1]) and theirs.startswith(mine[:-1])
    return mine == theirs or is_start


def _as_comparison(item: str | Comparison) -> Comparison:
    return item if isinstance(item, Comparison) else Comparison("==", SEVERITIES[item])


def is_glob(text: str) -> bool:
    """Return whether a text has a `*` or a `?`."""
    return "*" in text or "?" in text


def match_any(globs: tuple[str, ...], text: str) -> bool:
    """Return whether one of the globs is the whole of a text in lower case."""
    return _compile_all(globs).fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _compile(glob: str) -> re.Pattern[str]:
    return re.compile(_spell(glob), re.DOTALL)


@lru_cache(maxsize=256)
def _compile_all(globs: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{_spell(glob)})" for glob in globs) or "(?!)", re.DOTALL)


def _spell(glob: str) -> str:
    parts = {"*": ".*", "?": "."}
    return "".join(parts.get(letter) or re.escape(letter) for letter in glob)

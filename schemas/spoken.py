"""Durations and counts as people say them, whatever the surface; imports nothing heavy."""

from typing import NamedTuple

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


class Step(NamedTuple):
    """How durations below a limit are said: whole units, and what is left in whole parts; sizes in seconds."""

    limit_s: float
    size_s: int
    unit: str
    part_s: int | None = None
    part: str = ""


STEPS = (
    Step(_MINUTE, 1, "s"),
    Step(_HOUR, _MINUTE, "min"),
    Step(_DAY, _HOUR, "h", _MINUTE, "min"),
    Step(14 * _DAY, _DAY, "d", _HOUR, "h"),
    Step(float("inf"), _DAY, "d"),
)
"""In order; `schemas.expressions.spoken_age` reads them, too."""


def spoken(age_s: float) -> str:
    """Return a duration in its two largest units at most: `45 s`, `22 min`, `1 h 22 min`, `1 d 4 h`, `30 d`."""
    left_s = int(max(age_s, 0))
    step = next(step for step in STEPS if left_s < step.limit_s)
    whole, rest_s = divmod(left_s, step.size_s)
    parts = rest_s // step.part_s if step.part_s else 0
    return f"{whole} {step.unit}" + (f" {parts} {step.part}" if parts else "")


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return so many of something: `1 episode`, `12 episodes`, `1,024 services`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"

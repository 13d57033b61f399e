"""Expressions that describe the data, for the stages that share them."""

from datetime import timedelta
from enum import StrEnum
from functools import cache, lru_cache

import polars as pl

from schemas.rules import Rules
from schemas.spoken import STEPS, Step
from schemas.words import ALL, Health, RunMode

EXITED = "exited (n)"
"""Stands in a list of words for every exit code."""


@lru_cache(maxsize=None, typed=True)  # by type: 'offline_node' is a kind of drift, and what holds back
def word(value: StrEnum) -> pl.Expr:
    """Return a word as a literal of its own type: a judgement says hundreds, and polars makes a column of each."""
    return pl.lit(value, dtype=_words(type(value)))


@cache
def _words(kind: type[StrEnum]) -> pl.Enum:
    return pl.Enum(kind)


def age_s(instant: str) -> pl.Expr:
    """Return the seconds from the column's instant to `as_of`; a moment in the future counts as now."""
    return (pl.col("as_of") - pl.col(instant)).dt.total_microseconds().clip(lower_bound=0) / 1e6


def is_one_of(column: str, words: frozenset[str]) -> pl.Expr:
    """Return whether the column holds one of the words; null is none of them."""
    return pl.col(column).is_in(sorted(words)).fill_null(False)


def is_fresh(instant: str, ttl: timedelta) -> pl.Expr:
    """Return whether the column's instant is readable and no older than the TTL; with a TTL of 0 nothing is too old."""
    limit = ttl.total_seconds()
    return ((age_s(instant) <= limit) if limit else pl.col(instant).is_not_null()).fill_null(False)


def is_aged(instant: str, ttl: timedelta) -> pl.Expr:
    """Return whether the column's instant is readable and older than the TTL; with a TTL of 0 nothing is too old."""
    limit = ttl.total_seconds()
    return (age_s(instant) > limit).fill_null(False) if limit else pl.lit(False)


def is_known_word(column: str, rules: Rules) -> pl.Expr:
    """Return whether one of the lists of a service's words knows the column's status."""
    words = rules.healthy_words | rules.settling_words | rules.looping_words
    known = is_one_of(column, words | rules.completed_words | rules.unhealthy_words)
    is_exited = pl.col(column).str.contains(r"^exited \(-?\d+\)$").fill_null(False)
    return known | is_exited if EXITED in rules.unhealthy_words else known


def health(column: str, run: str, rules: Rules) -> pl.Expr:
    """Return what the column's status says of a service that runs as the other column says (SEMANTICS 2)."""
    is_done = is_one_of(column, rules.completed_words) & (pl.col(run) != RunMode.SERVICE).fill_null(False)
    return (
        pl.when(is_one_of(column, rules.healthy_words) | is_done)
        .then(_health(Health.HEALTHY))
        .when(is_one_of(column, rules.looping_words))
        .then(_health(Health.LOOPING))
        .when(is_one_of(column, rules.settling_words))
        .then(_health(Health.SETTLING))
        .otherwise(_health(Health.UNHEALTHY))
    )


def _health(health: Health) -> pl.Expr:
    return word(health)


def has_any(predicate: pl.Expr, *keys: str) -> pl.Expr:
    """Return whether the predicate holds for any row that shares the keys."""
    return predicate.any().over(*keys)


def seconds(duration: timedelta) -> pl.Expr:
    """Return a duration as a literal in seconds."""
    return pl.lit(duration.total_seconds(), dtype=pl.Float64)


def spoken_age(age_s: pl.Expr) -> pl.Expr:
    """Return a duration in seconds as `schemas.spoken.spoken` says it; null stays null."""
    left_s = age_s.clip(lower_bound=0).floor().cast(pl.Int64)
    said: pl.Expr = pl.lit(None, dtype=pl.String)
    for step in reversed(STEPS):
        said = pl.when(left_s < step.limit_s).then(_spoken_by(step, left_s)).otherwise(said)
    return said


def _spoken_by(step: Step, left_s: pl.Expr) -> pl.Expr:
    whole = pl.format(f"{{}} {step.unit}", left_s // step.size_s)
    if not step.part_s:
        return whole
    parts = left_s % step.size_s // step.part_s
    return pl.when(parts > 0).then(pl.format(f"{{}} {{}} {step.part}", whole, parts)).otherwise(whole)


def target(node: str = "node", service: str = "service") -> pl.Expr:
    """Return `<node>/<service>`."""
    return pl.concat_str(node, pl.lit("/"), service)


def place(node: str = "node", service: str = "service") -> pl.Expr:
    """Return a target as an operator says it: `mosquitto on piha`, or the node alone."""
    whole = pl.col(service) == ALL
    return pl.when(whole).then(pl.col(node)).otherwise(pl.concat_str(service, pl.lit(" on "), node))

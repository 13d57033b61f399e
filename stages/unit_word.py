"""Unit word: how each systemd unit that the inventory names is, in a word (OBSERVER 2.2)."""

from typing import NamedTuple

import polars as pl

from schemas.expressions import word
from schemas.frame import DataFrame, columns
from schemas.look import SeenUnit
from schemas.look_words import PartKind, SelectorKind, WordClass
from schemas.part import Part
from schemas.wanted import Selector, WantedService

LOOP_STARTS = 4
PATIENCE_S = 600.0
OVERDUE = 1.5


class Rule(NamedTuple):
    """One row of the table: where the condition holds, the word is this."""

    when: pl.Expr
    word: str | None
    """None: systemd's own word for the active state."""
    word_class: WordClass
    note: str | None = None
    """Behind `unit X of NODE`."""


_active = pl.col("active_state")
_is_passing = _active.is_in(["activating", "reloading", "deactivating"])
_is_young = (pl.col("changed_s") < PATIENCE_S).fill_null(True)
_is_done = (
    (_active == "inactive") & (pl.col("result") == "success") & ((pl.col("type") == "oneshot") | pl.col("has_timer"))
)
_is_overdue = (pl.col("triggered_s") > pl.col("every_s") * OVERDUE).fill_null(False)

RULES = (
    Rule(pl.col("load_state") == "masked", "masked", WordClass.BAD),
    Rule(pl.col("load_state").is_in(["bad-setting", "error"]), "load_failed", WordClass.BAD),
    Rule((_active == "active") & (pl.col("start_count") >= LOOP_STARTS), "crash_looping", WordClass.BAD),
    Rule((_active == "active") & _is_overdue, "job_overdue", WordClass.BAD),
    Rule(_active == "active", "healthy", WordClass.GOOD),
    Rule((_active == "activating") & (pl.col("sub_state") == "auto-restart"), "crash_looping", WordClass.BAD),
    Rule(_is_passing & _is_young, "starting", WordClass.SETTLING),
    Rule(_is_passing, None, WordClass.BAD),
    Rule(_is_done & _is_overdue, "job_overdue", WordClass.BAD),
    Rule(
        (_active == "inactive") & pl.col("is_condition_failed") & ~_is_done,
        "skipped",
        WordClass.BAD,
        "its condition is not met, so that systemd did not start it",
    ),
    Rule(_is_done, "completed", WordClass.GOOD),
    Rule(_active == "inactive", "inactive", WordClass.BAD),
    Rule(_active == "failed", "failed", WordClass.BAD),
    Rule(pl.lit(True), None, WordClass.BAD, "is in a state that no list knows"),
)
"""The first rule that holds decides; a unit that is not found has no record at all."""


def word_units(
    units: DataFrame[SeenUnit], wanted: DataFrame[WantedService], selectors: DataFrame[Selector]
) -> DataFrame[Part]:
    """Return the units that the inventory names and the node has, each with its word.

    A oneshot that ran is like one that never did (success, no start, all zeros): a timer's unit is judged by when the
    timer last started it, and by its result.
    """
    named = selectors.filter(pl.col("kind") == SelectorKind.UNIT).select("node", "service", unit="value").unique()
    known = (
        units.filter(pl.col("load_state") != "not-found")
        .join(named, on=["node", "unit"], how="inner")
        .join(wanted.select("node", "service", "every_s"), on=["node", "service"], how="left")
        .with_columns(changed_s=_age("changed_at"), triggered_s=_age("triggered_at"))
    )
    note = _first([pl.lit(rule.note, dtype=pl.String) for rule in RULES])
    runs = pl.col("active_state") == "active"
    result = pl.when(~pl.col("result").is_in(["", "success"])).then("result")
    worded = known.with_columns(
        kind=word(PartKind.UNIT),
        slot=pl.col("unit"),
        group=pl.col("unit"),
        name=pl.col("unit"),
        container_id=pl.lit(None, dtype=pl.String),
        image_id=pl.lit(None, dtype=pl.String),
        config_hash=pl.lit(None, dtype=pl.String),
        state=pl.concat_str(
            pl.concat_str("active_state", "sub_state", separator="/"), result, separator=", ", ignore_nulls=True
        ),
        health=pl.lit(None, dtype=pl.String),
        exit_code=pl.when(~runs).then("exit_status"),
        is_oom_killed=pl.col("result") == "oom-kill",
        restart_count=pl.col("start_count"),
        started_at=pl.when(runs).then("changed_at"),
        running_s=pl.when(runs).then("changed_s"),
        word=_first([pl.lit(rule.word) if rule.word else pl.col("active_state") for rule in RULES]),
        word_class=_first([pl.lit(rule.word_class) for rule in RULES]).cast(pl.Enum(WordClass)),
        note=pl.when(note.is_not_null()).then(pl.format("unit {} of {}: {}", "unit", "node", note)),
    )
    return Part.validate(worded.select(columns(Part)).sort("node", "service", "slot"))


def _age(instant: str) -> pl.Expr:
    return (pl.col("seen_at") - pl.col(instant)).dt.total_microseconds() / 1e6


def _first(values: list[pl.Expr]) -> pl.Expr:
    """Return the value of the first rule that holds."""
    found = values[-1]
    for rule, value in zip(reversed(RULES[:-1]), reversed(values[:-1]), strict=True):
        found = pl.when(rule.when).then(value).otherwise(found)
    return found

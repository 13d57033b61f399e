"""Container word: how each container that counts is, in a word (OBSERVER 2.1)."""

from typing import NamedTuple

import polars as pl

from schemas.expressions import word
from schemas.frame import DataFrame, columns
from schemas.look import AttributedContainer
from schemas.look_words import PartKind, Run, WordClass
from schemas.part import Part
from schemas.wanted import WantedService

SLOT = ["node", "service", "source", "slot"]
LOOP_STARTS, LOOP_RESTARTS = 4, 3
USUAL_BUDGET_S = 210.0
"""An engine's defaults: three attempts of thirty seconds each, thirty between them, and half a minute."""
CREATED_S, REMOVING_S = 600.0, 60.0
OVERDUE = 1.5
"""A job is overdue when it has not completed for so many of its intervals."""
SPELLINGS = {"stopped": "exited", "configured": "created", "initialized": "created"}
"""Podman's words beside Docker's."""


class Rule(NamedTuple):
    """One row of the table: where the condition holds, the word is this."""

    when: pl.Expr
    word: str | None
    """None: the engine's own word."""
    word_class: WordClass
    note: str | None = None
    """Behind `container X of NODE`."""


def _is(state: str, condition: pl.Expr | None = None) -> pl.Expr:
    is_state = pl.col("state") == state
    return is_state if condition is None else is_state & condition


_GOOD, _SETTLING, _BAD = WordClass.GOOD, WordClass.SETTLING, WordClass.BAD
_has_many_starts = pl.col("start_count") >= LOOP_STARTS
_is_looping = _has_many_starts | (pl.col("restart_count") >= LOOP_RESTARTS)
_no_health = pl.col("health").fill_null("").is_in(["", "none"])
_is_in_budget = (pl.col("started_s") < pl.col("health_budget_s").fill_null(USUAL_BUDGET_S)).fill_null(True)
_has_failed = pl.col("exit_code").fill_null(0) != 0
_is_overdue = (pl.col("finished_s") > pl.col("every_s") * OVERDUE).fill_null(False)

RULES = (
    Rule(_is("running", _has_many_starts), "crash_looping", _BAD),
    Rule(_is("running", _no_health), "healthy", _GOOD),
    Rule(_is("running", pl.col("health") == "healthy"), "healthy", _GOOD),
    Rule(_is("running", pl.col("health") == "unhealthy"), "unhealthy", _BAD),
    Rule(_is("running", (pl.col("health") == "starting") & _is_in_budget), "starting", _SETTLING),
    Rule(
        _is("running", pl.col("health") == "starting"),
        "healthy",
        _GOOD,
        "health_check_idle: nobody runs its health check, so that it is no evidence",
    ),
    Rule(_is("running"), "healthy", _GOOD, "its health check says a word that nobody knows"),
    Rule(_is("paused"), "paused", _BAD),
    Rule(_is("restarting", _is_looping), "crash_looping", _BAD),
    Rule(_is("restarting"), "restarting", _BAD),
    Rule(_is("created", pl.col("has_error") | _has_failed), "start_failed", _BAD),
    Rule(_is("created", pl.col("has_running_elder")), "replacing", _SETTLING),
    Rule(_is("created", (pl.col("created_s") < CREATED_S).fill_null(True)), "created", _SETTLING),
    Rule(_is("created"), "created", _BAD),
    Rule(_is("exited", pl.col("is_job") & _has_failed), "job_failed", _BAD),
    Rule(_is("exited", pl.col("is_job") & _is_overdue), "job_overdue", _BAD),
    Rule(_is("exited", pl.col("is_job")), "completed", _GOOD),
    Rule(_is("exited", pl.col("is_oom_killed")), "oom_killed", _BAD),
    Rule(
        _is("exited", ~_has_failed),
        "exited",
        _BAD,
        "exited with 0: where it is a job, say so with the label supervisor.run: once, or run: once in the inventory",
    ),
    Rule(_is("exited"), "exited", _BAD),
    Rule(_is("removing", (pl.col("finished_s") < REMOVING_S).fill_null(True)), "removing", _SETTLING),
    Rule(_is("removing"), "removing", _BAD),
    Rule(_is("dead"), "dead", _BAD),
    Rule(pl.lit(True), None, _BAD, "is in a state that no list knows"),
)
"""The first rule that holds decides."""


def word_containers(containers: DataFrame[AttributedContainer], wanted: DataFrame[WantedService]) -> DataFrame[Part]:
    """Return the containers that count, each with its word: of those of one slot the newest does.

    Ages are taken on the node's own clock. A job is what evidence says: its label, the inventory, or a sibling that
    waits for it to complete; exit 0 alone is no evidence, since servers that are stopped exit with 0 as well.
    """
    known = containers.filter(pl.col("service").is_not_null()).with_columns(
        state=pl.col("state").replace(SPELLINGS), slot=_slot()
    )
    newest = pl.col("container_id").sort_by("created_at", "container_id", nulls_last=False).last().over(SLOT)
    dated = known.with_columns(
        is_newest=newest == pl.col("container_id"),
        has_running_elder=(pl.col("state") == "running").any().over(SLOT),
        started_s=_age("started_at"),
        created_s=_age("created_at"),
        finished_s=_age("finished_at"),
    )
    jobs = dated.join(wanted.select("node", "service", "run", "every_s"), on=["node", "service"], how="left").join(
        _awaited(known), on=["node", "source", "project", "compose_service"], how="left"
    )
    is_declared = pl.col("declared_run").is_in([str(run) for run in Run]).fill_null(False)
    judged = jobs.with_columns(is_job=is_declared | pl.col("run").is_not_null() | pl.col("is_awaited").is_not_null())
    runs = pl.col("state") == "running"
    worded = judged.filter("is_newest").with_columns(
        kind=word(PartKind.CONTAINER),
        group=pl.coalesce("compose_service", "swarm_service", "name"),
        word=_first([pl.lit(rule.word) if rule.word else _foreign_word() for rule in RULES]),
        word_class=_first([pl.lit(rule.word_class) for rule in RULES]).cast(pl.Enum(WordClass)),
        note=_join_notes(),
        health=pl.when(runs & ~_no_health).then("health"),
        exit_code=pl.when(~runs & (pl.col("state") != "paused")).then("exit_code"),
        running_s=pl.when(runs).then("started_s"),
    )
    return Part.validate(worded.select(columns(Part)).sort(SLOT))


def _slot() -> pl.Expr:
    """Return what stays the same when a container is replaced; a swarm's tasks are called anew each time."""
    composed = pl.concat_str("project", "compose_service", pl.col("number").fill_null("1"), separator="/")
    task = pl.concat_str("swarm_service", "number", separator="/")
    return pl.coalesce(composed, task, "name")


def _age(instant: str) -> pl.Expr:
    return (pl.col("seen_at") - pl.col(instant)).dt.total_microseconds() / 1e6


def _awaited(containers: pl.DataFrame) -> pl.DataFrame:
    """Return the services of projects that siblings wait for until they have completed."""
    return (
        containers.select("node", "source", "project", pl.col("awaited").alias("compose_service"))
        .explode("compose_service")
        .drop_nulls()
        .unique()
        .with_columns(is_awaited=pl.lit(True))
    )


def _first(values: list[pl.Expr]) -> pl.Expr:
    """Return the value of the first rule that holds."""
    found = values[-1]
    for rule, value in zip(reversed(RULES[:-1]), reversed(values[:-1]), strict=True):
        found = pl.when(rule.when).then(value).otherwise(found)
    return found


def _foreign_word() -> pl.Expr:
    """Return the engine's own word, as far as it is one."""
    word = pl.col("state").str.to_lowercase()
    return pl.when(word.str.contains(r"^[a-z][a-z0-9_-]{0,31}$")).then(word).otherwise(pl.lit("unknown"))


def _join_notes() -> pl.Expr:
    of_rule = _first([pl.lit(rule.note, dtype=pl.String) for rule in RULES])
    said = pl.format("container {} of {}: {}", pl.col("name").str.to_lowercase(), "node", of_rule)
    return pl.concat_str(pl.col("note"), said, separator="; ", ignore_nulls=True).replace("", None)

"""Roll up: what the parts of a service come to (OBSERVER 2.3)."""

import polars as pl

from schemas.frame import DataFrame, columns
from schemas.look_words import DEGRADED, HEALTHY, STARTING, WORST_FIRST, PartKind, SelectorKind, WordClass
from schemas.part import Part, RolledUp
from schemas.wanted import Selector, WantedService

TARGET = ["node", "service"]
GROUP = [*TARGET, "kind", "group"]
GOOD, SETTLING, BAD = 0, 1, 2
RANKS = {word: rank for rank, word in enumerate(WORST_FIRST)}


def roll_up_parts(
    parts: DataFrame[Part], wanted: DataFrame[WantedService], selectors: DataFrame[Selector]
) -> DataFrame[RolledUp]:
    """Return each service of the parts: the worst bad word, else a settling one, else `healthy`.

    All that there are must be good. Where the inventory knows a number, so many good replicas of a group make the
    group good, and fewer are not enough; a container that it names and that is not there is one that lacks.
    """
    groups = _count_groups(parts, wanted)
    counted = parts.join(groups.select(*GROUP, "is_enough"), on=GROUP).with_columns(weight=_weight(), rank=_rank())
    worst = (
        counted.sort("weight", "rank", "name", "source", "slot", descending=[True, False, False, False, False])
        .group_by(TARGET, maintain_order=True)
        .agg(pl.col("weight", "word", "name", "exit_code", "kind", "state").first())
    )
    totals = groups.group_by(TARGET).agg(pl.col("good_count", "there_count", "lack_count").sum())
    rolled = (
        worst.join(totals, on=TARGET)
        .join(_count_missing(parts, selectors), on=TARGET, how="left")
        .join(wanted.select(*TARGET, "is_monitored"), on=TARGET, how="left")
        .with_columns(
            lack_count=pl.col("lack_count") + pl.col("missing_count").fill_null(0),
            is_asked_for=pl.col("is_monitored").is_not_null(),
            is_monitored=pl.col("is_monitored").fill_null(False),
        )
        .with_columns(total_count=pl.col("there_count") + pl.col("lack_count"))
    )
    return RolledUp.validate(_conclude(rolled).select(columns(RolledUp)).sort(TARGET))


def _count_groups(parts: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    """Return for each group how many are there, how many good, how many lack, and whether that is enough."""
    least = pl.when(pl.col("kind") == PartKind.CONTAINER).then("least_replicas")
    good = pl.col("word_class") == WordClass.GOOD
    return (
        parts.join(wanted.select(*TARGET, "least_replicas"), on=TARGET, how="left")
        .group_by(GROUP)
        .agg(there_count=pl.len().cast(pl.Int64), good_count=good.sum().cast(pl.Int64), least=least.first())
        .with_columns(
            is_enough=(pl.col("good_count") >= pl.col("least")).fill_null(False),
            lack_count=(pl.col("least") - pl.col("there_count")).clip(lower_bound=0).fill_null(0),
        )
    )


def _count_missing(parts: pl.DataFrame, selectors: pl.DataFrame) -> pl.DataFrame:
    """Return for each service how many containers that the inventory names are not there."""
    there = parts.filter(pl.col("kind") == PartKind.CONTAINER).select(*TARGET, value=pl.col("name").str.to_lowercase())
    named = selectors.filter(pl.col("kind") == SelectorKind.CONTAINER).join(there, on=[*TARGET, "value"], how="anti")
    return named.group_by(TARGET).agg(missing_count=pl.col("value").n_unique().cast(pl.Int64))


def _weight() -> pl.Expr:
    """Return how bad a part is; what is not good in a group that has enough good ones is no evidence against it."""
    is_fine = pl.col("is_enough") | (pl.col("word_class") == WordClass.GOOD)
    is_settling = pl.col("word_class") == WordClass.SETTLING
    return pl.when(is_fine).then(GOOD).when(is_settling).then(SETTLING).otherwise(BAD)


def _rank() -> pl.Expr:
    return pl.col("word").replace_strict(RANKS, default=len(RANKS), return_dtype=pl.Int64)


def _conclude(rolled: pl.DataFrame) -> pl.DataFrame:
    is_bad, is_settling, is_lacking = pl.col("weight") == BAD, pl.col("weight") == SETTLING, pl.col("lack_count") > 0
    word = pl.when(is_bad | is_settling).then("word").when(is_lacking).then(pl.lit(DEGRADED)).otherwise(pl.lit(HEALTHY))
    word_class = (
        pl.when(is_bad | (is_lacking & ~is_settling)).then(pl.lit(WordClass.BAD))
        .when(is_settling).then(pl.lit(WordClass.SETTLING))
        .otherwise(pl.lit(WordClass.GOOD))
    )  # fmt: skip
    of_all = pl.when(pl.col("total_count") > 1).then(pl.format("{} of {} good", "good_count", "total_count"))
    code = pl.when(pl.col("exit_code").is_not_null()).then(pl.format(" ({})", "exit_code")).otherwise(pl.lit(""))
    is_probe = pl.col("kind") == PartKind.PROBE
    of_container = pl.concat_str("name", pl.lit(" is "), "word", code)
    of_unit = pl.format("{} is {} ({})", "name", "word", "state")
    is_unit = pl.col("kind") == PartKind.UNIT
    said = (
        pl.when(is_probe).then(pl.format("{}: {}", "name", "state")).when(is_unit).then(of_unit).otherwise(of_container)
    )
    named = pl.when(is_bad | is_settling).then(said)
    lacking = pl.when(is_lacking).then(pl.format("{} more asked for", "lack_count"))
    detail = pl.concat_str(of_all, named, lacking, separator="; ", ignore_nulls=True).replace("", None)
    return rolled.with_columns(word=word, word_class=word_class.cast(pl.Enum(WordClass)), detail=detail).with_columns(
        status=pl.when(pl.col("word_class") == WordClass.SETTLING).then(pl.lit(STARTING)).otherwise("word")
    )

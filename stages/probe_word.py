"""Probe word: whether what a probe asked answered as it should (OBSERVER 2.6)."""

import polars as pl

from schemas.expressions import word
from schemas.frame import DataFrame, columns
from schemas.look import SeenProbe
from schemas.look_words import PartKind, WordClass
from schemas.part import Part

WORDS = {"http": "http_unreachable", "https": "http_unreachable", "tcp": "tcp_unreachable", "mqtt": "mqtt_unreachable"}


def word_probes(probes: DataFrame[SeenProbe]) -> DataFrame[Part]:
    """Return a part for each probe: good where it was answered as it should be, else bad by the kind of probe."""
    nothing = pl.lit(None, dtype=pl.String)
    failed = pl.col("scheme").replace_strict(WORDS, default="tcp_unreachable")
    worded = probes.with_columns(
        kind=word(PartKind.PROBE),
        slot=pl.col("address"),
        group=pl.col("address"),
        name=pl.col("address"),
        container_id=nothing,
        image_id=nothing,
        config_hash=nothing,
        state=pl.when("is_ok").then(pl.lit("ok")).otherwise(pl.col("detail").fill_null("no answer")),
        health=nothing,
        exit_code=pl.lit(None, dtype=pl.Int64),
        is_oom_killed=pl.lit(False),
        restart_count=pl.lit(0, dtype=pl.Int64),
        started_at=pl.lit(None, dtype=pl.Datetime("us", "UTC")),
        running_s=pl.lit(None, dtype=pl.Float64),
        word=pl.when("is_ok").then(pl.lit("healthy")).otherwise(failed),
        word_class=pl.when("is_ok")
        .then(pl.lit(WordClass.GOOD))
        .otherwise(pl.lit(WordClass.BAD))
        .cast(pl.Enum(WordClass)),
        note=nothing,
    )
    return Part.validate(worded.select(columns(Part)).sort("node", "service", "slot"))

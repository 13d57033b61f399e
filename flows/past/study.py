"""The past, as the history tells it: what drifted, for how long, and what became of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import polars as pl

from flows.errors import HistoryError
from flows.files.storage import open_storage
from flows.ledger.history import Kept, ask_history, find_damage, scan_days, scan_history
from flows.settings import Settings
from schemas.drift_episode import ActionOutcome, DriftEpisode, Monitored, Reliability, Sighting, Span
from schemas.frame import DataFrame, columns, refusals
from schemas.rules import PastRules
from stages.action_outcome import measure_actions
from stages.drift_episode import find_drift_episodes
from stages.reliability import measure_reliability
from stages.sighting import sight_drift
from stages.span import measure_spans

_ASKED = {
    "runs": ["run_id", "as_of", "generation", "state", "inventory_fingerprint"],
    "drift": ["run_id", "kind", "node", "service", "severity", "held_by", "incident_id"],
    "recommendations": ["run_id", "node", "service", "action", "causing_kinds"],
}


@dataclass(frozen=True)
class Past:
    """A period of the history."""

    spans: DataFrame[Span]
    episodes: DataFrame[DriftEpisode]
    reliability: DataFrame[Reliability]
    actions: DataFrame[ActionOutcome]
    left_out: tuple[str, ...] = ()
    """The days of the period that say nothing, since a file of theirs is damaged."""


def study_past(
    root: Path | str,
    rules: PastRules,
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    node: str | None = None,
    service: str | None = None,
) -> Past:
    """Return the period's episodes, reliability and outcomes, of one node or service alone where they are given.

    A day of which a file is damaged is left out, by name. Raises `HistoryError` where the history cannot be read.
    """
    of_node = pl.lit(True) if node is None else pl.col("node").is_in([node, "fleet"])
    kept = Kept()
    left_out = find_damage(root, since, until, kept)
    scan = partial(scan_history, root, since=since, until=until, without=left_out)
    # Who has to ask again reads all anew: of a run that came since, its drift would not be among what was kept.
    at_first = iter([kept])
    runs, drift, advice, monitored = ask_history(
        lambda: _read_tables(root, partial(scan, kept=next(at_first, None)), of_node), root
    )
    spans = measure_spans(runs, rules.longest_span)
    sightings = _explained(lambda: sight_drift(drift, spans))
    episodes = find_drift_episodes(sightings, advice, spans, rules)
    reliability = measure_reliability(episodes, sightings, spans, Monitored.validate(monitored))
    chosen = pl.lit(True) if service is None else pl.col("service") == service
    some = DriftEpisode.validate(episodes.filter(of_node, chosen))
    return Past(
        spans,
        some,
        Reliability.validate(reliability.filter(of_node, chosen)),
        measure_actions(some),
        tuple(left_out.values()),
    )


def read_past(
    settings: Settings, since: datetime, as_of: datetime, *, node: str | None = None, service: str | None = None
) -> tuple[Past | None, str | None]:
    """Return what the history tells up to a moment and its runs included, and what it does not tell, and why."""
    until = as_of + timedelta(microseconds=1)
    try:
        past = study_past(settings.history_root(), settings.past_rules(), since, until, node=node, service=service)
    except HistoryError as error:
        return None, str(error)
    if past.spans.is_empty():
        nothing = "There is no history of this period yet: each run adds to it, and 'supervisor backfill' makes it."
        return None, "\n".join(past.left_out) or nothing
    return past, "\n".join(f"left out {text}" for text in past.left_out) or None


def _read_tables(root: Path | str, scan: Callable[..., pl.LazyFrame], of_node: pl.Expr) -> list[pl.DataFrame]:
    """Return the runs, the drift, the recommendations, and the services that were asked for."""
    runs, drift, advice = (scan(table, names=names) for table, names in _ASKED.items())
    frames = pl.collect_all([runs, drift.filter(of_node), advice.filter(of_node)])
    return [*frames, _read_monitored(root, frames[0]).filter(of_node)]


def _read_monitored(root: Path | str, runs: pl.DataFrame) -> pl.DataFrame:
    """Return the services that each inventory of the runs asked for, which the first run of each tells."""
    first = runs.filter(pl.col("state").is_not_null()).sort("as_of").unique("inventory_fingerprint", keep="first")
    days = first["as_of"].dt.date().unique()
    told = scan_days(open_storage(root), "runs", days).filter(pl.col("run_id").is_in(first["run_id"].implode()))
    target = pl.col("monitored_targets").str.splitn("/", 2).struct
    return (
        told.unique("inventory_fingerprint")
        .explode("monitored_targets", empty_as_null=False, keep_nulls=False)
        .with_columns(target.field("field_0").alias("node"), target.field("field_1").alias("service"))
        .select(columns(Monitored))
        .sort(columns(Monitored))
        .collect()
    )


def _explained(question: Callable[[], DataFrame[Sighting]]) -> DataFrame[Sighting]:
    try:
        return question()
    except pl.exceptions.InvalidOperationError as error:
        raise HistoryError(f"the history has a word that this version does not know; update it: {error}") from None
    except refusals() as error:
        raise HistoryError(f"the history has a row that is none of this table: {error}") from None

"""The history's tables: what is kept of every run. Their columns are a public interface."""

from typing import Annotated, NamedTuple

import polars as pl

from schemas.frame import DataFrame, Frame, Instant, StringList, field
from schemas.words import Outcome

HISTORY_VERSION = 2
"""Grows when a column is added; a column never changes its type or its meaning."""


class RunFacts(Frame):
    """What a run is recorded under, beside what it found; one row for each run of a batch."""

    as_of: Instant = field(unique=True)
    run_id: str = field(unique=True)
    generation: pl.Int64 = field(nullable=True)
    outcome: Annotated[pl.Enum, Outcome]
    source: str
    host: str = field(nullable=True)
    input_fingerprint: str
    rules_fingerprint: str
    inventory_fingerprint: str
    world_fingerprint: str

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "run_facts"


class HistoryRun(Frame):
    """One run: when, on which input, by which rules, with what result."""

    run_id: str = field(unique=True)
    """Follows from the input, the rules and `as_of`: the same run has the same id wherever it is judged."""
    as_of: Instant
    """The moment that ages were judged at."""
    generation: pl.Int64 = field(nullable=True)
    """The number of a live run, which orders runs whatever the clock said; null for a backfilled one."""
    outcome: str
    """`completed`, `partial`, `skipped` or `failed`; the last two have no conclusions."""
    source: str
    """`live` or `backfill`."""
    host: str = field(nullable=True)
    """The machine of a live run."""
    input_fingerprint: str
    rules_fingerprint: str
    inventory_fingerprint: str
    world_fingerprint: str
    state: str = field(nullable=True)
    """`nominal`, `reconciling`, `degraded` or `unstable`; null without conclusions."""
    world_at: Instant = field(nullable=True)
    world_age_s: pl.Float64 = field(nullable=True)
    blocked_count: pl.UInt32 = field(nullable=True)
    required_count: pl.UInt32 = field(nullable=True)
    recommended_count: pl.UInt32 = field(nullable=True)
    drift_count: pl.UInt32 = field(nullable=True)
    held_count: pl.UInt32 = field(nullable=True)
    in_flight_count: pl.UInt32 = field(nullable=True)
    rejected_count: pl.UInt32 = field(nullable=True)
    unreadable_timestamp_count: pl.UInt32 = field(nullable=True)
    monitored_targets: StringList
    """The targets that were desired and monitored, sorted: what availability is measured over.

    Empty for a fleet of more than 10,000."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "history/runs"


class HistoryDrift(Frame):
    """One drift of one run; the columns are those of `Drift`."""

    run_id: str
    as_of: Instant
    drift_id: str
    kind: str
    node: str
    service: str
    severity: str
    held_by: str = field(nullable=True)
    desired_ref: str = field(nullable=True)
    actual_ref: str = field(nullable=True)
    observed: str = field(nullable=True)
    observed_at: Instant = field(nullable=True)
    age_s: pl.Float64 = field(nullable=True)
    limit_s: pl.Float64 = field(nullable=True)
    missing_count: pl.UInt32 = field(nullable=True)
    monitored_count: pl.UInt32 = field(nullable=True)
    consecutive_failures: pl.UInt32 = field(nullable=True)
    incident_id: str = field(nullable=True)
    trigger_type: str = field(nullable=True)
    cause: str = field(nullable=True)
    """This column and those below are null in what version 1 wrote."""
    occurrence_count: pl.Int64 = field(nullable=True)
    detail: str = field(nullable=True)
    nearby: str = field(nullable=True)

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "history/drift"


class HistoryRecommendation(Frame):
    """One recommendation of one run; the columns are those of `Recommendation`."""

    run_id: str
    as_of: Instant
    recommendation_id: str
    event_type: str
    action: str
    severity: str
    node: str
    service: str
    reason: str
    unblocked_by: str = field(nullable=True)
    causing_kinds: StringList
    drift_ids: StringList
    root_causes: StringList
    blast_radius: pl.UInt32
    circumstance: str = field(nullable=True)
    """Null in what version 1 wrote."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "history/recommendations"


class History(NamedTuple):
    """The rows of one or more runs, table by table; a table's name is its folder's."""

    drift: DataFrame[HistoryDrift]
    recommendations: DataFrame[HistoryRecommendation]
    runs: DataFrame[HistoryRun]


TABLES: dict[str, type[Frame]] = {
    "drift": HistoryDrift,
    "recommendations": HistoryRecommendation,
    "runs": HistoryRun,
}
"""In the order of writing: a run's row comes last, so that whoever sees it sees all of the run."""

KEYS: dict[str, list[str]] = {
    "drift": ["run_id", "kind", "node", "service", "incident_id"],
    "recommendations": ["run_id", "node", "service"],
    "runs": ["run_id"],
}
"""What makes a row one of its kind: two files of a day that hold the same row are told by it."""

"""A run and its summary."""

from typing import Annotated, NamedTuple

import pandera.polars as pa
import polars as pl
from pandera.typing.polars import DataFrame

from schemas.drift import Drift
from schemas.frame import Frame, Instant
from schemas.recommendation import Recommendation, RootCause
from schemas.words import State


class WorldTime(Frame):
    """The world's own time in one snapshot (SEMANTICS 3, `stale_world`)."""

    as_of: Instant = pa.Field(unique=True)
    world_at: Instant
    world_age_s: pl.Float64
    """From `world_at` to `as_of`, in seconds, never negative."""
    world_ref: str
    """Where the time was found."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "world_time"


class Summary(Frame):
    """The state of the fleet in one snapshot."""

    as_of: Instant = pa.Field(unique=True)
    state: Annotated[pl.Enum, State]
    world_at: Instant
    """The world's own time (SEMANTICS 3, `stale_world`)."""
    world_age_s: pl.Float64
    """From `world_at` to `as_of`, in seconds, never negative."""
    blocked_count: pl.UInt32
    required_count: pl.UInt32
    recommended_count: pl.UInt32
    drift_count: pl.UInt32
    held_count: pl.UInt32
    in_flight_count: pl.UInt32
    """Drifts held back by a deployment in flight."""
    rejected_count: pl.UInt32
    unreadable_timestamp_count: pl.UInt32

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "summary"


class Judgement(NamedTuple):
    """What follows from one desired state and a batch of snapshots."""

    drift: DataFrame[Drift]
    recommendations: DataFrame[Recommendation]
    root_causes: DataFrame[RootCause]
    summary: DataFrame[Summary]

"""A run and its summary."""

from typing import Annotated, NamedTuple

import polars as pl

from schemas.drift import Drift
from schemas.frame import DataFrame, Frame, Instant, field
from schemas.planned import Planned
from schemas.recommendation import Explained, Recommendation, RootCause
from schemas.settling import Settling
from schemas.words import State


class WorldTime(Frame):
    """The world's own time in one snapshot (SEMANTICS 3, `stale_world`)."""

    as_of: Instant = field(unique=True)
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

    as_of: Instant = field(unique=True)
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
    settling_count: pl.UInt32
    """Drifts held back because a status still settles."""
    asked_service_count: pl.UInt32
    """Services that are asked for and monitored."""
    asked_node_count: pl.UInt32
    well_service_count: pl.UInt32
    """Of these services, those that are seen to be as asked; one on an offline node is not."""
    planned_count: pl.UInt32
    """Services, nodes or the fleet for which a maintenance window is open."""
    planned_until: Instant = field(nullable=True)
    """When the last of these windows ends."""
    newest_service_at: Instant = field(nullable=True)
    """Of records of which none is fresh by `service_ttl`, the newest; null where one is, or fewer than 2 have a time."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "summary"


class Judgement(NamedTuple):
    """What follows from one desired state and a batch of snapshots."""

    drift: DataFrame[Drift]
    recommendations: DataFrame[Recommendation]
    root_causes: DataFrame[RootCause]
    summary: DataFrame[Summary]
    explained: DataFrame[Explained]
    """What explains what; whatever is shown of that is shown of these rows."""
    settling: DataFrame[Settling]
    """What the next run must know of what settles."""
    world_times: DataFrame[WorldTime]
    planned: DataFrame[Planned]

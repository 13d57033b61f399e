"""Drift over time: from the run that first shows it to the run that no longer does, and what that adds up to."""

from typing import Annotated

import polars as pl

from schemas.frame import Frame, Instant, field
from schemas.words import DriftKind, HeldBy, Severity


class Span(Frame):
    """One run as a stretch of time: it speaks for the time until the next run, but for no longer than a limit."""

    as_of: Instant = field(unique=True)
    run: pl.Int64 = field(unique=True)
    """The run's place among the runs, from 0."""
    run_id: str = field(unique=True)
    state: str
    inventory_fingerprint: str
    observed_s: pl.Float64
    next_at: Instant = field(nullable=True)
    """When the next run was; null for the newest."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "span"


class Sighting(Frame):
    """One drift in one run that has a span."""

    run: pl.Int64
    as_of: Instant
    next_at: Instant = field(nullable=True)
    observed_s: pl.Float64
    kind: Annotated[pl.Enum, DriftKind]
    node: str
    service: str
    incident_id: str = field(nullable=True)
    severity: Annotated[pl.Enum, Severity]
    held_by: Annotated[pl.Enum, HeldBy] = field(nullable=True)

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "sighting"


class Monitored(Frame):
    """One service that an inventory asks for and monitors."""

    inventory_fingerprint: str
    node: str
    service: str

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "monitored"
        unique = ["inventory_fingerprint", "node", "service"]


class DriftEpisode(Frame):
    """One drift from its opening to its resolution."""

    kind: Annotated[pl.Enum, DriftKind]
    node: str
    service: str
    incident_id: str = field(nullable=True)
    severity: Annotated[pl.Enum, Severity]
    """The highest that it had."""
    opened_at: Instant
    """The first run that shows it."""
    resolved_at: Instant = field(nullable=True)
    """The first run that no longer does; null where it is open."""
    duration_s: pl.Float64
    """How long it was observed; what no run spoke for is not counted."""
    unobserved_s: pl.Float64
    """Of the time from its opening to its resolution, what no run spoke for."""
    reopened_count: pl.UInt32
    """How many earlier episodes the same drift had in the period."""
    is_flapping: bool
    """Its drift opened at least `flapping_openings` times within the `flapping_window` that ends with this opening."""
    is_held_back: bool
    """It was held back whenever it was seen, so that nothing was ever recommended for it."""
    action: str = field(nullable=True)
    """What was recommended for its target first, while it lasted."""
    is_recovered: bool = field(nullable=True)
    """Whether it was resolved after that recommendation; null where nothing was recommended."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "drift_episode"


class Reliability(Frame):
    """One service, or one node as `<node>/all`, over the period."""

    node: str
    service: str
    episode_count: pl.UInt32
    open_count: pl.UInt32
    drift_s: pl.Float64
    """How long it had any drift at all."""
    unavailable_s: pl.Float64
    """How long it was missing, unhealthy, or on an offline node."""
    observed_s: pl.Float64
    """How long it was monitored, and runs could tell."""
    availability_ratio: pl.Float64 = field(nullable=True)
    """The share of that time in which it was available; null where it was never observed."""
    mean_recovery_s: pl.Float64 = field(nullable=True)
    """The mean duration of its resolved episodes."""
    is_flapping: bool

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "reliability"
        unique = ["node", "service"]


class ActionOutcome(Frame):
    """One action: how often its recommendation was followed by recovery."""

    action: str = field(unique=True)
    episode_count: pl.UInt32
    recovered_count: pl.UInt32
    recovered_ratio: pl.Float64
    median_recovery_s: pl.Float64 = field(nullable=True)
    """From the opening to the resolution."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "action_outcome"

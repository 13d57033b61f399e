"""Recommendations: what to do about the drift that is not held back."""

from typing import Annotated

import pandera.polars as pa
import polars as pl

from schemas.frame import Frame, Instant, StringList
from schemas.words import Action, EventType, Severity


class RootCause(Frame):
    """One target at the far end of the chain that a service waits for, in one snapshot."""

    as_of: Instant
    node: str
    service: str
    """The service that waits."""
    cause_node: str
    cause_service: str
    """The unavailable service, or `all` where its node is offline."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "root_cause"
        unique = ["as_of", "node", "service", "cause_node", "cause_service"]


class Recommendation(Frame):
    """What is recommended for one target in one snapshot; a target has at most one."""

    as_of: Instant
    recommendation_id: str
    """`<action>-<node>-<service>`, `_` of the action written as `-`: stable across runs, restarts and machines."""
    event_type: Annotated[pl.Enum, EventType]
    action: Annotated[pl.Enum, Action]
    severity: Annotated[pl.Enum, Severity]
    node: str
    service: str
    reason: str
    """A sentence for the operator; no code reads it."""
    unblocked_by: str = pa.Field(nullable=True)
    """For a blocked one: what ends the block."""
    causing_kinds: StringList
    """The kinds of the drifts that cause it."""
    drift_ids: StringList
    root_causes: StringList
    """Targets at the far end of the chain of unavailable dependencies."""
    blast_radius: pl.UInt32
    """How many other targets it explains: those that wait for it, and those whose drift is held back under it."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "recommendation"
        unique = ["as_of", "node", "service"]

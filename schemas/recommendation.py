"""Recommendations: what to do about the drift that is not held back."""

from typing import Annotated, NamedTuple

import polars as pl

from schemas.drift import Drift
from schemas.expressions import has_any, word
from schemas.frame import DataFrame, Frame, Instant, StringList, field
from schemas.rules import Rules
from schemas.words import Action, Circumstance, DriftCause, DriftKind, EventType, ExplainedBy, Severity


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


class Traced(NamedTuple):
    """The drift with what its root causes hold back, and these."""

    drift: DataFrame[Drift]
    root_causes: DataFrame[RootCause]


class Explained(Frame):
    """One target that another one explains, in one snapshot (SEMANTICS 5, blast radius)."""

    as_of: Instant
    node: str
    service: str
    """The target that explains."""
    explained_node: str
    explained_service: str
    how: Annotated[pl.Enum, ExplainedBy]

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "explained"
        unique = ["as_of", "node", "service", "explained_node", "explained_service"]


class Recommendation(Frame):
    """What is recommended for one target in one snapshot; a target has at most one."""

    as_of: Instant
    recommendation_id: str
    """`<action>-<node>-<service>`, `_` of the action written as `-`: stable across runs, restarts and machines."""
    event_type: Annotated[pl.Enum, EventType]
    action: Annotated[pl.Enum, Action]
    circumstance: Annotated[pl.Enum, Circumstance]
    """What of its surroundings decided on it."""
    severity: Annotated[pl.Enum, Severity]
    node: str
    service: str
    reason: str
    """A sentence for the operator; no code reads it."""
    unblocked_by: str = field(nullable=True)
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


def surroundings(standing: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return the standing drift with the `circumstance` of each row, but for what waits.

    A target's open incidents say something of what is missing or unhealthy there.
    """
    target = ("as_of", "node", "service")
    kind = pl.col("kind")
    is_down = kind.is_in([DriftKind.MISSING_SERVICE, DriftKind.UNHEALTHY_SERVICE])
    is_unhealthy = kind == DriftKind.UNHEALTHY_SERVICE
    is_exhausted = (kind == DriftKind.FAILED_DEPLOYMENT) & (pl.col("severity") == Severity.CRITICAL)
    is_tried_often = has_any((pl.col("occurrence_count") >= rules.max_restarts).fill_null(False), *target)
    is_looping = is_unhealthy & ((pl.col("cause") == DriftCause.LOOPING) | is_tried_often)
    circumstance = (
        pl.when(is_exhausted)
        .then(word(Circumstance.EXHAUSTED))
        .when(is_looping)
        .then(word(Circumstance.LOOPING))
        .when(is_down & _has_trigger(rules.no_redeploy_triggers))
        .then(word(Circumstance.UNFIT))
        .when(is_unhealthy & _has_trigger(rules.restart_triggers))
        .then(word(Circumstance.RESTARTABLE))
        .otherwise(word(Circumstance.PLAIN))
    )
    return standing.with_columns(circumstance=circumstance)


def _has_trigger(triggers: frozenset[str]) -> pl.Expr:
    is_one = pl.col("trigger_type").is_in(sorted(triggers)).fill_null(False)
    return has_any(is_one, "as_of", "node", "service")

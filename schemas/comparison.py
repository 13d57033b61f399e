"""Comparisons: what would have been recommended under other rules, or against another inventory."""

from enum import StrEnum
from typing import Annotated

import polars as pl

from schemas.frame import Frame, Instant, field
from schemas.words import Action, EventType, Severity, State


class Change(StrEnum):
    """How a recommendation differs."""

    GAINED = "gained"
    LOST = "lost"
    CHANGED = "changed"


class Advice(Frame):
    """One recommendation of one run, as far as comparisons look at it."""

    as_of: Instant
    node: str
    service: str
    action: Annotated[pl.Enum, Action]
    event_type: Annotated[pl.Enum, EventType]
    severity: Annotated[pl.Enum, Severity]

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "advice"
        unique = ["as_of", "node", "service"]


class StatePair(Frame):
    """One run, and its state both ways."""

    as_of: Instant = field(unique=True)
    state_before: Annotated[pl.Enum, State]
    state_after: Annotated[pl.Enum, State]

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "state_pair"


class ChangedAdvice(Frame):
    """One recommendation that differs, from the first of successive runs in which it does to the last."""

    change: Annotated[pl.Enum, Change]
    node: str
    service: str
    action_before: Annotated[pl.Enum, Action] = field(nullable=True)
    event_type_before: Annotated[pl.Enum, EventType] = field(nullable=True)
    severity_before: Annotated[pl.Enum, Severity] = field(nullable=True)
    action_after: Annotated[pl.Enum, Action] = field(nullable=True)
    event_type_after: Annotated[pl.Enum, EventType] = field(nullable=True)
    severity_after: Annotated[pl.Enum, Severity] = field(nullable=True)
    first_at: Instant
    last_at: Instant
    run_count: pl.UInt32

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "changed_advice"

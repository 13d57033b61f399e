"""Doubts: by which rule the observer is suspect, and of what (SEMANTICS 3, (a) to (f))."""

from enum import StrEnum
from typing import Annotated, NamedTuple

import polars as pl

from schemas.drift import Drift
from schemas.frame import DataFrame, Frame, Instant, field


class DoubtRule(StrEnum):
    """The rules by which the observer is suspect."""

    MASS_UNSEEN = "mass_unseen"
    """(a)"""
    ALL_UNSEEN = "all_unseen"
    """(b)"""
    NO_SERVICES = "no_services"
    """(c)"""
    NO_NODES = "no_nodes"
    """(d)"""
    MASS_OFFLINE = "mass_offline"
    """(e)"""
    UNKNOWN_WORD = "unknown_word"
    """(f)"""


class Doubt(Frame):
    """One thing that the suspect observer's word is not taken for, in one snapshot."""

    as_of: Instant
    rule: Annotated[pl.Enum, DoubtRule]
    node: str = field(nullable=True)
    """The node that is doubted, of a rule about nodes."""
    word: str = field(nullable=True)
    """The status that is doubted, of the rule about words."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "doubt"


class Doubted(NamedTuple):
    """The drift with that of the fleet, and what of it the observer's word is not taken for."""

    drift: DataFrame[Drift]
    doubts: DataFrame[Doubt]

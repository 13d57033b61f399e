"""What deciding remembers from run to run (ACTIONS 13); lost, it begins empty, which only makes things slower."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from schemas.episode import Target


class CleanTime(NamedTuple):
    """How long a target with a problem was seen clean, and when last."""

    seconds: float
    at: datetime | None
    """The last run that saw it clean; null where a dirty one came after it."""


class SeenRow(NamedTuple):
    """The row of worlds that show a recommendation with a verb."""

    worlds: int
    world_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What the qualifying worlds since the end of an attempt showed (ACTIONS 16.1)."""

    clean_from: datetime | None = None
    clean_count: int = 0
    worse_from: datetime | None = None
    worse_count: int = 0
    paused_s: float = 0.0
    last_world_at: datetime | None = None
    """Of the last qualifying world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the conclusive runs so far leave to the next."""

    last_run: datetime | None = None
    """The last conclusive run."""
    fleet_since: datetime | None = None
    """The first run after a gap."""
    storm_at: datetime | None = None
    """The last run in which too many were unhealthy."""
    node_since: Mapping[str, datetime] = field(default_factory=dict)
    """The first run of the present row in which the node is neither offline nor suspect."""
    rest: Mapping[Target, datetime] = field(default_factory=dict)
    """The last run in which maintenance held back drift of the target."""
    clean: Mapping[Target, CleanTime] = field(default_factory=dict)
    seen: Mapping[Target, SeenRow] = field(default_factory=dict)
    progress: Mapping[str, Progress] = field(default_factory=dict)
    """By intent."""

"""Waiting: drift that must last before its recommendation opens an episode. Plain dataclasses, as for episodes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.episode import Target
from schemas.words import DriftKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a kind of drift must last: a number of runs that see it, a time, or none."""

    run_count: int = 0
    duration: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """One drift that stands, and is not old enough yet."""

    node: str
    service: str
    kind: DriftKind
    first_seen_at: datetime
    run_count: int
    """Runs that saw it standing, the first included."""
    held_at: datetime | None = None
    """Since when it is held back, or unknown; that time does not count."""

    @property
    def target(self) -> Target:
        """What it is about."""
        return Target(self.node, self.service)


class SettlingService(NamedTuple):
    """One service whose status is about to become healthy, and since which run it is."""

    node: str
    service: str
    first_seen_at: datetime

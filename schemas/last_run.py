"""The last run, as the checkpoint remembers it for `supervisor status`: plain values, read without polars."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from schemas.wait import SettlingService, Wait
from schemas.words import Outcome, State


class LastRun(NamedTuple):
    """The last run with conclusions."""

    as_of: datetime
    outcome: Outcome
    state: State
    state_since: datetime | None = None
    """Since when the fleet is in that state; filled in when the run is committed."""
    world_at: datetime | None = None
    counts: Mapping[str, int] = {}
    """The summary's counts, by their column."""
    recommendations: tuple[Mapping[str, object], ...] = ()
    """In short: id, event type, action, severity, node, service, reason, acknowledgement; values of JSON."""
    input_fingerprint: str = ""
    drift_counts: tuple[tuple[str, str, bool, int], ...] = ()
    """Kind, severity, whether it is held back, and how many."""
    recommendation_counts: tuple[tuple[str, str, str, int], ...] = ()
    """Event type, action, severity, and how many."""
    taken_s: Mapping[str, float] = {}
    """The seconds that the steps before the recording took."""
    waits: tuple[Wait, ...] = ()
    """Drift that must last longer to open an episode."""
    inventory: str = ""
    """The folder that it judged; empty where a version before this one wrote it."""
    settling: tuple[SettlingService, ...] = ()
    """What was about to become healthy, and since which run."""


class LastAttempt(NamedTuple):
    """A run after the last one with conclusions that came to none: the last state is stale."""

    as_of: datetime
    outcome: Outcome
    reason: str

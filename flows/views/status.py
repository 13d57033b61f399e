"""The last run at a glance, from the checkpoint alone: what `supervisor status` shows. Imports no polars."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flows.ledger.checkpoint import read_known
from schemas.episode import Episode
from schemas.last_run import LastAttempt, LastRun
from schemas.words import EventType, Outcome, Severity, State
from stages.derive import derive_state


@dataclass(frozen=True)
class Status:
    """What the runs so far left behind, and whether it can still be believed."""

    now: datetime
    last_run: LastRun | None
    last_attempt: LastAttempt | None
    """A run since, without conclusions."""
    open_episodes: tuple[Episode, ...]
    """The worst first, and of equal ones the oldest."""
    is_old: bool
    """The last run is older than the settings allow: nothing runs the supervisor, it seems."""
    acting: Mapping[str, Any] | None = None
    """What the last run left to be seen of acting; None where that is off."""

    @property
    def exit_code(self) -> int:
        """Return what the last run would have returned; 3 where its state no longer speaks for now."""
        if self.last_run is None or self.last_attempt is not None or self.is_old:
            return 1 if self.last_attempt and self.last_attempt.outcome is Outcome.FAILED else 3
        if self.last_run.outcome is Outcome.PARTIAL:
            return 1
        return 2 if self.last_run.state in {State.DEGRADED, State.UNSTABLE} else 0

    def derivation(self) -> list[Mapping[str, Any]]:
        """Return the recommendations that put the fleet in its state: without them, it would be a better one."""
        return [row for row in self.standing() if _raises(row) == self.state]

    def standing(self) -> list[Mapping[str, Any]]:
        """Return the last run's recommendations that nobody acknowledged."""
        return [row for row in self._rows() if not row.get("acknowledgement")]

    def acknowledged(self) -> list[Mapping[str, Any]]:
        """Return those that somebody did."""
        return [row for row in self._rows() if row.get("acknowledgement")]

    @property
    def state(self) -> State | None:
        """Return the last known state."""
        return self.last_run.state if self.last_run else None

    def _rows(self) -> tuple[Mapping[str, Any], ...]:
        return self.last_run.recommendations if self.last_run else ()


def read_status(checkpoint: Path, run_ttl: timedelta, now: datetime, *, is_acting: bool = False) -> Status:
    """Return the status; one without a last run where there is no usable checkpoint."""
    known = read_known(checkpoint)
    if known is None:
        return Status(now, None, None, (), is_old=False)
    ranks = list(Severity)
    episodes = [episode for episode in known.episodes.values() if episode.is_open]
    episodes.sort(key=lambda episode: (-ranks.index(episode.severity), episode.opened_at, episode.key))
    is_old = known.last_run is not None and now - known.last_run.as_of > run_ttl
    acting = (known.acting or {}).get("view") if is_acting else None
    shown = acting if isinstance(acting, Mapping) else None
    return Status(now, known.last_run, known.last_attempt, tuple(episodes), is_old, shown)


def _raises(row: Mapping[str, Any]) -> State:
    return derive_state(EventType(row["event_type"]), Severity(row["severity"]))

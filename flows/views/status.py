"""The last run at a glance, from the checkpoint alone: what `supervisor status` shows. Imports no polars."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from flows.ledger.checkpoint import read_known
from flows.telling.outbox import Waiting, read_waiting
from schemas.episode import Episode
from schemas.last_run import LastAttempt, LastRun
from schemas.words import Action, EventType, Outcome, Severity, State
from stages.derive import derive_state


class Status(NamedTuple):
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
    checkpoint: Path | None = None
    """Where all of it was read."""
    waiting: Waiting | None = None
    """Messages that are not sent yet; None where this user may not see them."""

    @property
    def exit_code(self) -> int:
        """Return what the last run would have returned; 3 where its state no longer speaks for now."""
        if self.last_run is None or self.last_attempt is not None or self.is_old:
            return 1 if self.last_attempt and self.last_attempt.outcome is Outcome.FAILED else 3
        if self.last_run.outcome is Outcome.PARTIAL:
            return 1
        return 2 if self.last_run.state in {State.DEGRADED, State.UNSTABLE} else 0

    def derivation(self) -> list[Mapping[str, Any]]:
        """Return the recommendations that put the fleet in its state, those first that wait for no other.

        Without them, it would be a better one.
        """
        found = [row for row in self.standing() if _raises(row) == self.state]
        return sorted(found, key=lambda row: row["action"] == Action.DELAYED_DEPLOYMENT)

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


def read_status(
    checkpoint: Path, run_ttl: timedelta, now: datetime, *, state_dir: Path | None = None, is_acting: bool = False
) -> Status:
    """Return the status, with the messages that wait in the state folder; without a last run where there was none."""
    known = read_known(checkpoint)
    waiting = read_waiting(state_dir) if state_dir else None
    if known is None:
        return Status(now, None, None, (), is_old=False, checkpoint=checkpoint, waiting=waiting)
    ranks = list(Severity)
    episodes = [episode for episode in known.episodes.values() if episode.is_open]
    episodes.sort(key=lambda episode: (-ranks.index(episode.severity), episode.opened_at, episode.key))
    is_old = known.last_run is not None and now - known.last_run.as_of > run_ttl
    acting = (known.acting or {}).get("view") if is_acting else None
    shown = acting if isinstance(acting, Mapping) else None
    return Status(now, known.last_run, known.last_attempt, tuple(episodes), is_old, shown, checkpoint, waiting)


def _raises(row: Mapping[str, Any]) -> State:
    return derive_state(EventType(row["event_type"]), Severity(row["severity"]))

"""Where a supervisor keeps what it writes and reads back; made once, from the settings."""

from dataclasses import dataclass, field
from pathlib import Path

from flows.files.own import trusted_owners

HISTORY_LOCK = "history.lock"
"""Held by whoever replaces days of the history, in its folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Absolute paths, whose event log counts as ours, and how long a lock is waited for."""

    event_log: Path
    checkpoint: Path
    state_dir: Path
    """Acknowledgements, notifications, cache, archive, and the locks."""
    history: Path | str = ""
    """A folder, or an address with `://`; nothing is written to none."""
    log_owners: frozenset[int] = field(default_factory=trusted_owners)
    lock_timeout_s: float = 10.0

    @property
    def cache(self) -> Path:
        """Return the folder of what can be had again."""
        return self.state_dir / "cache"

    @property
    def history_lock(self) -> Path:
        """Return the history's lock; that of a history on object storage is in the state folder."""
        return (self.history if isinstance(self.history, Path) else self.state_dir) / HISTORY_LOCK

"""Acknowledgements: what somebody knows of and answers for until a moment. Plain dataclasses, as for episodes."""

from dataclasses import dataclass
from datetime import datetime

from schemas.episode import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """One target whose recommendation, whichever it is, does not raise the state until a moment."""

    node: str
    service: str
    owner: str
    reason: str
    acknowledged_at: datetime
    until: datetime
    """From this moment on it no longer holds."""

    @property
    def target(self) -> Target:
        """What it is about."""
        return Target(self.node, self.service)

"""Acknowledgements: what somebody knows of and answers for until a moment. Plain dataclasses, as for episodes."""

from datetime import datetime
from typing import NamedTuple

from schemas.episode import Target


class Acknowledgement(NamedTuple):
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

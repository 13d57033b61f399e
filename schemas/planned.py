"""Planned absence: what is in an open `maintenance` window (SEMANTICS 2)."""

from schemas.frame import Frame, Instant, field


class Planned(Frame):
    """One service, one node or the fleet, for which a window is open in one snapshot."""

    as_of: Instant
    node: str = field(nullable=True)
    """Null for the fleet."""
    service: str = field(nullable=True)
    """Null for the whole node, or the fleet."""
    until: Instant = field(nullable=True)
    """When the last of its open windows ends; null where one never does."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "planned"
        unique = ["as_of", "node", "service"]

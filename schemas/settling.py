"""Settling: since when a status has been about to become healthy, which a checkpoint remembers (SEMANTICS 4.7)."""

from schemas.frame import Frame, Instant


class Settling(Frame):
    """One service that is settling in one snapshot."""

    as_of: Instant
    node: str
    service: str
    first_seen_at: Instant
    """The first of the runs in a row that saw it settling."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "settling"
        unique = ["as_of", "node", "service"]

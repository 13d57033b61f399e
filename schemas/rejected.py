"""What could not be read: set aside as data, with its place and the reason, never dropped."""

import pandera.polars as pa
import polars as pl

from schemas.frame import Frame, Instant


class Rejected(Frame):
    """One record of a world file that was set aside, of one snapshot."""

    as_of: Instant
    file: str
    key: str
    """The record's key, or its index in a list, escaped so that it is safe to print."""
    reason: str
    node: str = pa.Field(nullable=True)
    """The node and the service that the key names, where it is usable: they are unknown, not missing."""
    service: str = pa.Field(nullable=True)

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "rejected"


class Unread(Frame):
    """One fault of an inventory file; what it leaves unknown is its scope."""

    file: str
    line: pl.Int32 = pa.Field(nullable=True)
    column: pl.Int32 = pa.Field(nullable=True)
    problem: str
    """What was found, what was expected, what to do; escaped, and without the source line."""
    node: str = pa.Field(nullable=True)
    """The node whose services are unknown for it; null when the fault hides no node's services."""
    service: str = pa.Field(nullable=True)
    """The service that is unknown, where the fault is about one service alone."""
    is_warning: bool
    """A warning hides nothing: the run is not partial for it."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "unread"

"""What could not be read: set aside as data, with its place and the reason, never dropped."""

import polars as pl

from schemas.frame import Frame, Instant, field


class Rejected(Frame):
    """One record of a world file that was set aside, of one snapshot."""

    as_of: Instant
    file: str
    key: str
    """The record's key, or its index in a list, escaped so that it is safe to print."""
    reason: str
    node: str = field(nullable=True)
    """The node and the service that the key names, where it is usable: they are unknown, not missing."""
    service: str = field(nullable=True)

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "rejected"


class Doubtful(Frame):
    """One time of one snapshot that cannot be read, or lies more than `clock_tolerance` after `as_of`."""

    as_of: Instant
    file: str
    key: str
    """The record's key, escaped so that it is safe to print; empty where the time is of no record."""
    field: str
    value: str
    """What it says, escaped and cut so that it is safe to print."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "doubtful"


class Unread(Frame):
    """One fault of an inventory file; what it leaves unknown is its scope."""

    file: str
    line: pl.Int32 = field(nullable=True)
    column: pl.Int32 = field(nullable=True)
    problem: str
    """What was found, what was expected, what to do; escaped, and without the source line."""
    node: str = field(nullable=True)
    """The node of which it leaves something open; null where it hides no node's services (capabilities, say)."""
    service: str = field(nullable=True)
    """The service alone that it leaves open: with a node a bad entry, without one a `service.yaml`."""
    is_warning: bool
    """A warning hides nothing: the run is not partial for it."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "unread"


def is_fault() -> pl.Expr:
    """Return whether a row of `Unread` hides something; a warning hides nothing."""
    return ~pl.col("is_warning")


def is_fault_of_node() -> pl.Expr:
    """Return whether it hides something of a node that is known."""
    return is_fault() & pl.col("node").is_not_null()

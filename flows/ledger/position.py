"""A place in an event log, as checkpoints keep it."""

from typing import NamedTuple


class Position(NamedTuple):
    """A place in a log, known again by what stands before it: offsets and inodes are used again, contents are not."""

    offset: int = 0
    start_digest: str = ""
    """Of the file's first bytes, at most 256 and none behind the place."""
    before_digest: str = ""
    """Of the 256 bytes before the place."""


START = Position()
"""The beginning of whatever there is."""

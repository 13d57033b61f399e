"""Links: how a desired service's dependencies can be met."""

from typing import Annotated

import polars as pl

from schemas.frame import Frame
from schemas.words import DependencyScope


class Link(Frame):
    """One way that a desired service's declared dependency can be met: an instance of it that is desired."""

    node: str
    service: str
    dependency: str
    """The declared name; one of its instances that is available is enough."""
    scope: Annotated[pl.Enum, DependencyScope]
    """Local or external, as resolved: one service can need the same name in both ways."""
    dependency_node: str
    is_monitored: bool
    """The instance is monitored; an unmonitored one is taken for available."""
    is_cyclic: bool
    """The instance depends on the service in turn, through any number of links: neither blocks the other."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "link"
        unique = ["node", "service", "dependency", "scope", "dependency_node"]

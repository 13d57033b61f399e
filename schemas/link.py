"""Links: how a desired service's dependencies can be met, and which services depend on each other in a circle."""

from typing import Annotated, NamedTuple

import polars as pl

from schemas.frame import DataFrame, Frame, Instant
from schemas.joins import only, without
from schemas.words import DependencyScope

TARGET = ["node", "service"]


class Link(Frame):
    """One dependency of one desired service, as it is looked for: on its own node, or by its name on every node."""

    node: str
    service: str
    dependency: str
    scope: Annotated[pl.Enum, DependencyScope]
    """Local or external, as resolved: one service can need the same name in both ways."""
    is_completion: bool
    """It waits for a job to be done."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "link"
        unique = ["node", "service", "dependency", "scope", "is_completion"]


class Instance(Frame):
    """One service that can meet a dependency: one that an inventory asks for, or may ask for."""

    node: str
    service: str
    is_monitored: bool
    """An unmonitored one is unavailable only where its node is offline."""
    is_job: bool
    """It makes nobody wait who does not wait for it to be done."""
    is_open: bool
    """Its node's inventory, or its entry, cannot be read: it is judged by its record, where there is one."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "instance"
        unique = ["node", "service"]


class CycleMember(Frame):
    """One desired service that depends on itself through any number of links, and the cycle that it is of."""

    node: str
    service: str
    cycle: pl.UInt32

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "cycle_member"
        unique = ["node", "service"]


class Links(NamedTuple):
    """The dependencies of some services, what can meet them, and the cycles among all."""

    links: DataFrame[Link]
    instances: DataFrame[Instance]
    cycles: DataFrame[CycleMember]


NAME, DONE, CYCLE = "*", "*done", "~"
"""Stand in a block for a node: of any instance of a name, of any that is done, and of a cycle by its number."""


class Block(Frame):
    """One step of a chain of what waits: a service, a name or a cycle, and what it cannot do without in one snapshot.

    A name stands between those that need any instance of it and its instances, so that they do not multiply.
    """

    as_of: Instant
    node: str
    service: str
    cause_node: str
    cause_service: str
    """The unavailable service, `all` where its node is offline, or a name or cycle that leads on."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "block"
        unique = ["as_of", "node", "service", "cause_node", "cause_service"]


def declared(services: pl.DataFrame, dependencies: pl.DataFrame) -> pl.DataFrame:
    """Return the dependencies of the services: one that is declared for a service is one of each node that runs it."""
    own = dependencies.filter(pl.col("node").is_not_null()).pipe(only, services, TARGET)
    shared = dependencies.filter(pl.col("node").is_null()).drop("node").join(services.select(TARGET), on="service")
    return pl.concat([own, shared.select(own.columns)])


def of_judged_nodes(services: pl.DataFrame, nodes: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of nodes that are monitored: of another nothing is asked, so that nothing of it meets a need."""
    return without(services, nodes.filter(~pl.col("is_monitored")), "node")

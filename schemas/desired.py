"""The desired state: what the inventory asks for."""

from typing import Annotated, NamedTuple

import pandera.polars as pa
import polars as pl
from pandera.typing.polars import DataFrame

from schemas.frame import Frame
from schemas.rejected import Unread
from schemas.words import DependencyScope


class DesiredNode(Frame):
    """One node that the inventory names: a folder under `hosts/`, an entry of the topology, or both."""

    node: str = pa.Field(unique=True)
    is_intermittent: bool
    """Its capabilities say `connectivity: intermittent`, so that its silence is judged with a longer grace."""
    is_readable: bool
    """Its services are known; false when its `services.yaml` could not be read, so that absence means nothing."""
    file: str
    """The inventory file that speaks of it, relative to the inventory, with forward slashes."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "desired_node"


class DesiredService(Frame):
    """One service that the inventory asks for on one node; `(node, service)` is unique, which its reader ensures."""

    node: str
    service: str
    is_monitored: bool
    """False where the inventory says `monitor: false`: neither desired nor reported."""
    line: pl.Int32
    """Where its node's `services.yaml` names it, from 1."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "desired_service"


class Dependency(Frame):
    """One dependency as it is declared: a service of a node, or of every node that runs it, needs a service."""

    node: str = pa.Field(nullable=True)
    """Null where `services/<service>/service.yaml` declares it, for every node that runs the service."""
    service: str
    dependency: str
    scope: Annotated[pl.Enum, DependencyScope]
    file: str
    line: pl.Int32

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "dependency"


class ListedService(Frame):
    """One node of the topology, or one service of its informative list; only the inventory check looks at them."""

    node: str
    service: str = pa.Field(nullable=True)
    """Null for the node itself."""
    line: pl.Int32

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "listed_service"


class Desired(NamedTuple):
    """The desired state at one moment, and what of the inventory could not be read."""

    nodes: DataFrame[DesiredNode]
    services: DataFrame[DesiredService]
    dependencies: DataFrame[Dependency]
    unread: DataFrame[Unread]
    listed: DataFrame[ListedService]

"""The desired state: what the inventory asks for."""

from typing import Annotated, NamedTuple

import polars as pl

from schemas.frame import DataFrame, Frame, RepeatedText, StringList, field
from schemas.link import CycleMember
from schemas.rejected import Unread
from schemas.words import DependencyScope, RunMode


class DesiredNode(Frame):
    """One node that the inventory names: a folder under `hosts/`, an entry of the topology, or both."""

    node: str = field(unique=True)
    is_monitored: bool
    """False where the inventory says `monitor: false` of it: nothing of it is desired, and nothing unexpected."""
    connectivity: str = field(nullable=True)
    """The word that its capabilities have for it, which a policy can match; null where they say nothing that is known.

    `intermittent` where they cannot be read."""
    is_intermittent: bool
    """Its capabilities say `connectivity: intermittent`, so that its silence is judged with a longer grace."""
    is_best_effort: bool
    """Its capabilities say `operational.availability_target: best-effort`."""
    has_readable_capabilities: bool
    """False where they are there and cannot be read: its silence between the two TTLs cannot be judged then."""
    is_readable: bool
    """All that it asks for is known; false where a file of its services, or an entry without a name, cannot be read."""
    has_inventory: bool
    """It has a folder under `hosts/`, or an entry of the topology with `services`: asking for nothing is said, then."""
    roles: StringList
    """Its roles in the topology."""
    desired_hash: str
    """SHA-256 of what the inventory says of the node itself (ACTIONS 13.3)."""
    file: str
    """The inventory file that speaks of it, relative to the inventory, with forward slashes."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "desired_node"


class DesiredService(Frame):
    """One service that the inventory asks for on one node; `(node, service)` is unique, which its reader ensures."""

    node: str
    service: str
    stack: RepeatedText = field(nullable=True)
    """The stack that it is of, by which its replicas may be named; null outside of one."""
    is_monitored: bool
    """False where the inventory says `monitor: false`: neither desired nor reported."""
    run: Annotated[pl.Enum, RunMode]
    has_readable_dependencies: bool
    """False where its `services/<service>/service.yaml` cannot be read: what that declares is left out."""
    role: RepeatedText = field(nullable=True)
    exposure: RepeatedText = field(nullable=True)
    deployment_model: RepeatedText = field(nullable=True)
    desired_hash: RepeatedText
    """SHA-256 of what the inventory says of the service (ACTIONS 13.3)."""
    file: RepeatedText
    """The file that asks for it, relative to the inventory, with forward slashes."""
    line: pl.Int32
    """Where in that file, from 1."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "desired_service"


class Dependency(Frame):
    """One dependency as it is declared: a service of a node, or of every node that runs it, needs a service."""

    node: str = field(nullable=True)
    """Null where `services/<service>/service.yaml` declares it, for every node that runs the service."""
    service: str
    dependency: str
    """By its own name where its file names it otherwise: a dependency is looked for in its own file first."""
    scope: Annotated[pl.Enum, DependencyScope]
    is_completion: bool
    """The condition is `service_completed_successfully`: it waits for a job."""
    file: str
    line: pl.Int32

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "dependency"


class ContainerName(Frame):
    """One name that a service of a node is known by beside its own: its `container_name`, or one of `containers`."""

    node: str
    service: str
    name: str
    """As records are named: stripped, in lower case, without slashes at its beginning."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "container_name"


class MaintenanceWindow(Frame):
    """One window in which a service, a node or the fleet is planned to be away; its columns are `Window`'s."""

    node: str = field(nullable=True)
    """Null for the fleet."""
    service: str = field(nullable=True)
    """Null for the node, or the fleet."""
    days: Annotated[pl.List, pl.Int64]
    """Days of the week that it begins on; Monday is 0."""
    from_min: pl.Int32
    to_min: pl.Int32
    """Minutes of the local day."""
    first_on: pl.Date = field(nullable=True)
    last_on: pl.Date = field(nullable=True)
    zone: str
    file: str
    line: pl.Int32 = field(nullable=True)

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "maintenance_window"


class ListedService(Frame):
    """One node of the topology, or one service of its informative list; only the inventory check looks at them."""

    node: str
    service: str = field(nullable=True)
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
    names: DataFrame[ContainerName]
    maintenance: DataFrame[MaintenanceWindow]
    cycles: DataFrame[CycleMember] | None = None
    """The services that depend on themselves, where they have been looked for: they follow from the rest."""

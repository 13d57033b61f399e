"""The actual state: what one or more world snapshots show. `as_of` tells the snapshots of a batch apart."""

from typing import Annotated, ClassVar, NamedTuple

import polars as pl

from schemas.frame import DataFrame, Frame, Instant, StringList, field
from schemas.rejected import Doubtful, Rejected
from schemas.words import Health, SeenState


class Snapshot(Frame):
    """One world snapshot of the batch."""

    as_of: Instant = field(unique=True)
    """The moment that ages are judged at: now for a live run, the snapshot's own time for a backfill."""
    last_update_at: Instant = field(nullable=True)
    """`runtime-summary.json`'s `last_update`, where it is there and readable."""
    files_at: Instant
    """The newest time of the snapshot's files."""
    unreadable_timestamp_count: pl.UInt32
    """Doubtful times: null in the other frames, and all of them in `doubtful`."""
    refreshes: pl.Boolean = field(nullable=True)
    """`runtime-summary.json`'s word on whether its observer writes every record anew each time."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "snapshot"


class ActualNode(Frame):
    """One node of one snapshot's `nodes.json`; `(as_of, node)` is unique, which its reader ensures."""

    as_of: Instant
    node: str
    status: str = field(nullable=True)
    """Stripped and lower-cased; null where the record has none."""
    reason_class: str = field(nullable=True)
    """Why nobody may look at it, as its observer classes it."""
    last_seen_at: Instant = field(nullable=True)
    last_seen_state: Annotated[pl.Enum, SeenState]
    online_since_at: Instant = field(nullable=True)
    has_disk_pressure: bool
    has_memory_pressure: bool
    names_set_aside: StringList
    """Other names that came to this node, whose records were set aside."""
    key: str
    """The record's key in the file, as it is written."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "actual_node"


class ActualService(Frame):
    """One record of a service or container; `(as_of, node, service)` is unique, which its reader ensures."""

    as_of: Instant
    node: str
    service: str
    """Its normalised name: a service's own, or that of one of its containers."""
    status: str = field(nullable=True)
    """Stripped and lower-cased, what `docker ps` prints as the rules' word; a record without one is set aside."""
    last_seen_at: Instant = field(nullable=True)
    last_seen_state: Annotated[pl.Enum, SeenState]
    since_at: Instant = field(nullable=True)
    """Since when it has this status."""
    incident_id: str = field(nullable=True)
    """The incident that it is of."""
    key: str
    """The record's key in the file, as it is written."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "actual_service"


class ObservedService(Frame):
    """One service as its records show it together: each that the inventory asks for, and each that it does not."""

    as_of: Instant
    node: str
    service: str
    health: Annotated[pl.Enum, Health]
    """Of the worst of its containers."""
    status: str = field(nullable=True)
    """What the worst says; null where its record cannot be read, or is not there."""
    last_seen_at: Instant = field(nullable=True)
    """The newest of its records."""
    since_at: Instant = field(nullable=True)
    """The oldest of the worst; null where one of them has none."""
    healthy_count: pl.UInt32
    container_count: pl.UInt32
    containers: str = field(nullable=True)
    """How many of its containers are healthy and which are not, in words, where it is known by them."""
    problem: str = field(nullable=True)
    """Why its worst record cannot be read."""
    is_desired: bool
    """An inventory asks for it, monitored or not; else it is unexpected."""
    key: str = field(nullable=True)
    """The key of its worst record; null where that is not there."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "observed_service"


class WellService(Frame):
    """The services of one node of one snapshot that are plainly well, where these are counted and not told one by one."""

    as_of: Instant
    node: str
    count: pl.UInt32
    """Of each an inventory asks for it and monitors it, no window is its own, and its record has a healthy word."""
    fresh_count: pl.UInt32
    """Of these, the ones whose record has a time; no time is too old."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "well_service"
        unique: ClassVar[list[str] | None] = ["as_of", "node"]


class UnseenService(Frame):
    """One service of one snapshot that an inventory asks for, and that has no record of its own."""

    as_of: Instant
    node: str
    service: str

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "unseen_service"
        unique: ClassVar[list[str] | None] = ["as_of", "node", "service"]


class Deployment(Frame):
    """One deployment of one snapshot's `deployments.json`."""

    as_of: Instant
    node: str
    service: str
    status: str = field(nullable=True)
    begun_at: Instant = field(nullable=True)
    """The first readable of `started_at`, `completed_at`, `timestamp` and `updated_at`."""
    ended_at: Instant = field(nullable=True)
    """`completed_at`, where it is readable."""
    file_order: pl.UInt32
    """Its place in the file, which orders deployments without a readable time."""
    key: str
    """The correlation id."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "deployment"


class Incident(Frame):
    """One incident of one snapshot's `incidents.json`; service `all` where it is about the node."""

    as_of: Instant
    node: str
    service: str
    status: str = field(nullable=True)
    severity: str = field(nullable=True)
    trigger_type: str = field(nullable=True)
    started_at: Instant = field(nullable=True)
    last_activity_at: Instant = field(nullable=True)
    """The newest readable of `started_at`, `last_occurrence`, `timestamp` and `updated_at`."""
    resolved_at: Instant = field(nullable=True)
    occurrence_count: pl.Int64 = field(nullable=True)
    key: str
    """The incident id."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "incident"


class TakenName(Frame):
    """One name of a node, as the world writes it, that was taken for a known node which it is not just so."""

    as_of: Instant
    written: str
    """Escaped so that it is safe to print."""
    node: str

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "taken_name"


class Actual(NamedTuple):
    """A batch of world snapshots (a live run is a batch of one), and what of them could not be read."""

    snapshots: DataFrame[Snapshot]
    nodes: DataFrame[ActualNode]
    services: DataFrame[ActualService]
    deployments: DataFrame[Deployment]
    incidents: DataFrame[Incident]
    rejected: DataFrame[Rejected]
    doubtful: DataFrame[Doubtful]
    taken: DataFrame[TakenName]


class Observed(NamedTuple):
    """What a batch of snapshots shows of services, each by the name that the inventory knows it by."""

    services: DataFrame[ObservedService]
    well: DataFrame[WellService]
    """Those that are not among the services, since there is nothing more to be said of them."""
    unseen: DataFrame[UnseenService]
    """Those that are not told by their own name; they may be among the services all the same."""
    deployments: DataFrame[Deployment]
    """Those of containers are their service's."""
    incidents: DataFrame[Incident]
    """Likewise; those that records name are of one of these."""

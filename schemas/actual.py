"""The actual state: what one or more world snapshots show. `as_of` tells the snapshots of a batch apart."""

from typing import NamedTuple

import pandera.polars as pa
import polars as pl
from pandera.typing.polars import DataFrame

from schemas.frame import Frame, Instant
from schemas.rejected import Rejected


class Snapshot(Frame):
    """One world snapshot of the batch."""

    as_of: Instant = pa.Field(unique=True)
    """The moment that ages are judged at: now for a live run, the snapshot's own time for a backfill."""
    last_update_at: Instant = pa.Field(nullable=True)
    """`runtime-summary.json`'s `last_update`, where it is there and readable."""
    files_at: Instant
    """The newest time of the snapshot's files."""
    unreadable_timestamp_count: pl.UInt32
    """Timestamps that were there and could not be read; they are null in the other frames."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "snapshot"


class ActualNode(Frame):
    """One node of one snapshot's `nodes.json`; `(as_of, node)` is unique, which its reader ensures."""

    as_of: Instant
    node: str
    status: str = pa.Field(nullable=True)
    """Stripped and lower-cased."""
    last_seen_at: Instant = pa.Field(nullable=True)
    key: str
    """The record's key in the file, as it is written."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "actual_node"


class ActualService(Frame):
    """One service of one snapshot's `services.json`; `(as_of, node, service)` is unique, which its reader ensures."""

    as_of: Instant
    node: str
    service: str
    status: str = pa.Field(nullable=True)
    """Stripped and lower-cased."""
    last_seen_at: Instant = pa.Field(nullable=True)
    key: str
    """The record's key in the file, as it is written."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "actual_service"


class Deployment(Frame):
    """One deployment of one snapshot's `deployments.json`."""

    as_of: Instant
    node: str
    service: str
    status: str = pa.Field(nullable=True)
    begun_at: Instant = pa.Field(nullable=True)
    """The first readable of `started_at`, `completed_at`, `timestamp` and `updated_at`."""
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
    status: str = pa.Field(nullable=True)
    severity: str = pa.Field(nullable=True)
    trigger_type: str = pa.Field(nullable=True)
    started_at: Instant = pa.Field(nullable=True)
    key: str
    """The incident id."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "incident"


class Actual(NamedTuple):
    """A batch of world snapshots (a live run is a batch of one), and the records of them that were set aside."""

    snapshots: DataFrame[Snapshot]
    nodes: DataFrame[ActualNode]
    services: DataFrame[ActualService]
    deployments: DataFrame[Deployment]
    incidents: DataFrame[Incident]
    rejected: DataFrame[Rejected]

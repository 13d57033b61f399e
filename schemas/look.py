"""A raw look: what an engine, systemd and probes say of themselves, before anything is concluded (OBSERVER 2)."""

from typing import Annotated

import polars as pl

from schemas.frame import Frame, Instant, StringList, field
from schemas.look_words import AttributedBy


class SeenContainer(Frame):
    """One container of an engine at one look; moments are on the *node's* clock, as `seen_at` is."""

    node: str
    source: str
    """The engine's address, without anything secret."""
    container_id: str
    """Its first twelve characters."""
    name: str
    image_id: str = field(nullable=True)
    """What runs, not the tag that it was started by; twelve characters."""
    project: str = field(nullable=True)
    compose_service: str = field(nullable=True)
    number: str = field(nullable=True)
    """Which of its Compose service, or of its swarm's."""
    config_hash: str = field(nullable=True)
    declared_service: str = field(nullable=True)
    """The label `supervisor.service`."""
    declared_run: str = field(nullable=True)
    """The label `supervisor.run`."""
    swarm_service: str = field(nullable=True)
    awaited: StringList
    """The services of its project that it waits for until they have completed."""
    is_oneoff: bool
    is_ignored: bool
    """By the label `supervisor.ignore`, or made by a tool that looks after its own containers."""
    state: str
    health: str = field(nullable=True)
    exit_code: pl.Int64 = field(nullable=True)
    is_oom_killed: bool
    has_error: bool
    restart_count: pl.Int64
    start_count: pl.Int64
    """The starts seen within ten minutes."""
    health_budget_s: pl.Float64 = field(nullable=True)
    """How long its health check may say `starting`; null where it has none that is known."""
    created_at: Instant = field(nullable=True)
    started_at: Instant = field(nullable=True)
    finished_at: Instant = field(nullable=True)
    seen_at: Instant

    class Config(Frame.Config):
        """The frame's name in messages, and what makes a row one of its kind."""

        name = "seen_container"
        unique = ["node", "source", "container_id"]


class SeenUnit(Frame):
    """One systemd unit of a node at one look; moments are on the node's clock."""

    node: str
    source: str
    unit: str
    load_state: str
    active_state: str
    sub_state: str
    result: str
    type: str
    has_timer: bool
    """Whether a timer of the same name starts it."""
    is_condition_failed: bool
    """`ConditionResult=no` of a unit that has a condition."""
    exit_status: pl.Int64 = field(nullable=True)
    start_count: pl.Int64
    """How much NRestarts grew within ten minutes."""
    changed_at: Instant = field(nullable=True)
    triggered_at: Instant = field(nullable=True)
    """When its timer last started it."""
    seen_at: Instant

    class Config(Frame.Config):
        """The frame's name in messages, and what makes a row one of its kind."""

        name = "seen_unit"
        unique = ["node", "source", "unit"]


class SeenProbe(Frame):
    """One answer to a probe, from the observer's own host."""

    node: str
    source: str
    service: str
    address: str
    """Without user and password."""
    scheme: str
    is_ok: bool
    detail: str = field(nullable=True)
    """Why not, in our own words."""
    seen_at: Instant

    class Config(Frame.Config):
        """The frame's name in messages, and what makes a row one of its kind."""

        name = "seen_probe"
        unique = ["node", "service", "address"]


class AttributedContainer(SeenContainer):
    """A container with the service that it counts for; null where no name for one can be made."""

    service: str = field(nullable=True)
    attributed_by: Annotated[pl.Enum, AttributedBy]
    note: str = field(nullable=True)
    """What is doubtful about it, as a sentence."""

    class Config(Frame.Config):
        """The frame's name in messages, and what makes a row one of its kind."""

        name = "attributed_container"
        unique = ["node", "source", "container_id"]

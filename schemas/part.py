"""The parts of services: each container, unit and probe that counts, with the word for how it is."""

from typing import Annotated

import polars as pl

from schemas.frame import Frame, Instant, field
from schemas.look_words import PartKind, WordClass


class Part(Frame):
    """One container, unit or probe that counts for a service; of the containers of a slot only the newest does."""

    node: str
    service: str
    source: str
    kind: Annotated[pl.Enum, PartKind]
    slot: str
    """What stays the same when a container is replaced: project, service and number, else its name."""
    group: str
    """The Compose service, else the name: the replicas of one group stand in for each other."""
    name: str
    container_id: str = field(nullable=True)
    image_id: str = field(nullable=True)
    config_hash: str = field(nullable=True)
    state: str
    health: str = field(nullable=True)
    """Of running containers alone."""
    exit_code: pl.Int64 = field(nullable=True)
    """Of what does not run."""
    is_oom_killed: bool
    restart_count: pl.Int64
    started_at: Instant = field(nullable=True)
    """On the node's clock."""
    running_s: pl.Float64 = field(nullable=True)
    """How long it has been running."""
    word: str
    word_class: Annotated[pl.Enum, WordClass]
    note: str = field(nullable=True)

    class Config(Frame.Config):
        """The frame's name in messages, and what makes a row one of its kind."""

        name = "part"
        unique = ["node", "service", "source", "kind", "slot"]


class RolledUp(Frame):
    """One service as its parts show it, the worst of them first."""

    node: str
    service: str
    is_asked_for: bool
    is_monitored: bool
    status: str
    """What `services.json` says: a settling word is `starting`."""
    word: str
    word_class: Annotated[pl.Enum, WordClass]
    good_count: pl.Int64
    total_count: pl.Int64
    detail: str = field(nullable=True)

    class Config(Frame.Config):
        """The frame's name in messages, and what makes a row one of its kind."""

        name = "rolled_up"
        unique = ["node", "service"]

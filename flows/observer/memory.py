"""What the observer remembers from look to look and from process to process, as one value."""

from dataclasses import dataclass, field
from typing import Any

from schemas.observed import Deployment, Evidence, Incident, Node, Service, Starts

Services = dict[str, dict[str, Service]]
"""By node and name."""


Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Asked:
    """What the inventory asked of one node: the rows of `WantedService` and `Selector`."""

    wanted: Rows = field(default_factory=list)
    selectors: Rows = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Memory:
    """All of it; the four files of the world are written from it, and read back where it is lost."""

    generation: int = 0
    nodes: dict[str, Node] = field(default_factory=dict)
    services: Services = field(default_factory=dict)
    incidents: dict[str, Incident] = field(default_factory=dict)
    deployments: dict[str, Deployment] = field(default_factory=dict)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    """By `node/service`."""
    starts: dict[str, dict[str, Starts]] = field(default_factory=dict)
    """By `node|source`, then by the container's id or the unit's name."""
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By node: what its last look found doubtful."""
    asked: dict[str, Asked] = field(default_factory=dict)
    """By node: what the inventory asked for when it could be read last."""
    parts: dict[str, str] = field(default_factory=dict)
    """By node: the boots and the number of the last part that was taken."""
    container_ids: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By node: two nodes that share one reach one engine."""

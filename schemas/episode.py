"""Episodes: the life of a recommendation from its opening to its resolution, and what a run does to them.

Plain values of the standard library, so that what writes events imports neither polars nor pydantic; those of which a large
run has tens of thousands are tuples, which are made in a fraction of the time.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from schemas.words import ALL, Action, DriftKind, EventType, HeldBy, Resolution, Severity, Transition

REMEMBERED_OPENINGS = 20
"""How many of an episode's latest openings are kept."""


class Target(NamedTuple):
    """What a drift is about: `<node>/<service>`, `<node>/all` or `fleet/all`."""

    node: str
    service: str


def spell_target(target: Target) -> str:
    """Return `<node>/<service>`."""
    return f"{target.node}/{target.service}"


def node_target(node: str) -> Target:
    """Return the target that stands for a node."""
    return Target(node, ALL)


class Key(NamedTuple):
    """What tells episodes apart; their `<action>-<node>-<service>` can collide (`a-b`/`c` and `a`/`b-c`)."""

    node: str
    service: str
    action: Action


class Recommended(NamedTuple):
    """One recommendation of a run, with what its event says of it."""

    recommendation_id: str
    event_type: EventType
    action: Action
    severity: Severity
    node: str
    service: str
    reason: str
    causing_kinds: tuple[DriftKind, ...]
    unblocked_by: str | None = None
    drift_ids: tuple[str, ...] = ()
    root_causes: tuple[str, ...] = ()
    blast_radius: int = 0
    evidence: Mapping[str, object] | tuple[Mapping[str, object], ...] = ()
    """Where each fact comes from: values of JSON, and instants."""

    @property
    def key(self) -> Key:
        """The episode that it belongs to."""
        return Key(self.node, self.service, self.action)

    @property
    def target(self) -> Target:
        """What it is about."""
        return Target(self.node, self.service)


class Judged(NamedTuple):
    """What one live run concluded, as far as episodes depend on it."""

    as_of: datetime
    recommendations: tuple[Recommended, ...]
    drift: Mapping[Target, Mapping[DriftKind, HeldBy | None]]
    """Every target with drift: its kinds, and what holds each back."""
    monitored: frozenset[Target]
    """The services that are desired and monitored."""
    unmonitored: frozenset[Target]
    """The services that are desired and not monitored."""
    nodes: frozenset[str]
    """The nodes that are desired."""
    input_fingerprint: str
    rules_fingerprint: str
    unmonitored_nodes: frozenset[str] = frozenset()
    """The nodes that are known not to be: no file that cannot be read changes that."""
    unreadable_nodes: frozenset[str] = frozenset()
    """Nodes of which a file of services, or an entry without a name, could not be read: it may ask for more."""
    bad_entries: frozenset[Target] = frozenset()
    """The services whose entry could not be read."""
    unjudged_nodes: frozenset[str] = frozenset()
    """Nodes that are silent for a time that only their capabilities, which could not be read, would judge."""
    unread_dependencies: frozenset[Target] = frozenset()
    """The services whose `service.yaml` could not be read."""
    expired: frozenset[Target] = frozenset()
    """Targets whose failed deployment has left the window, while nothing was deployed since."""
    is_topology_readable: bool = True
    """False: a node that is not known may be desired all the same."""
    is_world_stale: bool = False


class Episode(NamedTuple):
    """One recommendation over time; a closed one is kept for its `seq` and its `openings`."""

    recommendation_id: str
    event_type: EventType
    action: Action
    severity: Severity
    node: str
    service: str
    causing_kinds: tuple[DriftKind, ...]
    is_open: bool
    opened_at: datetime
    last_event_at: datetime
    seq: int
    """Events of this key so far; never starts again, so that a gap shows a lost event."""
    openings: tuple[datetime, ...] = ()
    """The latest openings, the oldest first: what a rule about flapping counts."""
    root_causes: tuple[str, ...] | None = None
    """What it waits for in the end; null in what an earlier version wrote."""

    @property
    def key(self) -> Key:
        """What tells it from other episodes."""
        return Key(self.node, self.service, self.action)

    @property
    def target(self) -> Target:
        """What it is about."""
        return Target(self.node, self.service)


def open_episode(row: Recommended, openings: tuple[datetime, ...]) -> Episode:
    """Return the episode of a recommendation that opened at these moments, the oldest first; each was its one event then."""
    return Episode(
        recommendation_id=row.recommendation_id,
        event_type=row.event_type,
        action=row.action,
        severity=row.severity,
        node=row.node,
        service=row.service,
        causing_kinds=row.causing_kinds,
        is_open=True,
        opened_at=openings[-1],
        last_event_at=openings[-1],
        seq=len(openings),
        openings=openings,
    )


class Change(NamedTuple):
    """One event to write: what happened to an episode in a run."""

    event_id: str
    transition: Transition
    episode: Episode
    """As it is after the event."""
    before: Episode | None
    """As it was; null where the key had no open episode."""
    recommended: Recommended | None
    """Null for a resolution."""
    resolution: Resolution | None
    as_of: datetime
    input_fingerprint: str
    rules_fingerprint: str


class Transitions(NamedTuple):
    """What a run does to the episodes."""

    changes: tuple[Change, ...]
    episodes: dict[Key, Episode]
    """All of them after the run, the closed ones too."""
    suspended: frozenset[Key]
    """Open episodes about which this run concludes nothing."""

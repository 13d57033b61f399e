"""What the observer knows and remembers, as values: nodes, services, incidents and deployments (OBSERVER 2.4 to 2.8).

Moments are Unix seconds of the observer's own clock, as the files of the world have them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from operator import attrgetter

from schemas.episode import Target
from schemas.look_words import NodeStatus, ReasonClass, WordClass


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLook:
    """What one look at a node came to, without what it saw."""

    node: str
    ended_at: float
    took_ms: int = 0
    reason_class: ReasonClass | None = None
    """Why the node could not be looked at as a whole; None where it was."""
    reason: str = ""
    has_engine: bool = False
    """One of its engines answered, whatever else did not: the node is not silent."""
    unseen_sources: tuple[str, ...] = ()
    """The engines, or systemd, that did not answer."""
    sources: tuple[str, ...] = ()
    engine: Mapping[str, str] = field(default_factory=dict)
    """`kind`, `version` and `api` of its first engine."""
    clock_skew_s: float | None = None
    """The node's clock before (negative) or after ours."""
    is_partial: bool = False
    """Some containers could not be inspected."""
    disk_pressure: bool | None = None
    memory_pressure: bool | None = None
    """None where nothing measures it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node as it is known after its last look."""

    node: str
    status: NodeStatus
    last_seen: float | None = None
    """When the last good look ended."""
    online_since: float | None = None
    """When it came back; None where it was never away."""
    failures: int = 0
    failing_since: float | None = None
    look: NodeLook | None = None
    """The last look; None for a node that was not looked at yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One part of a service as `services.json` lists it."""

    id: str = ""
    name: str
    part: str
    state: str
    word: str
    is_bad: bool = False
    """What its word comes to where words of both kinds are spelt alike: `created`."""
    health: str | None = None
    exit_code: int | None = None
    oom: bool = False
    started_at: float | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """What runs in one slot of a service; None of the hash where there is none to compare."""

    id: str
    image: str | None = None
    config: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service as it is known after the last look that showed it."""

    node: str
    service: str
    status: str
    word: str
    word_class: WordClass
    is_asked_for: bool = False
    since: float
    last_seen: float
    good_count: int = 0
    total_count: int = 0
    stale_since: float | None = None
    """Since when what it runs on cannot be looked at."""
    images: tuple[str, ...] = ()
    restarts: int = 0
    detail: str | None = None
    containers: tuple[Container, ...] = ()
    sources: tuple[str, ...] = ()
    slots: Mapping[str, Slot] = field(default_factory=dict)
    is_settled: bool = False
    """All that is checked is healthy, and all else has been running for ten seconds or is done."""
    gone_looks: int = 0
    """The looks in a row that did not show it; from the second on it has no record any more."""


_MOMENTS = {"since", "last_seen", "is_settled"}
tell_sight = attrgetter(*(field.name for field in fields(Service) if field.name not in _MOMENTS))
"""Return what a sight of a service says: all but the moments, and what follows from them alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident; at most one of a target is active."""

    id: str
    node: str
    service: str
    status: str
    severity: str
    trigger_type: str
    started_at: float
    last_occurrence: float
    occurrence_count: int = 1
    resolved_at: float | None = None
    resolution: str | None = None
    detail: str | None = None
    word: str | None = None
    """The worst word since it opened, which the trigger is of; none in what earlier versions wrote."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """How often in a row, and since when, looks were good or bad."""

    is_bad: bool
    looks: int
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What one look says of a target: of a service that it showed, or of the node itself."""

    target: Target
    word: str
    word_class: WordClass
    trigger_type: str
    severity: str
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One deployment: seen by what changed, or told by a hook."""

    id: str
    node: str
    service: str
    status: str
    trigger: str
    """`observed` or `hook`."""
    started_at: float
    completed_at: float | None = None
    change: str | None = None
    """`image`, `config` or `recreate`; None where nothing changed that can be seen."""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    """The images that ran, and that run."""
    diagnostics: Mapping[str, str | int] | None = None
    slots: Mapping[str, Slot] = field(default_factory=dict)
    """What ran before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """What a hook says of a deployment: that it began, and how it ended."""

    id: str
    node: str
    service: str
    started_at: float
    ended_at: float | None = None
    exit_code: int | None = None
    step: str | None = None


@dataclass(frozen=True, slots=True)
class Starts:
    """The starts of a container or unit that were seen within the last ten minutes."""

    started_at: float | None
    count: int | None
    """What its engine counts: RestartCount, NRestarts; None where it has not told yet."""
    seen_at: tuple[float, ...] = ()
    """When each start was seen."""

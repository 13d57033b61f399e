"""What a run shows of all that deciding asks about, in plain values: of a fleet, only what is recommended or in the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from schemas.episode import Target
from schemas.numbers import Numbers
from schemas.words import Action, DriftKind, EventType, HeldBy, Severity

STOPPED = frozenset({DriftKind.MISSING_SERVICE, DriftKind.UNHEALTHY_SERVICE})
REPAIRABLE = STOPPED | {DriftKind.FAILED_DEPLOYMENT, DriftKind.NODE_PRESSURE}
"""Repair drift (ACTIONS 13.1): what a verb can cure."""
VEILING = frozenset({DriftKind.UNREADABLE_OBSERVATION, DriftKind.STALE_OBSERVATION, DriftKind.MISPLACED_SERVICE})
"""Drift under which nobody can tell how its target is."""
SEVERITY_RANK = {severity: rank for rank, severity in enumerate(Severity)}


class Finding(NamedTuple):
    """One drift of a target."""

    kind: DriftKind
    severity: Severity
    held_by: HeldBy | None = None
    is_disk: bool = True
    """Of `node_pressure`: that of the disk is among it."""

    @property
    def is_standing(self) -> bool:
        """Nothing holds it back."""
        return self.held_by is None

    @property
    def is_repairable(self) -> bool:
        """A verb can cure it: a failed deployment that is only told of, and the memory, none can."""
        if self.kind is DriftKind.FAILED_DEPLOYMENT:
            return self.severity is not Severity.INFO
        return self.kind in REPAIRABLE and (self.kind is not DriftKind.NODE_PRESSURE or self.is_disk)


class Advice(NamedTuple):
    """One recommendation."""

    recommendation_id: str
    event_type: EventType
    action: Action
    severity: Severity
    node: str
    service: str
    causing_kinds: tuple[DriftKind, ...]
    drift_ids: tuple[str, ...] = ()
    root_causes: tuple[str, ...] = ()
    blast_radius: int = 0
    consecutive_failures: int | None = None

    @property
    def target(self) -> Target:
        """What it is about."""
        return Target(self.node, self.service)


class Asked(NamedTuple):
    """What the inventory says of a target; of `<node>/all` only its hash."""

    is_monitored: bool = True
    desired_hash: str | None = None
    role: str | None = None
    exposure: str | None = None
    deployment_model: str | None = None


class Shown(NamedTuple):
    """What the world says of a target."""

    is_healthy: bool = True
    last_seen_at: datetime | None = None


class OpenEpisode(NamedTuple):
    """An open recommendation of a target."""

    action: Action
    opened_at: datetime


class NodeTraits(NamedTuple):
    """What the inventory says of a node that rules may ask for."""

    roles: tuple[str, ...] = ()
    connectivity: str | None = None


class Answered(NamedTuple):
    """Somebody answers for a target."""

    owner: str
    reason: str
    until: datetime


class Deployed(NamedTuple):
    """One deployment of a target."""

    begun_at: datetime
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What the inventory and the policy say of the targets that deciding asks about, whatever a run shows."""

    interest: frozenset[Target]
    """With the members of their groups."""
    odd: frozenset[str] = frozenset()
    """Nodes that are not readable or not monitored: nothing there is counted."""
    steady: frozenset[str] = frozenset()
    """Other nodes that are not intermittent."""
    nodes: Mapping[str, NodeTraits] = field(default_factory=dict)
    asked: Mapping[Target, Asked] = field(default_factory=dict)
    unjudged: frozenset[Target] = frozenset()
    chain: Mapping[Target, frozenset[Target]] = field(default_factory=dict)
    members: Mapping[str, frozenset[Target]] = field(default_factory=dict)
    shared_names: Mapping[Target, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What one run shows and the inventory asks for, whatever the ledger says.

    The mappings have the targets that are asked about: of candidates, of open problems and attempts, of what stands
    beside or behind them. A target that is missing in one of them has nothing of that.
    """

    is_world_stale: bool = False
    """`stale_world` stands."""
    is_observer_suspect: bool = False
    """`observer_suspect` stands."""
    offline: frozenset[str] = frozenset()
    """Nodes with `offline_node`, held back or not."""
    suspect: frozenset[str] = frozenset()
    """Nodes with `node_suspect`, held back or not."""
    disk_pressed: frozenset[str] = frozenset()
    """Nodes with standing `node_pressure` of the disk."""
    nodes: Mapping[str, NodeTraits] = field(default_factory=dict)
    """The desired nodes."""
    service_count: int = 0
    """N: monitored desired services on nodes that are readable, neither offline nor suspect."""
    unhealthy_count: int = 0
    """Of these, the missing and unhealthy ones that stand or that a suspect observer holds back."""
    node_count: int = 0
    """M: desired, readable nodes that are not intermittent."""
    down_count: int = 0
    """Of these, the offline and suspect ones, standing or held back by a suspect observer."""
    asked: Mapping[Target, Asked] = field(default_factory=dict)
    """The desired targets, monitored or not."""
    unjudged: frozenset[Target] = frozenset()
    """Targets of which a partial run says nothing."""
    findings: Mapping[Target, tuple[Finding, ...]] = field(default_factory=dict)
    shown: Mapping[Target, Shown] = field(default_factory=dict)
    healthy_on: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By service, the nodes where an instance that is desired is healthy."""
    chain: Mapping[Target, frozenset[Target]] = field(default_factory=dict)
    """What is asked about besides, and the target depends on or depends on it, directly or over others."""
    dependants: Mapping[Target, int] = field(default_factory=dict)
    """How many clean services depend on the target, directly or over others."""
    members: Mapping[str, frozenset[Target]] = field(default_factory=dict)
    """By group of the policy, its members."""
    deployments: Mapping[Target, tuple[Deployed, ...]] = field(default_factory=dict)
    """The oldest first."""
    resting: frozenset[Target] = frozenset()
    """All targets of which maintenance holds back drift."""
    incidents: frozenset[Target] = frozenset()
    """Targets with an open incident."""
    shared_names: Mapping[Target, str] = field(default_factory=dict)
    """Desired services whose `<node>-<service>` another one has too, with what tells them apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene(View):
    """One run, as deciding sees it."""

    as_of: datetime
    world_at: datetime
    is_conclusive: bool = True
    """It is completed or partial, and no `stale_world` stands."""
    advice: tuple[Advice, ...] = ()
    neighbours: Mapping[Target, frozenset[Target]] = field(default_factory=dict)
    """Services of its node (of a failover's `<to>/<service>`, of that node) that do not depend on it."""
    episodes: Mapping[Target, tuple[OpenEpisode, ...]] = field(default_factory=dict)
    flapping: Mapping[Target, datetime] = field(default_factory=dict)
    """Until when a target flaps."""
    answered: Mapping[Target, Answered] = field(default_factory=dict)
    longest_span: timedelta = timedelta(minutes=30)
    """A run speaks for the time after it this long."""

    def is_asked(self, target: Target) -> bool:
        """Return whether it is desired and monitored."""
        asked = self.asked.get(target)
        return asked is not None and asked.is_monitored

    def is_gone(self, target: Target) -> bool:
        """Return whether the run says that it is not desired, or not monitored."""
        return target not in self.unjudged and not self.is_asked(target)


def limit_of(share: Decimal, count: int, least: int) -> int:
    """Return how many of so many may be in trouble: their share, rounded down, but so many in any case."""
    return max(least, int(share * count))


def limit_collateral(scene: Scene, numbers: Numbers) -> int:
    """Return of how many clean dependants on a person is asked (guard 24)."""
    return min(numbers.collateral_max, limit_of(numbers.collateral_share, scene.service_count, numbers.collateral_min))


def is_stormy(scene: Scene, numbers: Numbers) -> bool:
    """Return whether too many services or nodes are in trouble at once (guard 7)."""
    services = limit_of(numbers.max_unhealthy_share, scene.service_count, numbers.max_unhealthy_min)
    nodes = limit_of(numbers.max_offline_share, scene.node_count, numbers.max_offline_min)
    return scene.unhealthy_count > services or scene.down_count > nodes


class Look(NamedTuple):
    """How a target is in a world (ACTIONS 13.1); neither is unclear."""

    is_clean: bool
    is_dirty: bool


CLEAN, DIRTY, UNCLEAR = Look(True, False), Look(False, True), Look(False, False)


def look_at(scene: Scene, target: Target, cures: frozenset[DriftKind] = REPAIRABLE) -> Look:
    """Return how a target is; `cures` narrows repair drift to what a verb cures."""
    if target in scene.unjudged or not scene.is_asked(target) or scene.is_world_stale or target.node in scene.offline:
        return UNCLEAR
    look = CLEAN
    for finding in scene.findings.get(target, ()):
        is_repairable = finding.kind in cures and finding.is_repairable
        if is_repairable and finding.is_standing:
            return DIRTY
        if is_repairable or finding.kind in VEILING:
            look = UNCLEAR
    return look


def is_harmed(scene: Scene, target: Target) -> bool:
    """Return whether a neighbour is dirty, or missing or unhealthy and held back by `node_suspect` (ACTIONS 16.1)."""
    findings = scene.findings.get(target, ())
    return look_at(scene, target).is_dirty or any(
        finding.kind in STOPPED and finding.held_by is HeldBy.NODE_SUSPECT for finding in findings
    )


def standing_severity(scene: Scene, target: Target) -> Severity | None:
    """Return the highest severity of the target's drift that nothing holds back; None without such drift."""
    levels = [finding.severity for finding in scene.findings.get(target, ()) if finding.is_standing]
    return max(levels, key=lambda level: SEVERITY_RANK[level], default=None)

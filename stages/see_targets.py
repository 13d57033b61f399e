"""The scene: what a run shows of the targets that deciding asks about, as plain values (ACTIONS 13.1)."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import polars as pl

from schemas.acknowledgement import Acknowledgement
from schemas.episode import Episode, Recommended, Target
from schemas.frame import frame_targets, only
from schemas.match import match_glob
from schemas.policy import Need, Policy
from schemas.rules import PastRules
from schemas.scene import Advice, Answered, Asked, Deployed, Finding, NodeTraits, OpenEpisode, Scene, Shown
from schemas.sight import Sight
from schemas.words import ALL, Action, DriftKind, Health, HeldBy, Severity

TOPOLOGY = "inventory/topology.yaml"
_KINDS = {word.value: word for word in DriftKind}
_SEVERITIES = {word.value: word for word in Severity}
_HOLDERS = {word.value: word for word in HeldBy}
_TARGET = ["node", "service"]
_DOWN = [DriftKind.OFFLINE_NODE, DriftKind.NODE_SUSPECT]
_STOPPED = [DriftKind.MISSING_SERVICE, DriftKind.UNHEALTHY_SERVICE]
_OF_NODES = [
    *_DOWN,
    DriftKind.STALE_WORLD,
    DriftKind.OBSERVER_SUSPECT,
    DriftKind.NODE_PRESSURE,
    DriftKind.UNRESOLVED_INCIDENT,
]
_NO_NEIGHBOURS: Mapping[Target, frozenset[Target]] = {}
_SHOWN = {None, HeldBy.OBSERVER_SUSPECT}
_MUDDY = [*_STOPPED, DriftKind.UNREADABLE_OBSERVATION, DriftKind.STALE_OBSERVATION, DriftKind.MISPLACED_SERVICE]


def see_targets(
    sight: Sight,
    recommended: Iterable[Recommended],
    episodes: Iterable[Episode],
    acknowledgements: Iterable[Acknowledgement],
    above: pl.DataFrame,
    below: pl.DataFrame,
    interest: Collection[Target],
    seen: Collection[Target],
    policy: Policy | None,
    past: PastRules,
    world_at: datetime,
    as_of: datetime,
    neighbours: Mapping[Target, frozenset[Target]] = _NO_NEIGHBOURS,
) -> Scene:
    """Return the scene of one run, which is not skipped or failed; of all mappings, what is of interest.

    `above` and `below` are the chains of the targets of interest, `seen` those whose records are asked for.
    `neighbours` are of the targets whose neighbours are wanted.
    """
    desk = _Desk(sight, {*interest, *_members(sight, policy, interest)})
    offline, suspect = desk.nodes_with(DriftKind.OFFLINE_NODE), desk.nodes_with(DriftKind.NODE_SUSPECT)
    is_world_stale = desk.stands(DriftKind.STALE_WORLD)
    return Scene(
        as_of=as_of,
        world_at=world_at,
        is_conclusive=not is_world_stale,
        is_world_stale=is_world_stale,
        is_observer_suspect=desk.stands(DriftKind.OBSERVER_SUSPECT),
        offline=offline,
        suspect=suspect,
        disk_pressed=desk.disk_pressed(),
        nodes=desk.traits(),
        **desk.counts(offline | suspect),
        advice=tuple(_advise(row) for row in recommended),
        asked=desk.asked(),
        unjudged=desk.unjudged(),
        findings=desk.findings(),
        shown=desk.shown(seen),
        healthy_on=desk.healthy_on(policy),
        chain=desk.chain(above, below),
        dependants=desk.dependants(below, offline),
        neighbours=neighbours,
        members=_group_members(sight, policy, interest),
        episodes=_open_episodes(episodes),
        flapping=_flapping(episodes, past, as_of),
        answered=_answered(acknowledgements, interest, as_of),
        deployments=desk.deployed(),
        resting=desk.resting(),
        incidents=desk.incidents(),
        shared_names=desk.shared_names(),
        longest_span=past.longest_span,
    )


class _Node(NamedTuple):
    """What of a desired node is asked for."""

    node: str
    is_monitored: bool
    is_readable: bool
    connectivity: str | None
    is_intermittent: bool
    has_readable_capabilities: bool
    desired_hash: str
    roles: list[str]


class _Desk:
    """The frames of the run, narrowed to what is of interest; each of them is gone through once."""

    def __init__(self, sight: Sight, interest: set[Target]) -> None:
        self.sight = sight
        self.interest = interest
        self.wanted = frame_targets(interest)
        named = sight.desired.services.join(self.wanted, on="service", how="semi")
        self.services = named.join(self.wanted, on=_TARGET, how="semi")
        self.nodes = tuple(_Node(*row) for row in sight.desired.nodes.select(_Node._fields).iter_rows())
        self.disks = frozenset(sight.nodes.filter("has_disk_pressure")["node"])
        told = pl.col("kind").is_in(_OF_NODES) | (pl.col("held_by") == HeldBy.MAINTENANCE)
        self.told = tuple(sight.drift.filter(told).select("kind", "held_by", *_TARGET).iter_rows())

    def stands(self, kind: DriftKind) -> bool:
        return any(row_kind == kind and held_by is None for row_kind, held_by, *_ in self.told)

    def nodes_with(self, *kinds: DriftKind) -> frozenset[str]:
        return frozenset(node for kind, _, node, _ in self.told if kind in kinds)

    def disk_pressed(self) -> frozenset[str]:
        pressed = (row for row in self.told if row[0] == DriftKind.NODE_PRESSURE and row[1] is None)
        return self.disks.intersection(node for _, _, node, _ in pressed)

    def traits(self) -> dict[str, NodeTraits]:
        return {row.node: NodeTraits(tuple(row.roles), row.connectivity) for row in self.nodes if row.is_monitored}

    def counts(self, down: frozenset[str]) -> dict[str, int]:
        """Return N, M and how many of them are in trouble, standing or held back by a suspect observer."""
        odd = {row.node for row in self.nodes if not (row.is_readable and row.is_monitored)}
        steady = {row.node for row in self.nodes if row.node not in odd and not row.is_intermittent}
        fallen = {node for kind, held_by, node, _ in self.told if kind in _DOWN and held_by in _SHOWN}
        is_up = ~pl.col("node").is_in(sorted({*odd, *down}))
        is_shown = pl.col("held_by").is_null() | (pl.col("held_by") == HeldBy.OBSERVER_SUSPECT)
        stopped = self.sight.drift.filter(pl.col("kind").is_in(_STOPPED) & is_shown & is_up)
        return {
            "service_count": self.sight.desired.services.filter(pl.col("is_monitored") & is_up).height,
            "unhealthy_count": stopped.n_unique(_TARGET) if stopped.height > 1 else stopped.height,
            "node_count": len(steady),
            "down_count": len(fallen & steady),
        }

    def asked(self) -> dict[Target, Asked]:
        unmonitored = {row.node for row in self.nodes if not row.is_monitored}
        # What cannot be read may say anything: its hash is not known.
        known = pl.when("has_readable_dependencies").then("desired_hash").alias("desired_hash")
        facts = (pl.col("is_monitored"), known, pl.col("role", "exposure", "deployment_model"))
        found = {
            Target(node, service): Asked(is_monitored and node not in unmonitored, *rest)
            for node, service, is_monitored, *rest in self.services.select(*_TARGET, *facts).iter_rows()
        }
        whole = (row for row in self.nodes if (row.node, ALL) in self.interest)
        return found | {
            Target(row.node, ALL): Asked(row.is_monitored, row.desired_hash if row.has_readable_capabilities else None)
            for row in whole
        }

    def unjudged(self) -> frozenset[Target]:
        """Return what a partial run says nothing of: bad entries, and what unreadable files may ask for."""
        desired = self.sight.desired
        if desired.unread.is_empty():
            return frozenset()
        faults = desired.unread.filter(~pl.col("is_warning") & pl.col("node").is_not_null())
        bad = frozenset(Target(*row) for row in faults.drop_nulls("service").select(_TARGET).iter_rows())
        unreadable = frozenset(row.node for row in self.nodes if not row.is_readable)
        known = frozenset(Target(*row) for row in self.services.select(_TARGET).iter_rows()) if unreadable else ()
        hidden = {t for t in self.interest if t.node in unreadable and t.service != ALL and t not in known}
        if TOPOLOGY in desired.unread.filter(~pl.col("is_warning"))["file"]:
            nodes = frozenset(row.node for row in self.nodes)
            hidden |= {target for target in self.interest if target.node not in nodes}
        return frozenset(self.interest & bad | hidden)

    def findings(self) -> dict[Target, tuple[Finding, ...]]:
        wanted = self.sight.drift.lazy().join(self.wanted.lazy(), on=_TARGET, how="semi")
        rows = wanted.select(*_TARGET, "kind", "severity", "held_by").collect()
        found: dict[Target, tuple[Finding, ...]] = {}
        for node, service, kind, severity, held_by in rows.iter_rows():
            finding, target = _find(kind, severity, held_by, node in self.disks), Target(node, service)
            found[target] = (*found[target], finding) if target in found else (finding,)
        return found

    def shown(self, seen: Collection[Target]) -> dict[Target, Shown]:
        if not seen:
            return {}
        wanted = frame_targets(seen)
        services = self.sight.observed.lazy().join(wanted.lazy(), on=_TARGET, how="semi")
        rows = services.select(*_TARGET, pl.col("health") == Health.HEALTHY, "last_seen_at").collect().iter_rows()
        found = {Target(node, service): Shown(healthy, seen) for node, service, healthy, seen in rows}
        nodes = self.sight.nodes.lazy().join(wanted.lazy().select("node").unique(), on="node", how="semi")
        return found | {
            Target(node, ALL): Shown(True, seen)
            for node, seen in nodes.select("node", "last_seen_at").collect().iter_rows()
        }

    def healthy_on(self, policy: Policy | None) -> dict[str, frozenset[str]]:
        """Return where the services of interest have a healthy instance that is asked for, where a rule asks for one."""
        if policy is None or not any(Need.OTHER_INSTANCE_HEALTHY in rule.needs for rule in policy.rules):
            return {}
        names = self.wanted.select("service").unique()
        healthy = self.sight.observed.filter((pl.col("health") == Health.HEALTHY) & pl.col("is_desired"))
        rows = healthy.join(names, on="service", how="semi").group_by("service").agg("node")
        return {service: frozenset(nodes) for service, nodes in rows.iter_rows()}

    def chain(self, above: pl.DataFrame, below: pl.DataFrame) -> dict[Target, frozenset[Target]]:
        """Return of each chain what is of interest itself: nothing else is ever acted on."""
        rows = only(pl.concat([above, below]), self.wanted, on=_TARGET)
        whole = rows.group_by("root_node", "root_service").agg("node", "service")
        return {
            Target(node, service): frozenset(map(Target, nodes, services))
            for node, service, nodes, services in whole.iter_rows()
        }

    def dependants(self, below: pl.DataFrame, offline: frozenset[str]) -> dict[Target, int]:
        """Return how many clean services depend on each target."""
        if below.is_empty():
            return {}
        is_repairable = pl.col("kind").is_in([*_MUDDY, DriftKind.FAILED_DEPLOYMENT])
        is_told = (pl.col("kind") == DriftKind.FAILED_DEPLOYMENT) & (pl.col("severity") == Severity.INFO)
        muddy = self.sight.drift.lazy().filter(is_repairable & ~is_told).select(_TARGET)
        unmonitored = self.sight.desired.services.lazy().filter(~pl.col("is_monitored")).select(_TARGET)
        clean = (
            below.lazy()
            .filter(~pl.col("node").is_in(sorted(offline)))
            .join(unmonitored, on=_TARGET, how="anti")
            .join(muddy, on=_TARGET, how="anti")
        )
        rows = clean.group_by("root_node", "root_service").len().collect()
        return {Target(node, service): count for node, service, count in rows.iter_rows()}

    def deployed(self) -> dict[Target, tuple[Deployed, ...]]:
        if self.sight.deployments.is_empty():
            return {}
        rows = self.sight.deployments.lazy().drop_nulls("begun_at").join(self.wanted.lazy(), on=_TARGET, how="semi")
        rows = rows.select(*_TARGET, "begun_at", "key").sort("begun_at", "key")
        found: dict[Target, tuple[Deployed, ...]] = {}
        for node, service, begun_at, key in rows.collect().iter_rows():
            found[Target(node, service)] = (*found.get(Target(node, service), ()), Deployed(begun_at, key))
        return found

    def resting(self) -> frozenset[Target]:
        return frozenset(
            Target(node, service) for _, held_by, node, service in self.told if held_by == HeldBy.MAINTENANCE
        )

    def incidents(self) -> frozenset[Target]:
        rows = (row for row in self.told if row[0] == DriftKind.UNRESOLVED_INCIDENT)
        return frozenset(Target(node, service) for _, _, node, service in rows)

    def shared_names(self) -> dict[Target, str]:
        """Return the desired services that share `<node>-<service>` with another one, each with its mark."""
        nodes = frozenset(row.node for row in self.nodes)
        if not any(_is_in_front(node, nodes) for node in nodes):
            return {}
        name = pl.concat_str("node", pl.lit("-"), "service").alias("name")
        asked = self.services.select(*_TARGET, name)
        others = self.sight.desired.services.select(*_TARGET, name).join(
            asked.select("name").unique(), on="name", how="semi"
        )
        shared = others.filter(pl.len().over("name") > 1)
        return {
            Target(node, service): hashlib.sha256(f"{node}/{service}".encode()).hexdigest()[:8]
            for node, service in shared.select(_TARGET).iter_rows()
        }


def _is_in_front(node: str, nodes: frozenset[str]) -> bool:
    """Return whether another node's name with a dash behind it is the beginning of this one's."""
    start = node.rpartition("-")[0]
    while start and start not in nodes:
        start = start.rpartition("-")[0]
    return bool(start)


@cache
def _find(kind: str, severity: str, held_by: str | None, is_disk: bool) -> Finding:
    """Return a finding: of a large fleet most are alike."""
    return Finding(_KINDS[kind], _SEVERITIES[severity], _HOLDERS.get(held_by or ""), is_disk=is_disk)


def _advise(row: Recommended) -> Advice:
    return Advice(
        row.recommendation_id,
        row.event_type,
        row.action,
        row.severity,
        row.node,
        row.service,
        row.causing_kinds,
        row.drift_ids,
        row.root_causes,
        row.blast_radius,
        _count_failures(row.evidence) if row.evidence else None,
    )


def _count_failures(evidence: Any) -> int | None:
    given = (evidence,) if isinstance(evidence, Mapping) else evidence
    counts = [fact.get("consecutive_failures") for fact in given]
    return max((count for count in counts if isinstance(count, int)), default=None)


def _groups(policy: Policy | None, interest: Collection[Target]) -> list[Any]:
    if policy is None:
        return []
    names = [f"{target.node}/{target.service}" for target in interest] if policy.groups else []
    return [group for group in policy.groups if any(match_glob(g, name) for g in group.targets for name in names)]


def _group_members(sight: Sight, policy: Policy | None, interest: Collection[Target]) -> dict[str, frozenset[Target]]:
    groups = _groups(policy, interest)
    if not groups:
        return {}
    rows = sight.desired.services.filter("is_monitored").select(_TARGET)
    targets = [Target(*row) for row in rows.iter_rows()]
    return {
        group.name: frozenset(
            target
            for target in targets
            if any(match_glob(glob, f"{target.node}/{target.service}") for glob in group.targets)
        )
        for group in groups
    }


def _members(sight: Sight, policy: Policy | None, interest: Collection[Target]) -> set[Target]:
    return {target for members in _group_members(sight, policy, interest).values() for target in members}


def _open_episodes(episodes: Iterable[Episode]) -> dict[Target, tuple[OpenEpisode, ...]]:
    found: dict[Target, tuple[OpenEpisode, ...]] = {}
    for episode in episodes:
        if episode.is_open:
            target = episode.target
            row = OpenEpisode(Action(episode.action), episode.opened_at)
            found[target] = tuple(sorted((*found[target], row))) if target in found else (row,)
    return found


def _flapping(episodes: Iterable[Episode], past: PastRules, as_of: datetime) -> dict[Target, datetime]:
    """Return until when targets flap: until too few of their openings are left in the window."""
    rows = [(episode.target, episode.openings, episode.is_open) for episode in episodes]
    open_targets = {target for target, _, is_open in rows if is_open}
    counts: dict[Target, int] = {}
    for target, moments, _ in rows:
        counts[target] = counts.get(target, 0) + len(moments)
    openings: dict[Target, set[datetime]] = {}
    for target, moments, _ in rows:
        if counts[target] >= past.flapping_openings - 1:
            openings.setdefault(target, set()).update(moments)
    found = {}
    for target, opened in openings.items():
        wanted = past.flapping_openings - (target not in open_targets)
        if not 1 <= wanted <= len(opened):
            continue
        recent = sorted((at for at in opened if as_of - past.flapping_window < at <= as_of), reverse=True)
        if len(recent) >= wanted:
            found[target] = recent[wanted - 1] + past.flapping_window
    return found


def _answered(
    acknowledgements: Iterable[Acknowledgement], interest: Collection[Target], as_of: datetime
) -> dict[Target, Answered]:
    """Return who answers for a target, by itself or by its node; of several, who does longest."""
    given: dict[Target, Answered] = {}
    for row in acknowledgements:
        known = given.get(row.target)
        if as_of < row.until and (known is None or known.until < row.until):
            given[row.target] = Answered(row.owner, row.reason, row.until)
    found = {}
    for target in interest if given else ():
        rows = [given[name] for name in (target, Target(target.node, ALL)) if name in given]
        if rows:
            found[target] = max(rows, key=lambda answered: answered.until)
    return found

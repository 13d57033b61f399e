"""Views: what runs show of the targets that deciding asks about, as plain values; of all runs of a batch at once."""

from collections.abc import Collection, Iterator
from datetime import datetime
from functools import cache
from typing import Any

import polars as pl

from schemas.episode import Target
from schemas.frame import frame_targets
from schemas.joins import only, without
from schemas.policy import Need, Policy
from schemas.scene import Declared, Deployed, Finding, Shown, View
from schemas.sight import Sight
from schemas.words import ALL, DriftKind, Health, HeldBy, Severity

_KINDS = {word.value: word for word in DriftKind}
_SEVERITIES = {word.value: word for word in Severity}
_HOLDERS = {word.value: word for word in HeldBy}
_TARGET = ["node", "service"]
_ROOT = ["root_node", "root_service"]
_DOWN = [DriftKind.OFFLINE_NODE, DriftKind.NODE_SUSPECT]
_STOPPED = [DriftKind.MISSING_SERVICE, DriftKind.UNHEALTHY_SERVICE]
_OF_NODES = [
    *_DOWN,
    DriftKind.STALE_WORLD,
    DriftKind.OBSERVER_SUSPECT,
    DriftKind.NODE_PRESSURE,
    DriftKind.UNRESOLVED_INCIDENT,
]
_SHOWN = {None, HeldBy.OBSERVER_SUSPECT}
_MUDDY = [*_STOPPED, DriftKind.UNREADABLE_OBSERVATION, DriftKind.STALE_OBSERVATION, DriftKind.MISPLACED_SERVICE]


def view_runs(
    sight: Sight,
    declared: Declared,
    below: pl.DataFrame,
    moments: Collection[datetime],
    seen: Collection[Target],
    policy: Policy | None,
) -> dict[datetime, View]:
    """Return what each run shows; of a single one, all that the frames say, whenever they say it.

    `below` are the chains of what depends on the targets of interest, `seen` those whose records are asked for.
    """
    desk = _Desk(sight, declared, moments)
    findings, shown, deployed = desk.findings(), desk.shown(seen), desk.deployed()
    healthy_on, dependants = desk.healthy_on(policy), desk.dependants(below)
    monitored, unhealthy = desk.count_monitored(), desk.count_unhealthy()
    return {
        moment: View(
            is_world_stale=desk.stands(moment, DriftKind.STALE_WORLD),
            is_observer_suspect=desk.stands(moment, DriftKind.OBSERVER_SUSPECT),
            offline=desk.nodes_with(moment, DriftKind.OFFLINE_NODE),
            suspect=desk.nodes_with(moment, DriftKind.NODE_SUSPECT),
            disk_pressed=desk.disk_pressed(moment),
            nodes=declared.nodes,
            service_count=monitored.get(moment, monitored[None]),
            unhealthy_count=unhealthy.get(moment, 0),
            node_count=len(declared.steady),
            down_count=len(desk.fallen(moment) & declared.steady),
            asked=declared.asked,
            unjudged=declared.unjudged,
            findings=findings.get(moment, {}),
            shown=shown.get(moment, {}),
            healthy_on=healthy_on.get(moment, {}),
            chain=declared.chain,
            dependants=dependants.get(moment, dependants[None]),
            members=declared.members,
            deployments=deployed.get(moment, {}),
            resting=desk.resting(moment),
            incidents=desk.incidents(moment),
            shared_names=declared.shared_names,
        )
        for moment in moments
    }


class _Desk:
    """The frames of the runs, narrowed to what is of interest; each of them is gone through once."""

    def __init__(self, sight: Sight, declared: Declared, moments: Collection[datetime]) -> None:
        self.sight = sight
        self.declared = declared
        self.alone = next(iter(moments)) if len(moments) == 1 else None
        self.wanted = frame_targets(declared.interest)
        self.disks = self._group(sight.nodes.filter("has_disk_pressure"), "node")
        told = pl.col("kind").is_in(_OF_NODES) | (pl.col("held_by") == HeldBy.MAINTENANCE)
        self.told = self._group(sight.drift.filter(told), "kind", "held_by", *_TARGET)

    def _rows(self, frame: pl.DataFrame, *columns: str | pl.Expr) -> Iterator[tuple[datetime, tuple[Any, ...]]]:
        """Yield the rows with the run that each is of."""
        if self.alone is not None:
            yield from ((self.alone, row) for row in frame.select(*columns).iter_rows())
        else:
            yield from ((as_of, tuple(row)) for as_of, *row in frame.select("as_of", *columns).iter_rows())

    def _group(self, frame: pl.DataFrame, *columns: str) -> dict[datetime, list[tuple[Any, ...]]]:
        found: dict[datetime, list[tuple[Any, ...]]] = {}
        for as_of, row in self._rows(frame, *columns):
            found.setdefault(as_of, []).append(row)
        return found

    def stands(self, moment: datetime, kind: DriftKind) -> bool:
        return any(row[0] == kind and row[1] is None for row in self.told.get(moment, ()))

    def nodes_with(self, moment: datetime, kind: DriftKind) -> frozenset[str]:
        return frozenset(row[2] for row in self.told.get(moment, ()) if row[0] == kind)

    def fallen(self, moment: datetime) -> frozenset[str]:
        """Return the nodes that are offline or suspect, standing or held back by a suspect observer."""
        return frozenset(row[2] for row in self.told.get(moment, ()) if row[0] in _DOWN and row[1] in _SHOWN)

    def disk_pressed(self, moment: datetime) -> frozenset[str]:
        full = {node for (node,) in self.disks.get(moment, ())}
        pressed = (row for row in self.told.get(moment, ()) if row[0] == DriftKind.NODE_PRESSURE and row[1] is None)
        return frozenset(full.intersection(node for _, _, node, _ in pressed))

    def resting(self, moment: datetime) -> frozenset[Target]:
        return frozenset(Target(*row[2:]) for row in self.told.get(moment, ()) if row[1] == HeldBy.MAINTENANCE)

    def incidents(self, moment: datetime) -> frozenset[Target]:
        rows = self.told.get(moment, ())
        return frozenset(Target(*row[2:]) for row in rows if row[0] == DriftKind.UNRESOLVED_INCIDENT)

    def count_monitored(self) -> dict[datetime | None, int]:
        """Return N of the runs in which a node is offline or suspect, and under None that of the others."""
        is_counted = pl.col("is_monitored") & ~pl.col("node").is_in(sorted(self.declared.odd))
        counted = self.sight.desired.services.filter(is_counted)
        down = {moment: {row[2] for row in rows if row[0] in _DOWN} for moment, rows in self.told.items()}
        beside = counted.filter(pl.col("node").is_in(sorted({node for nodes in down.values() for node in nodes})))
        by_node = dict(beside.group_by("node").len().iter_rows()) if beside.height else {}
        left = {moment: sum(by_node.get(node, 0) for node in nodes) for moment, nodes in down.items()}
        return {None: counted.height} | {moment: counted.height - count for moment, count in left.items()}

    def count_unhealthy(self) -> dict[datetime, int]:
        """Return how many of N are missing or unhealthy, standing or held back by a suspect observer."""
        drift = self.sight.drift
        is_shown = pl.col("held_by").is_null() | (pl.col("held_by") == HeldBy.OBSERVER_SUSPECT)
        is_counted = ~pl.col("node").is_in(sorted(self.declared.odd))
        stopped = drift.filter(pl.col("kind").is_in(_STOPPED) & is_shown & is_counted)
        up = without(stopped, drift.filter(pl.col("kind").is_in(_DOWN)), on=["as_of", "node"])
        counts = up.select("as_of", *_TARGET).unique().group_by("as_of").len() if up.height else up
        return {as_of: count for as_of, (count,) in self._rows(counts, "len")} if up.height else {}

    def findings(self) -> dict[datetime, dict[Target, tuple[Finding, ...]]]:
        disks = {as_of: {node for (node,) in rows} for as_of, rows in self.disks.items()}
        found: dict[datetime, dict[Target, tuple[Finding, ...]]] = {}
        wanted = self.sight.drift.join(self.wanted, on=_TARGET, how="semi")
        for as_of, (node, service, *told) in self._rows(wanted, *_TARGET, "kind", "severity", "held_by"):
            finding, target = _find(*told, is_disk=node in disks.get(as_of, ())), Target(node, service)
            rows = found.setdefault(as_of, {})
            rows[target] = (*rows[target], finding) if target in rows else (finding,)
        return found

    def shown(self, seen: Collection[Target]) -> dict[datetime, dict[Target, Shown]]:
        found: dict[datetime, dict[Target, Shown]] = {}
        if not seen:
            return found
        wanted = frame_targets(seen)
        services = self.sight.observed.join(wanted, on=_TARGET, how="semi")
        healthy = pl.col("health") == Health.HEALTHY
        for as_of, (node, service, is_healthy, at) in self._rows(services, *_TARGET, healthy, "last_seen_at"):
            found.setdefault(as_of, {})[Target(node, service)] = Shown(is_healthy, at)
        nodes = self.sight.nodes.join(wanted, on="node", how="semi")
        for as_of, (node, at) in self._rows(nodes, "node", "last_seen_at"):
            found.setdefault(as_of, {})[Target(node, ALL)] = Shown(True, at)
        return found

    def healthy_on(self, policy: Policy | None) -> dict[datetime, dict[str, frozenset[str]]]:
        """Return where the services of interest have a healthy instance that is asked for, where a rule asks for one."""
        found: dict[datetime, dict[str, frozenset[str]]] = {}
        if policy is None or not any(Need.OTHER_INSTANCE_HEALTHY in rule.needs for rule in policy.rules):
            return found
        healthy = self.sight.observed.filter((pl.col("health") == Health.HEALTHY) & pl.col("is_desired"))
        rows = healthy.join(self.wanted, on="service", how="semi").group_by("as_of", "service").agg("node")
        for as_of, (service, nodes) in self._rows(rows, "service", "node"):
            found.setdefault(as_of, {})[service] = frozenset(nodes)
        return found

    def dependants(self, below: pl.DataFrame) -> dict[datetime | None, dict[Target, int]]:
        """Return how many clean services depend on each target: in the runs in which some are not, and under None in others."""
        if below.is_empty():
            return {None: {}}
        services, drift = self.sight.desired.services, self.sight.drift
        monitored = without(below, services.filter(~pl.col("is_monitored")), on=_TARGET)
        whole = {Target(*row[:2]): row[2] for row in monitored.group_by(_ROOT).len().iter_rows()}
        found: dict[datetime | None, dict[Target, int]] = {None: whole}
        is_repairable = pl.col("kind").is_in([*_MUDDY, DriftKind.FAILED_DEPLOYMENT])
        is_told = (pl.col("kind") == DriftKind.FAILED_DEPLOYMENT) & (pl.col("severity") == Severity.INFO)
        muddy = drift.filter(is_repairable & ~is_told).select("as_of", *_TARGET)
        offline = drift.filter(pl.col("kind") == DriftKind.OFFLINE_NODE).select("as_of", "node")
        unclean = pl.concat([monitored.join(muddy, on=_TARGET), monitored.join(offline, on="node")])
        counts = unclean.unique().group_by("as_of", *_ROOT).len()
        for as_of, (node, service, count) in self._rows(counts, *_ROOT, "len"):
            found.setdefault(as_of, {**whole})[Target(node, service)] -= count
        return {moment: {target: n for target, n in row.items() if n} for moment, row in found.items()}

    def deployed(self) -> dict[datetime, dict[Target, tuple[Deployed, ...]]]:
        found: dict[datetime, dict[Target, tuple[Deployed, ...]]] = {}
        begun = self.sight.deployments.drop_nulls("begun_at")
        rows = only(begun, self.wanted, on=_TARGET).sort("begun_at", "key")
        for as_of, (node, service, begun_at, key) in self._rows(rows, *_TARGET, "begun_at", "key"):
            of_run, target = found.setdefault(as_of, {}), Target(node, service)
            of_run[target] = (*of_run.get(target, ()), Deployed(begun_at, key))
        return found


@cache
def _find(kind: str, severity: str, held_by: str | None, *, is_disk: bool) -> Finding:
    """Return a finding: of a large fleet most are alike."""
    return Finding(_KINDS[kind], _SEVERITIES[severity], _HOLDERS.get(held_by or ""), is_disk=is_disk)

"""What a run knows of the world (ACTIONS 11, 13.1, 13.3), from the plain script of the first half."""

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from benchmarks.peers.plain import look
from tests.policy_oracle.words import BROKEN, CURES

Target = tuple[str, str]
HIDDEN = {"unreadable_observation", "stale_observation", "misplaced_service"}


def canonical_hash(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON (14.1)."""
    text = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Facts:
    """One world, looked at."""

    as_of: datetime
    world_at: datetime
    services: dict[Target, dict[str, Any]]
    """Each desired service's entry."""
    monitored: set[Target]
    nodes: dict[str, dict[str, Any]]
    """Of each desired node its topology entry, and `capabilities.yaml`."""
    drift: dict[Target, list[Any]]
    recommendations: list[dict[str, Any]]
    node_seen: dict[str, datetime | None]
    service_seen: dict[Target, datetime | None]
    healthy: set[Target]
    deployments: dict[Target, list[datetime]]
    above: dict[Target, set[Target]] = field(default_factory=dict)
    """All that a service depends on, transitively."""
    below: dict[Target, set[Target]] = field(default_factory=dict)
    hashes: dict[Target, str] = field(default_factory=dict)

    def has(self, target: Target, *kinds: str) -> bool:
        """Return whether a target has such drift, held back or not."""
        return any(row.kind in kinds for row in self.drift[target])

    def stands(self, target: Target, *kinds: str) -> bool:
        return any(row.kind in kinds and row.held_by is None for row in self.drift[target])

    def is_offline(self, node: str) -> bool:
        return self.has((node, "all"), "offline_node")

    def is_suspect(self, node: str) -> bool:
        return self.has((node, "all"), "node_suspect")

    @property
    def is_conclusive(self) -> bool:
        return not self.stands(("fleet", "all"), "stale_world")

    def is_desired(self, target: Target) -> bool:
        return target[0] in self.nodes if target[1] == "all" else target in self.monitored

    def repair_rows(self, target: Target, verb: str | None) -> list[Any]:
        """Return the repair drift of a target, for the verification of a verb only what that cures."""
        kinds = {"node_pressure"} if target[1] == "all" else BROKEN | {"failed_deployment"}
        if verb and CURES[verb]:
            kinds &= CURES[verb]
        return [row for row in self.drift[target] if row.kind in kinds and is_repair(row)]

    def state(self, target: Target, verb: str | None = None, to: str | None = None) -> str:
        """Return `clean`, `dirty` or `unclear` (13.1)."""
        if to is not None:
            return "clean" if (to, target[1]) in self.healthy else "dirty"
        if not self.is_desired(target) or not self.is_conclusive or self.is_offline(target[0]):
            return "unclear"
        rows = self.repair_rows(target, verb)
        if any(row.held_by is None for row in rows):
            return "dirty"
        return "unclear" if rows or self.has(target, *HIDDEN) else "clean"

    def judged_services(self) -> list[Target]:
        """Return N: the monitored services on nodes that are neither offline nor suspect."""
        return [row for row in self.monitored if not self.is_offline(row[0]) and not self.is_suspect(row[0])]

    def steady_nodes(self) -> list[str]:
        """Return M: the nodes that are not intermittent."""
        return [name for name, node in self.nodes.items() if node["connectivity"] != "intermittent"]

    def counts(self, rows: Target, kinds: set[str]) -> bool:
        """Return whether drift of these kinds stands, or is held by a suspect observer."""
        return any(row.kind in kinds and row.held_by in {None, "observer_suspect"} for row in self.drift[rows])

    def neighbours(self, target: Target, to: str | None) -> list[Target]:
        node = to or target[0]
        return [row for row in self.monitored if row[0] == node and row != target and row not in self.below[target]]


def is_repair(row: Any) -> bool:
    if row.kind == "node_pressure":
        return "disk" in row.facts["pressed"]
    return bool(row.kind != "failed_deployment" or row.severity != "info")


def limit(share: str, minimum: int, of: int) -> int:
    """Return max(min, ⌊share·of⌋), exactly."""
    return max(minimum, int(Decimal(str(share)) * of))


def read_facts(folder: Path, as_of: datetime) -> Facts:
    """Return what a folder with an inventory and `world/` shows."""
    found = look(folder, folder / "world", as_of)
    case, desired, actual = found.case, found.case.desired, found.case.actual
    drift: dict[Target, list[Any]] = defaultdict(list)
    for row in found.drift:
        drift[row.target].append(row)
    entries = {name: load(folder / f"hosts/{name}/services.yaml").get("services") or {} for name in desired.nodes}
    facts = Facts(
        as_of=as_of,
        world_at=actual.world_at,
        services={target: entries[target[0]].get(target[1]) or {} for target in desired.services},
        monitored={target for target, _ in case.monitored()},
        nodes={name: describe_node(folder, name) for name in desired.nodes},
        drift=drift,
        recommendations=found.recommendations,
        node_seen={name: record.seen.at for name, record in actual.nodes.items()},
        service_seen={target: seen.seen_at for target, seen in actual.observations.items()},
        healthy={t for t, record in actual.services.items() if record.status in case.rules["healthy_words"]},
        deployments={t: [row["begun_at"] for row in rows if row["begun_at"]] for t, rows in actual.deployments.items()},
    )
    trace(facts, desired.services)
    for target, entry in facts.services.items():
        facts.hashes[target] = canonical_hash([entry, load(folder / f"services/{target[1]}/service.yaml") or None])
    for name in facts.nodes:
        facts.hashes[name, "all"] = canonical_hash(node_files(folder, name))
    return facts


def load(path: Path) -> dict[str, Any]:
    return (yaml.safe_load(path.read_text()) or {}) if path.exists() else {}


def topology(folder: Path, name: str) -> Any:
    return (load(folder / "inventory/topology.yaml").get("nodes") or {}).get(name)


def node_files(folder: Path, name: str) -> list[Any]:
    host = folder / "hosts" / name
    return [topology(folder, name), load(host / "capabilities.yaml") or None, load(host / "node.yaml") or None]


def describe_node(folder: Path, name: str) -> dict[str, Any]:
    able = load(folder / "hosts" / name / "capabilities.yaml")
    connectivity = able.get("operational", {}).get("connectivity")
    return {"roles": (topology(folder, name) or {}).get("roles") or [], "connectivity": connectivity}


def trace(facts: Facts, services: dict[Target, Any]) -> None:
    """Find what each service depends on and what depends on it, transitively."""
    near: dict[Target, set[Target]] = {}
    for target, service in services.items():
        near[target] = set()
        for need in service.needs:
            instances = [other for other in services if other[1] == need.name]
            local = [other for other in instances if other[0] == target[0]]
            is_local = need.scope == "local" or (need.scope == "anywhere" and local)
            near[target] |= set(local if is_local else instances)
    facts.above = defaultdict(set, {target: reach(target, near) for target in near})
    facts.below = defaultdict(set, {t: {other for other in near if t in facts.above[other]} for t in near})


def reach(target: Target, near: dict[Target, set[Target]]) -> set[Target]:
    found: set[Target] = set()
    left = list(near[target])
    while left:
        other = left.pop()
        if other not in found and other != target:
            found.add(other)
            left += near[other]
    return found

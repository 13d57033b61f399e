"""Declared: what the inventory and the policy say of the targets that deciding asks about, as plain values."""

import hashlib
from collections.abc import Collection
from typing import Any, NamedTuple

import polars as pl

from schemas.desired import Desired
from schemas.episode import Target, spell_target
from schemas.frame import frame_targets
from schemas.joins import only
from schemas.match import match_glob
from schemas.policy import Policy
from schemas.rejected import is_fault, is_fault_of_node
from schemas.scene import Asked, Declared, NodeTraits
from schemas.words import ALL

TOPOLOGY = "inventory/topology.yaml"
_TARGET = ["node", "service"]


def declare_targets(
    desired: Desired, above: pl.DataFrame, below: pl.DataFrame, interest: Collection[Target], policy: Policy | None
) -> Declared:
    """Return what is said of what is of interest; `above` and `below` are the chains of the targets of interest."""
    members = _group_members(desired, policy, interest)
    desk = _Desk(desired, frozenset((*interest, *(target for row in members.values() for target in row))))
    odd = frozenset(row.node for row in desk.nodes if not (row.is_readable and row.is_monitored))
    return Declared(
        interest=desk.interest,
        odd=odd,
        steady=frozenset(row.node for row in desk.nodes if row.node not in odd and not row.is_intermittent),
        nodes=desk.traits(),
        asked=desk.asked(),
        unjudged=desk.unjudged(),
        chain=desk.chain(above, below),
        members=members,
        shared_names=desk.shared_names(),
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
    """The inventory, narrowed to what is of interest."""

    def __init__(self, desired: Desired, interest: frozenset[Target]) -> None:
        self.desired = desired
        self.interest = interest
        self.wanted = frame_targets(interest)
        named = desired.services.join(self.wanted, on="service", how="semi")
        self.services = named.join(self.wanted, on=_TARGET, how="semi")
        self.nodes = tuple(_Node(*row) for row in desired.nodes.select(_Node._fields).iter_rows())

    def traits(self) -> dict[str, NodeTraits]:
        return {row.node: NodeTraits(tuple(row.roles), row.connectivity) for row in self.nodes if row.is_monitored}

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
        if self.desired.unread.is_empty():
            return frozenset()
        faults = self.desired.unread.filter(is_fault_of_node())
        bad = frozenset(Target(*row) for row in faults.drop_nulls("service").select(_TARGET).iter_rows())
        unreadable = frozenset(row.node for row in self.nodes if not row.is_readable)
        known = frozenset(Target(*row) for row in self.services.select(_TARGET).iter_rows()) if unreadable else ()
        hidden = {t for t in self.interest if t.node in unreadable and t.service != ALL and t not in known}
        if TOPOLOGY in self.desired.unread.filter(is_fault())["file"]:
            nodes = frozenset(row.node for row in self.nodes)
            hidden |= {target for target in self.interest if target.node not in nodes}
        return frozenset(self.interest & bad | hidden)

    def chain(self, above: pl.DataFrame, below: pl.DataFrame) -> dict[Target, frozenset[Target]]:
        """Return of each chain what is of interest itself: nothing else is ever acted on."""
        rows = only(pl.concat([above, below]), self.wanted, on=_TARGET)
        whole = rows.group_by("root_node", "root_service").agg("node", "service")
        return {
            Target(node, service): frozenset(map(Target, nodes, services))
            for node, service, nodes, services in whole.iter_rows()
        }

    def shared_names(self) -> dict[Target, str]:
        """Return the desired services that share `<node>-<service>` with another one, each with its mark."""
        nodes = frozenset(row.node for row in self.nodes)
        if not any(_is_in_front(node, nodes) for node in nodes):
            return {}
        name = pl.concat_str("node", pl.lit("-"), "service").alias("name")
        asked = self.services.select(*_TARGET, name)
        others = self.desired.services.select(*_TARGET, name).join(asked.select("name").unique(), on="name", how="semi")
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


def _groups(policy: Policy | None, interest: Collection[Target]) -> list[Any]:
    if policy is None:
        return []
    names = [spell_target(target) for target in interest] if policy.groups else []
    return [group for group in policy.groups if any(match_glob(g, name) for g in group.targets for name in names)]


def _group_members(
    desired: Desired, policy: Policy | None, interest: Collection[Target]
) -> dict[str, frozenset[Target]]:
    groups = _groups(policy, interest)
    if not groups:
        return {}
    rows = desired.services.filter("is_monitored").select(_TARGET)
    targets = [Target(*row) for row in rows.iter_rows()]
    return {
        group.name: frozenset(
            target for target in targets if any(match_glob(glob, spell_target(target)) for glob in group.targets)
        )
        for group in groups
    }

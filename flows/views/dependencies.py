"""A target's dependencies as a tree, down to what is broken in the end."""

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from schemas.drift import UNAVAILABLE
from schemas.episode import Target
from schemas.link import Links
from schemas.words import ALL, DependencyScope, DriftKind

DEEPEST = 20


@dataclass(frozen=True)
class Branch:
    """One instance of a dependency: what is wrong with it, and its own dependencies where it is unavailable."""

    target: Target
    problem: str | None
    """Null where it is available, as far as is known."""
    branches: list["Branch"] = field(default_factory=list)
    note: str = ""


def grow_tree(aim: Target, links: Links, drift: pl.DataFrame) -> list[Branch]:
    """Return the instances that can meet the target's dependencies; those of a cycle are not followed.

    Each target is followed where it comes first: the paths of a graph can be more than anybody could read.
    """
    broken = drift.filter(pl.col("kind").is_in(UNAVAILABLE)).select("node", "service", "kind")
    problems = {Target(node, service): str(kind) for node, service, kind in broken.iter_rows()}
    offline = set(drift.filter(pl.col("kind") == DriftKind.OFFLINE_NODE)["node"])
    return _grow(aim, links, problems, offline, {aim}, 1)


def _grow(
    aim: Target, links: Links, problems: dict[Target, str], offline: set[str], seen: set[Target], depth: int
) -> list[Branch]:
    if depth > DEEPEST or aim.service == ALL:
        return []
    branches = []
    for at, note in _list_instances(aim, links):
        if note:
            branches.append(Branch(at, None, note=note))
            continue
        problem = f"{at.node} is offline" if at.node in offline else problems.get(at)
        is_known = at in seen
        seen.add(at)
        follow = problem and at.node not in offline and not is_known
        below = _grow(at, links, problems, offline, seen, depth + 1) if follow else []
        branches.append(Branch(at, problem, below, note="as above" if problem and is_known else ""))
    return branches


def _list_instances(aim: Target, links: Links) -> list[tuple[Target, str]]:
    """Return what can meet the target's dependencies, and why some of it does not count."""
    needed = links.links.filter((pl.col("node") == aim.node) & (pl.col("service") == aim.service))
    is_local = pl.col("scope") == DependencyScope.LOCAL
    there = links.instances.rename({"node": "dependency_node", "service": "dependency"})
    found = pl.concat(
        [
            needed.filter(is_local)
            .with_columns(dependency_node="node")
            .join(there, on=["dependency_node", "dependency"]),
            needed.filter(~is_local)
            .join(there, on="dependency")
            .select(*needed.columns, "dependency_node", "is_monitored", "is_job", "is_open"),
        ],
        how="diagonal",
    )
    cycles = {Target(node, service): cycle for node, service, cycle in links.cycles.iter_rows()}
    own = cycles.get(aim)
    notes = {}
    for row in found.sort("dependency", "dependency_node").iter_rows(named=True):
        at = Target(row["dependency_node"], row["dependency"])
        notes[at] = _note(row, is_cyclic=own is not None and cycles.get(at) == own)
    return list(notes.items())


def _note(row: dict[str, Any], *, is_cyclic: bool) -> str:
    if not row["is_monitored"]:
        return "not monitored, taken for available"
    if row["is_job"] and not row["is_completion"]:
        return "a job: nobody waits for it who does not say so"
    return "a cycle: does not block" if is_cyclic else ""

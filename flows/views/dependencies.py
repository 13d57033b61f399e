"""A target's dependencies as a tree, down to what is broken in the end."""

from dataclasses import dataclass, field

import polars as pl

from schemas.episode import Target
from schemas.words import ALL, DriftKind

DEEPEST = 20
UNAVAILABLE = [DriftKind.MISSING_SERVICE, DriftKind.UNHEALTHY_SERVICE]


@dataclass(frozen=True)
class Branch:
    """One instance of a dependency: what is wrong with it, and its own dependencies where it is unavailable."""

    target: Target
    problem: str | None
    """Null where it is available, as far as is known."""
    branches: list["Branch"] = field(default_factory=list)
    note: str = ""


def grow_tree(aim: Target, links: pl.DataFrame, drift: pl.DataFrame) -> list[Branch]:
    """Return the instances that can meet the target's dependencies; those of a cycle are not followed.

    Each target is followed where it comes first: the paths of a graph can be more than anybody could read.
    """
    broken = drift.filter(pl.col("kind").is_in(UNAVAILABLE)).select("node", "service", "kind")
    problems = {Target(node, service): str(kind) for node, service, kind in broken.iter_rows()}
    offline = set(drift.filter(pl.col("kind") == DriftKind.OFFLINE_NODE)["node"])
    return _grow(aim, links, problems, offline, {aim}, 1)


def _grow(
    aim: Target, links: pl.DataFrame, problems: dict[Target, str], offline: set[str], seen: set[Target], depth: int
) -> list[Branch]:
    if depth > DEEPEST or aim.service == ALL:
        return []
    needed = links.filter((pl.col("node") == aim.node) & (pl.col("service") == aim.service))
    instances = needed.select("dependency_node", "dependency", "is_monitored", "is_cyclic").unique(maintain_order=True)
    branches = []
    for node, service, is_monitored, is_cyclic in instances.iter_rows():
        at = Target(node, service)
        if not is_monitored or is_cyclic:
            note = "not monitored, taken for available" if not is_monitored else "a cycle: does not block"
            branches.append(Branch(at, None, note=note))
            continue
        problem = f"{node} is offline" if node in offline else problems.get(at)
        is_known = at in seen
        seen.add(at)
        follow = problem and node not in offline and not is_known
        below = _grow(at, links, problems, offline, seen, depth + 1) if follow else []
        branches.append(Branch(at, problem, below, note="as above" if problem and is_known else ""))
    return branches

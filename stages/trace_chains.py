"""Chains: what the targets that are asked about depend on, and what depends on them, directly or over others."""

from collections.abc import Callable, Collection
from typing import NamedTuple

import polars as pl

from schemas.desired import Dependency, DesiredService
from schemas.episode import Target
from schemas.frame import DataFrame, frame_targets
from schemas.joins import only
from schemas.words import DependencyScope

MOST = 1000
"""A name with more dependants, or more instances, is not followed through each of them: it stands for all."""
ROUNDS = 64
ANY = "*"
"""Stands for the node: every instance of a name."""
_KEY = ["root_node", "root_service", "node", "service"]
_TARGET = ["node", "service"]
_ROOT = ["root_node", "root_service"]


class Chains(NamedTuple):
    """Of each target asked about."""

    above: pl.DataFrame
    """What it depends on: a row each of `root_node`, `root_service`, `node`, `service`; node `*` for all of a name."""
    below: pl.DataFrame
    """What depends on it; for a name that more than a thousand need, the first thousand of them."""


def trace_chains(
    services: DataFrame[DesiredService], dependencies: DataFrame[Dependency], targets: Collection[Target]
) -> Chains:
    """Return what each of the targets depends on, and what depends on it.

    A local dependency is looked for on the same node, an external one on every node, and one that says neither on the
    same node first (CONTRACT 1.1). An external dependency leads to every instance of its name.
    """
    given = frame_targets(targets)
    roots = given.select(root_node="node", root_service="service", node="node", service="service")
    if dependencies.is_empty() or roots.is_empty():
        return Chains(roots.clear(), roots.clear())
    there, wanted = services.select(_TARGET), dependencies.select(*_TARGET, "dependency", "scope")
    above = _close(roots, lambda rows: _climb(rows, there, wanted))
    below = _close(roots, lambda rows: _descend(rows, there, wanted))
    return Chains(above, below)


def _close(roots: pl.DataFrame, step: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
    """Return all that is reached from the roots by one step after the other, the roots themselves left out."""
    known = [roots]
    for _ in range(ROUNDS):
        reached = step(known[-1])
        fresh = reached.unique().join(pl.concat(known), on=_KEY, how="anti") if reached.height else reached
        if fresh.is_empty():
            break
        known.append(fresh)
    return pl.concat([roots.clear(), *known[1:]])


def _climb(rows: pl.DataFrame, there: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    """Return what the rows depend on: of a fleet's dependencies, theirs alone are looked at."""
    named = wanted.join(rows, on="service", how="semi")
    if named.is_empty():
        return rows.clear()
    own, shared = named.join(rows, on=_TARGET, how="semi"), named.filter(pl.col("node").is_null())
    nearby, far = _declare(own, shared, there)
    local = rows.join(nearby, on=_TARGET).select(*_ROOT, "node", service="dependency")
    if far.is_empty():
        return local.select(_KEY)
    names = rows.join(far, on=_TARGET).select(*_ROOT, service="dependency").unique()
    instances = there.join(names, on="service", how="semi")
    spread = instances.group_by("service").len().filter(pl.col("len") > MOST)
    marks = names.select(*_ROOT, pl.lit(ANY).alias("node"), "service")
    few = names.join(spread, on="service", how="anti").join(instances, on="service").select(_KEY)
    return pl.concat([local.select(_KEY), marks.select(_KEY), few])


def _descend(rows: pl.DataFrame, there: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    """Return what depends on the rows: of a fleet's dependencies, those of their names are looked at."""
    names = rows.select(*_ROOT, dependency="service").unique()
    named = wanted.join(names, on="dependency", how="semi")
    if named.is_empty():
        return rows.clear()
    nearby, far = _declare(named.drop_nulls("node"), named.filter(pl.col("node").is_null()), there)
    local = rows.join(nearby, left_on=_TARGET, right_on=["node", "dependency"]).select(
        *_ROOT, "node", service="service_right"
    )
    needed = far.group_by("dependency").len().filter(pl.col("len") > MOST)
    few = names.join(needed, on="dependency", how="anti").join(far, on="dependency").select(_KEY)
    first = (
        far.join(needed, on="dependency", how="semi")
        .sort(["dependency", *_TARGET])
        .group_by("dependency", maintain_order=True)
        .head(MOST)
    )
    return pl.concat([local.select(_KEY), few, names.join(first, on="dependency").select(_KEY)])


def _declare(own: pl.DataFrame, shared: pl.DataFrame, there: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the dependencies that are met on their own node, and those that are looked for everywhere.

    `own` are those of one service, `shared` those of a name wherever it is.
    """
    meant = shared.drop("node").join(only(there, shared, on="service"), on="service").select(own.columns)
    beside = there.join(pl.concat([own, shared]), left_on="service", right_on="dependency", how="semi")
    declared = pl.concat([own, meant]).join(
        beside.select("node", dependency="service", is_beside=pl.lit(True)), on=["node", "dependency"], how="left"
    )
    is_beside = pl.col("is_beside").fill_null(False)
    is_local, is_external = pl.col("scope") == DependencyScope.LOCAL, pl.col("scope") == DependencyScope.EXTERNAL
    known = declared.filter(~is_local | is_beside).with_columns(is_near=~is_external & is_beside).unique()
    links = known.select(*_TARGET, "dependency", "is_near")
    return links.filter("is_near").drop("is_near"), links.filter(~pl.col("is_near")).drop("is_near")

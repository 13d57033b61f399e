"""Chains: what the targets that are asked about depend on, and what depends on them, directly or over others."""

from collections.abc import Collection
from typing import NamedTuple

import polars as pl
from pandera.typing.polars import DataFrame

from schemas.desired import Dependency, DesiredService
from schemas.episode import Target
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
    rows = [(*target, *target) for target in sorted(targets)]
    roots = pl.DataFrame(rows, schema=dict.fromkeys(_KEY, pl.String), orient="row")
    if dependencies.is_empty() or roots.is_empty():
        return Chains(roots.clear(), roots.clear())
    shared = dependencies.filter(pl.col("node").is_null())
    names = {*dependencies["dependency"], *shared["service"]}
    there = services.filter(pl.col("service").is_in(sorted(names))).select(_TARGET)
    declared = _declare(there, dependencies)
    nearby = declared.filter(pl.col("is_near")).select(*_TARGET, "dependency")
    far = declared.filter(~pl.col("is_near")).select(*_TARGET, "dependency")
    needed = far.group_by("dependency").len().filter(pl.col("len") > MOST).select("dependency")
    spread = there.group_by("service").len().filter(pl.col("len") > MOST).select("service")
    above = _close(roots, lambda rows: _climb(rows, nearby, far, there, spread))
    below = _close(roots, lambda rows: _descend(rows, nearby, far, needed))
    return Chains(above, below)


def _declare(there: pl.DataFrame, dependencies: pl.DataFrame) -> pl.DataFrame:
    """Return each service's dependencies, and whether one is met on its own node."""
    wanted = dependencies.select(*_TARGET, "dependency", "scope")
    own = wanted.filter(pl.col("node").is_not_null())
    shared = wanted.filter(pl.col("node").is_null()).drop("node").join(there, on="service").select(own.columns)
    beside = there.select("node", dependency="service", is_beside=pl.lit(True))
    is_beside = pl.col("is_beside").fill_null(False)
    declared = (own if shared.is_empty() else pl.concat([own, shared])).join(
        beside, on=["node", "dependency"], how="left"
    )
    is_local, is_external = pl.col("scope") == DependencyScope.LOCAL, pl.col("scope") == DependencyScope.EXTERNAL
    return declared.filter(~is_local | is_beside).with_columns(is_near=~is_external & is_beside).unique()


def _close(roots: pl.DataFrame, step: object) -> pl.DataFrame:
    """Return all that is reached from the roots by one step after the other, the roots themselves left out."""
    known, fresh = roots, roots
    for _ in range(ROUNDS):
        fresh = step(fresh).unique().join(known, on=_KEY, how="anti")  # type: ignore[operator]
        if fresh.is_empty():
            break
        known = pl.concat([known, fresh])
    return known.join(roots, on=_KEY, how="anti")


def _climb(
    rows: pl.DataFrame, nearby: pl.DataFrame, far: pl.DataFrame, there: pl.DataFrame, spread: pl.DataFrame
) -> pl.DataFrame:
    local = rows.join(nearby, on=_TARGET).select(*_ROOT, "node", service="dependency")
    names = rows.join(far, on=_TARGET).select(*_ROOT, service="dependency").unique()
    marks = names.select(*_ROOT, pl.lit(ANY).alias("node"), "service")
    instances = names.join(spread, on="service", how="anti").join(there, on="service").select(_KEY)
    return pl.concat([local.select(_KEY), marks.select(_KEY), instances])


def _descend(rows: pl.DataFrame, nearby: pl.DataFrame, far: pl.DataFrame, needed: pl.DataFrame) -> pl.DataFrame:
    local = rows.join(nearby, left_on=_TARGET, right_on=["node", "dependency"]).select(
        *_ROOT, "node", service="service_right"
    )
    names = rows.select(*_ROOT, dependency="service").unique()
    few = names.join(needed, on="dependency", how="anti").join(far, on="dependency").select(_KEY)
    many = names.join(needed, on="dependency", how="semi")
    if many.is_empty():
        return pl.concat([local.select(_KEY), few])
    first = (
        far.join(many, on="dependency", how="semi")
        .sort(["dependency", *_TARGET])
        .group_by("dependency", maintain_order=True)
        .head(MOST)
    )
    return pl.concat([local.select(_KEY), few, many.join(first, on="dependency").select(_KEY)])

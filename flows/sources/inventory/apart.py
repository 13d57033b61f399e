"""Names that several files of a node use, told apart: a service of a stack is then `<stack>-<name>` (SEMANTICS 2)."""

from typing import NamedTuple

import polars as pl

from schemas.words import DependencyScope

OWN = ["node", "file"]
TARGET = ["node", "service"]


class Asked(NamedTuple):
    """What the files of services ask for; each frame has `node`, `stack` and `file`."""

    services: pl.DataFrame
    dependencies: pl.DataFrame
    names: pl.DataFrame
    windows: pl.DataFrame
    bad: pl.DataFrame
    """Bad entries: `service`, `line`, `column`, `problem`."""
    faults: pl.DataFrame = pl.DataFrame()
    """Rows of `Unread`: of bad entries, and of names that two entries of a node claim."""


def name_apart(asked: Asked) -> Asked:
    """Return the same with one name for each service of a node, and bad entries as faults.

    What a name of a file stands for is looked for in that file first, then among the node's services, then among its
    containers. A name that is claimed twice even so costs its service.
    """
    renames = _find_renames(asked)
    if renames.height:
        asked = Asked._make([*(_rename(frame, renames, "service") for frame in asked[:5]), asked.faults])
        is_near = pl.col("scope") != DependencyScope.EXTERNAL
        near = _rename(asked.dependencies.filter(is_near), renames, "dependency")
        asked = asked._replace(dependencies=pl.concat([near, asked.dependencies.filter(~is_near)]))
    twice = _find_twice(asked)
    faults = _faults(asked.bad).vstack(_faults(twice))
    if faults.height:
        asked = Asked._make([*(frame.join(faults, on=TARGET, how="anti") for frame in asked[:4]), asked.bad, faults])
    return asked._replace(dependencies=_name_containers(asked), faults=faults)


def _find_renames(asked: Asked) -> pl.DataFrame:
    """Return what each service of a stack is called whose name another file of its node uses as well."""
    place = ["node", "stack", "file", "service"]
    if (
        asked.services["stack"].null_count() == asked.services.height
        and asked.bad["stack"].null_count() == asked.bad.height
    ):
        return pl.DataFrame(schema={"node": pl.String, "file": pl.String, "service": pl.String, "name": pl.String})
    claims = pl.concat([asked.services.select(place), asked.bad.select(place)]).unique()
    shared = claims.filter((pl.len().over(TARGET) > 1) & pl.col("stack").is_not_null())
    return shared.select("node", "file", "service", name=pl.format("{}-{}", "stack", "service"))


def _rename(rows: pl.DataFrame, renames: pl.DataFrame, column: str) -> pl.DataFrame:
    known = renames.rename({"service": column, "name": "renamed"})
    joined = rows.join(known, on=[*OWN, column], how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("renamed", column).alias(column)).select(rows.columns)


def _find_twice(asked: Asked) -> pl.DataFrame:
    """Return services that two files of a node ask for even by that name, as bad entries; a file names each once."""
    services = asked.services
    is_one_file_each = services["stack"].null_count() == services.height
    if is_one_file_each or services.n_unique(TARGET) == services.height:
        return asked.bad.clear()
    twice = services.filter(pl.len().over(TARGET) > 1)
    problem = pl.format("the service '{}' is asked for in several files of the node; remove or rename one", "service")
    return twice.select("node", "stack", "file", "service", "line", column=pl.lit(None, pl.Int32), problem=problem)


def _faults(bad: pl.DataFrame) -> pl.DataFrame:
    return bad.select("file", "line", "column", "problem", "node", "service", is_warning=pl.lit(False))


def _name_containers(asked: Asked) -> pl.DataFrame:
    """Return the dependencies: one that names no service of its node, but one service's container, is of that service."""
    if not asked.names.height:
        return asked.dependencies
    owners = asked.names.select("node", "service", "name").unique()
    owners = owners.filter(pl.len().over("node", "name") == 1).rename({"service": "owner", "name": "dependency"})
    services = asked.services.select("node", dependency="service")
    known = owners.join(services, on=["node", "dependency"], how="anti")
    joined = asked.dependencies.join(known, on=["node", "dependency"], how="left", maintain_order="left")
    is_near = pl.col("scope") != DependencyScope.EXTERNAL
    named = pl.when(is_near).then(pl.coalesce("owner", "dependency")).otherwise("dependency")
    return joined.with_columns(dependency=named).select(asked.dependencies.columns)

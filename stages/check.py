"""What is odd about an inventory that can be read: names that lead nowhere, cycles, lists that disagree."""

import polars as pl

from schemas.desired import Desired
from schemas.expressions import target
from schemas.frame import DataFrame, dtypes
from schemas.identity import shared_names
from schemas.link import Links
from schemas.rejected import Unread
from schemas.words import ALL

TOPOLOGY = "inventory/topology.yaml"


def check_inventory(desired: Desired, links: Links) -> DataFrame[Unread]:
    """Return the inventory's faults and, as warnings, what is odd about what could be read, sorted by place.

    Odd is: a dependency that no inventory has, a cycle of dependencies, a node that only the topology names or only
    `hosts/` (where there is a topology), a service that the topology lists and the node's own file does not, targets that
    would share an id, and a service that is one of its own several containers. A service on several nodes, or one that the
    topology's list leaves out, is how fleets are.
    """
    odd = [
        *(_dangling(desired), _cycles(desired, links), _nodes(desired)),
        *(_topology(desired), _shared(desired), _own_containers(desired)),
    ]
    found = pl.concat([desired.unread, *(_warn(rows) for rows in odd)])
    return Unread.validate(found.sort("file", "line", "problem", nulls_last=True))


def _warn(rows: pl.DataFrame) -> pl.DataFrame:
    whole = rows.with_columns(is_warning=pl.lit(True))
    return whole.select(
        (pl.col(name) if name in whole.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in dtypes(Unread).items()
    )


def _dangling(desired: Desired) -> pl.DataFrame:
    asked = [
        rows.select("node", "service") for rows in (desired.services, desired.unread.drop_nulls(["node", "service"]))
    ]
    services = pl.concat(asked)
    local = desired.dependencies.filter(pl.col("scope") == "local").join(
        services, left_on=["node", "dependency"], right_on=["node", "service"], how="anti"
    )
    elsewhere = desired.dependencies.filter(pl.col("scope") != "local").join(
        services, left_on="dependency", right_on="service", how="anti"
    )
    return pl.concat([local, elsewhere]).select(
        "file",
        "line",
        problem=pl.when(pl.col("scope") == "local")
        .then(pl.format("'{}' needs '{}' on the same node, where no inventory asks for it", "service", "dependency"))
        .otherwise(pl.format("'{}' needs '{}', which no inventory asks for", "service", "dependency")),
    )


def _cycles(desired: Desired, links: Links) -> pl.DataFrame:
    is_own = (pl.col("node") == pl.col("dependency_node")) & (pl.col("service") == pl.col("dependency"))
    ends = links.cycles.rename({"node": "dependency_node", "service": "dependency", "cycle": "other"})
    inner = links.links.join(links.cycles, on=["node", "service"]).join(ends, on="dependency")
    is_there = (pl.col("scope") != "local") | (pl.col("node") == pl.col("dependency_node"))
    cyclic = inner.filter((pl.col("cycle") == pl.col("other")) & is_there)
    return (
        cyclic.select("node", "service", "dependency", "dependency_node")
        .unique()
        .sort("node", "service", "dependency", "dependency_node")
        .join(_places(desired), on=["node", "service"])
        .select(
            "file",
            "line",
            problem=pl.when(is_own)
            .then(pl.format("{}/{} depends on itself", "node", "service"))
            .otherwise(
                pl.format(
                    "{}/{} and {}/{} depend on each other: neither waits for the other",
                    "node",
                    "service",
                    "dependency_node",
                    "dependency",
                )
            ),
        )
    )


def _places(desired: Desired) -> pl.DataFrame:
    """Return where each service is asked for."""
    return desired.services.select("node", "service", pl.col("file").cast(pl.String), "line")


def _nodes(desired: Desired) -> pl.DataFrame:
    """Compare the topology's nodes with the folders under `hosts/`; without a topology there is nothing to compare."""
    named = desired.listed.filter(pl.col("service").is_null())
    alone = named.join(desired.nodes.filter(pl.col("file") == TOPOLOGY), on="node", how="semi").select(
        file=pl.lit(TOPOLOGY),
        line="line",
        problem=pl.format("'{}' has no folder under hosts/: a node without services, which can be offline", "node"),
    )
    unnamed = desired.nodes.filter(pl.lit(named.height > 0)).join(named, on="node", how="anti")
    missing = unnamed.select(
        "file", line=pl.lit(None, pl.Int32), problem=pl.format("'{}' is not in the topology", "node")
    )
    return pl.concat([alone, missing])


def _topology(desired: Desired) -> pl.DataFrame:
    """Compare the topology's informative lists with the nodes' own files, for nodes that have both."""
    own = desired.services.join(desired.nodes.filter("is_readable"), on="node", how="semi")
    listed = desired.listed.drop_nulls("service").join(own.select("node").unique(), on="node", how="semi")
    return listed.join(own, on=["node", "service"], how="anti").select(
        file=pl.lit(TOPOLOGY),
        line="line",
        problem=pl.format("'{}' is listed for {}, whose own file does not ask for it", "service", "node"),
    )


def _shared(desired: Desired) -> pl.DataFrame:
    """Return the targets whose ids would be another's as well, each with what it is told apart by."""
    nodes = desired.nodes.select("node", "file", service=pl.lit(ALL), line=pl.lit(None, pl.Int32))
    asked = _places(desired)
    shared = shared_names(desired).join(pl.concat([asked, nodes.select(asked.columns)]), on=["node", "service"])
    alike = pl.concat_str("node", pl.lit("-"), "service")
    others = target().sort().str.join(" and ").over(alike)
    problem = pl.format("{} would share their ids: those of {} end in '{}'", others, target(), "suffix")
    return shared.select("file", "line", problem=problem)


def _own_containers(desired: Desired) -> pl.DataFrame:
    """Return the services that are called as one of their containers is: its record would count alone."""
    is_own = pl.col("name") == pl.col("service")
    containers = desired.names.group_by("node", "service").agg(
        is_own.any().alias("is_own"), others=pl.col("name").filter(~is_own).sort().str.join(", ")
    )
    asked = desired.services.unique(["node", "service"], keep="first", maintain_order=True)
    odd = containers.filter(pl.col("is_own") & (pl.col("others") != ""))
    problem = pl.format(
        "'{}' is also one of its containers: a record of that name counts alone, without {}; call the service"
        " something else",
        "service",
        "others",
    )
    return odd.join(asked, on=["node", "service"]).select("file", "line", problem=problem)

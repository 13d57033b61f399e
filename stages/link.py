"""Links: resolve declared dependencies to the desired services that can meet them, and find their cycles."""

import polars as pl
import rustworkx as rx
from pandera.typing.polars import DataFrame

from schemas.desired import Dependency, DesiredService
from schemas.frame import columns
from schemas.link import Link
from schemas.words import DependencyScope


def link_dependencies(services: DataFrame[DesiredService], dependencies: DataFrame[Dependency]) -> DataFrame[Link]:
    """Return one row for each desired instance that can meet a declared dependency of a desired service.

    A local dependency is looked for on the same node, an external one on every node, and one that says neither
    on the same node first (CONTRACT 1.1, 1.3). A name that no inventory has gives no row: it blocks nothing.
    `is_cyclic` is judged on the whole graph of desired services, whatever their health.
    """
    links = _resolve(_declared(services, dependencies), services).unique()
    return Link.validate(
        _mark_cycles(links).select(columns(Link)).sort("node", "service", "dependency", "scope", "dependency_node")
    )


def _declared(services: pl.DataFrame, dependencies: pl.DataFrame) -> pl.DataFrame:
    """Return dependencies with a node each: those of a service are those of each node that runs it."""
    wanted = dependencies.select("node", "service", "dependency", "scope")
    targets = services.select("node", "service")
    own = wanted.filter(pl.col("node").is_not_null()).join(targets, on=["node", "service"], how="semi")
    shared = wanted.filter(pl.col("node").is_null()).drop("node").join(targets, on="service")
    return pl.concat([own, shared.select(own.columns)]).unique()


def _resolve(declared: pl.DataFrame, services: pl.DataFrame) -> pl.DataFrame:
    instances = services.select(
        pl.col("node").alias("dependency_node"), dependency="service", is_monitored="is_monitored"
    )
    nearby = declared.filter(pl.col("scope") != DependencyScope.EXTERNAL).join(
        instances,
        left_on=["node", "dependency"],
        right_on=["dependency_node", "dependency"],
    )
    local = nearby.with_columns(_scope(DependencyScope.LOCAL), dependency_node="node")
    met_nearby = local.select("node", "service", "dependency")
    elsewhere = pl.concat(
        [
            declared.filter(pl.col("scope") == DependencyScope.EXTERNAL),
            declared.filter(pl.col("scope") == DependencyScope.ANYWHERE).join(
                met_nearby, on=["node", "service", "dependency"], how="anti"
            ),
        ]
    )
    external = elsewhere.join(instances, on="dependency").with_columns(_scope(DependencyScope.EXTERNAL))
    return pl.concat([local, external.select(local.columns)])


def _scope(scope: DependencyScope) -> pl.Expr:
    return pl.lit(scope, dtype=pl.Enum(DependencyScope)).alias("scope")


def _mark_cycles(links: pl.DataFrame) -> pl.DataFrame:
    """Mark links inside one strongly connected component; only links between such services can be in one."""
    ends = links.with_columns(
        source=pl.struct("node", "service"), sink=pl.struct(node="dependency_node", service="dependency")
    )
    inner = ends.join(ends, left_on="sink", right_on="source", how="semi").join(
        ends, left_on="source", right_on="sink", how="semi"
    )
    names = pl.concat([inner["source"], inner["sink"].alias("source")]).unique().to_frame("name").with_row_index("id")
    components = names.with_columns(component=_components(inner, names)).select("name", "component")
    return (
        ends.join(components, left_on="source", right_on="name", how="left")
        .join(components, left_on="sink", right_on="name", how="left", suffix="_sink")
        .with_columns(is_cyclic=(pl.col("component") == pl.col("component_sink")).fill_null(False))
    )


def _components(edges: pl.DataFrame, names: pl.DataFrame) -> pl.Series:
    """Return the number of each name's strongly connected component."""
    ids = edges.join(names, left_on="source", right_on="name").join(
        names, left_on="sink", right_on="name", suffix="_sink"
    )
    graph = rx.PyDiGraph()
    graph.add_nodes_from(range(names.height))
    graph.add_edges_from_no_data(list(ids.select("id", "id_sink").iter_rows()))
    component = [0] * names.height
    for number, members in enumerate(rx.strongly_connected_components(graph)):
        for member in members:
            component[member] = number
    return pl.Series("component", component, dtype=pl.UInt32)

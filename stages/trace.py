"""Root causes: what a service with an unavailable dependency waits for in the end (SEMANTICS 5)."""

import polars as pl
import rustworkx as rx
from pandera.typing.polars import DataFrame

from schemas.drift import Drift
from schemas.frame import columns
from schemas.link import Link
from schemas.recommendation import RootCause
from schemas.words import ALL, DriftKind

UNAVAILABLE = [DriftKind.MISSING_SERVICE, DriftKind.UNHEALTHY_SERVICE]
WAITING = [*UNAVAILABLE, DriftKind.FAILED_DEPLOYMENT]
SOURCE = ["as_of", "node", "service"]
EDGE = ("source", "sink")


def trace_root_causes(drift: DataFrame[Drift], links: DataFrame[Link]) -> DataFrame[RootCause]:
    """Return the far ends of the chains of unavailable dependencies of each service that drifted.

    A service without a row waits for nothing. The chain ends at an unavailable service that waits for nothing
    itself, or at an offline node. Drift counts whether it is held back or not: a dependency that is being deployed
    is not there yet. Links inside a cycle do not block, so every chain ends.
    """
    blocking = _blocking_links(drift, links)
    sources = blocking.select(SOURCE)
    sinks = blocking.select("as_of", node="cause_node", service="cause_service")
    names = pl.concat([sources, sinks]).unique().with_row_index("id")
    edges = pl.DataFrame(
        {"source": _number(sources, names), "sink": _number(sinks, names)}, schema=dict.fromkeys(EDGE, pl.UInt32)
    )
    causes = (
        _find_ends(edges, names.height)
        .join(names, left_on="source", right_on="id")
        .join(names.select(pl.col("id"), cause_node="node", cause_service="service"), left_on="end", right_on="id")
    )
    return RootCause.validate(causes.select(columns(RootCause)).sort(columns(RootCause)))


def _number(targets: pl.DataFrame, names: pl.DataFrame) -> pl.Series:
    return targets.join(names, on=SOURCE, how="left", maintain_order="left")["id"]


def _find_ends(edges: pl.DataFrame, count: int) -> pl.DataFrame:
    """Return the ends that each source reaches, each target being looked at once however many paths lead to it."""
    graph = rx.PyDiGraph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from_no_data(list(edges.iter_rows()))
    ends: dict[int, frozenset[int]] = {}
    for target in reversed(rx.topological_sort(graph)):
        below = {ends.get(onward, frozenset({onward})) for onward in graph.successor_indices(target)}
        if below:
            ends[target] = frozenset().union(*below)
    found = {"source": list(ends), "end": [sorted(reached) for reached in ends.values()]}
    return pl.DataFrame(found, schema={"source": pl.UInt32, "end": pl.List(pl.UInt32)}).explode("end")


def _blocking_links(drift: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each instance of a dependency of which no instance is available.

    An instance in a cycle with the service does not block it, but where it is available it is enough.
    """
    waiting = drift.filter(pl.col("kind").is_in(WAITING)).select(SOURCE).unique()
    broken = drift.filter(pl.col("kind").is_in(UNAVAILABLE)).select(
        "as_of", dependency_node="node", dependency="service", is_broken=pl.lit(True)
    )
    offline = drift.filter(pl.col("kind") == DriftKind.OFFLINE_NODE).select(
        "as_of", dependency_node="node", is_offline=pl.lit(True)
    )
    is_unavailable = pl.col("is_monitored") & (pl.col("is_offline") | pl.col("is_broken"))
    return (
        waiting.join(links, on=["node", "service"])
        .join(broken, on=["as_of", "dependency_node", "dependency"], how="left")
        .join(offline, on=["as_of", "dependency_node"], how="left")
        .with_columns(pl.col("is_broken", "is_offline").fill_null(False))
        .filter(is_unavailable.all().over(*SOURCE, "dependency", "scope") & ~pl.col("is_cyclic"))
        .select(
            *SOURCE,
            cause_node="dependency_node",
            cause_service=pl.when("is_offline").then(pl.lit(ALL)).otherwise("dependency"),
        )
        .unique()
    )

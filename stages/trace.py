"""Root causes: what a service with an unavailable dependency waits for in the end (SEMANTICS 4.9 and 5)."""

import polars as pl
import rustworkx as rx

from schemas.drift import DRIFT_ORDER, REPAIRABLE, UNAVAILABLE, Drift, held
from schemas.expressions import has_any
from schemas.frame import DataFrame, columns, empty
from schemas.link import Block
from schemas.recommendation import RootCause, Traced, surroundings
from schemas.rules import Rules
from schemas.words import ALL, FLEET, Circumstance, DriftCause, DriftKind, HeldBy

NODE = ["as_of", "node"]
SOURCE = [*NODE, "service"]
CAUSE = {"node": "cause_node", "service": "cause_service"}
EDGE = ("source", "sink")
PASSED_ON = [HeldBy.MAINTENANCE, HeldBy.DEPLOYMENT_IN_FLIGHT, HeldBy.SETTLING]
"""What holds back a service all of whose root causes it holds back; the first of these that occurs."""
OF_FLEET = [HeldBy.STALE_WORLD, HeldBy.OBSERVER_SUSPECT]
OF_NODE = [HeldBy.OFFLINE_NODE, HeldBy.UNREADABLE_OBSERVATION, HeldBy.NODE_SUSPECT]


def trace_root_causes(drift: DataFrame[Drift], blocks: DataFrame[Block], rules: Rules) -> Traced:
    """Return the far ends of the chain of each service that drifted, and the drift that these hold back.

    A service without a row waits for nothing, or is held back itself. The chain ends at an unavailable service that
    waits for nothing itself, at an offline node, or at a node whose disk is full and to which a deployment would go.
    Where the drift of an end is held back, what holds it back is the cause: the fleet, or its node.
    """
    whole = pl.concat([blocks, _disks(drift, rules)]).unique()
    if whole.is_empty():
        return Traced(drift, RootCause.validate(empty(RootCause)))
    sources, sinks = whole.select(SOURCE), whole.select("as_of", node="cause_node", service="cause_service")
    names = pl.concat([sources, sinks]).unique().with_row_index("id")
    edges = pl.DataFrame(
        {"source": _number(sources, names), "sink": _number(sinks, names)}, schema=dict.fromkeys(EDGE, pl.UInt32)
    )
    waiting = _waiting(drift).join(names, on=SOURCE)
    reached, ends = _find_ends(edges, names.height, waiting["id"])
    waiting = waiting.join(reached, on="id").sort(SOURCE)
    causes = ends.join(_explain_ends(names, drift), left_on="end", right_on="id")
    held_back = _pass_on(drift, waiting, causes)
    found = causes.select("group", "cause_node", "cause_service").unique().sort(pl.all())
    rows = waiting.join(found, on="group", maintain_order="left_right").select(columns(RootCause))
    return Traced(Drift.validate(held_back), RootCause.validate(rows))


def _disks(drift: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return the disk of its node as what blocks each service that would be redeployed there."""
    full = drift.filter(
        (pl.col("kind") == DriftKind.NODE_PRESSURE)
        & pl.col("cause").is_in([DriftCause.DISK, DriftCause.DISK_AND_MEMORY])
        & pl.col("held_by").is_null()
    )
    if full.is_empty():
        return empty(Block)
    standing = drift.filter(pl.col("held_by").is_null()).join(full, on=NODE, how="semi")
    is_repairable = pl.col("kind").is_in(REPAIRABLE) & (pl.col("cause") != DriftCause.OLD)
    is_other = has_any(pl.col("circumstance") != Circumstance.PLAIN, *SOURCE)
    redeployed = surroundings(standing, rules).filter(~is_other).filter(is_repairable)
    return redeployed.select(*SOURCE, cause_node="node", cause_service=pl.lit(ALL)).unique()


def _waiting(drift: pl.DataFrame) -> pl.DataFrame:
    """Return what waits and stands for itself: nobody asks what else is held back waits for."""
    is_waiting = pl.col("kind").is_in(REPAIRABLE) & (pl.col("cause") != DriftCause.OLD)
    return drift.filter(is_waiting & pl.col("held_by").is_null()).select(SOURCE).unique()


def _number(targets: pl.DataFrame, names: pl.DataFrame) -> pl.Series:
    return targets.join(names, on=SOURCE, how="left", maintain_order="left")["id"]


def _find_ends(edges: pl.DataFrame, count: int, wanted: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the group of each of the wanted that reaches an end, and the ends of each group, which all of it reach.

    Each target is looked at once, however many paths lead to it, and ends that many have in common are named once.
    """
    graph = rx.PyDiGraph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from_no_data(list(edges.iter_rows()))
    ends: dict[int, frozenset[int]] = {}
    for target in reversed(rx.topological_sort(graph)):
        below = {ends.get(onward, frozenset({onward})) for onward in graph.successor_indices(target)}
        if below:
            ends[target] = next(iter(below)) if len(below) == 1 else frozenset().union(*below)
    sources = [source for source in wanted if source in ends]
    numbers: dict[frozenset[int], int] = {}
    groups = [numbers.setdefault(ends[source], len(numbers)) for source in sources]
    number = {"group": pl.UInt32}
    reached = pl.DataFrame({"id": sources, "group": groups}, schema={"id": pl.UInt32, **number})
    found = {"group": list(numbers.values()), "end": [sorted(group) for group in numbers]}
    return reached, pl.DataFrame(found, schema={**number, "end": pl.List(pl.UInt32)}).explode("end")


def _explain_ends(names: pl.DataFrame, drift: pl.DataFrame) -> pl.DataFrame:
    """Return what each end comes to: itself, or what holds its drift back."""
    decisive = [*UNAVAILABLE, DriftKind.OFFLINE_NODE]
    held_by = drift.filter(pl.col("kind").is_in(decisive)).select(*SOURCE, "held_by").unique(SOURCE, keep="first")
    own = (
        drift.filter((pl.col("service") == ALL) & pl.col("kind").cast(pl.String).is_in(OF_NODE))
        .group_by(*NODE, above=pl.col("kind").cast(pl.String))
        .agg(node_held=pl.col("held_by").is_in(OF_FLEET).any())
    )
    is_fleets = pl.col("held_by").is_in(OF_FLEET).fill_null(False)
    is_nodes = pl.col("held_by").is_in(OF_NODE).fill_null(False)
    is_higher = is_fleets | (is_nodes & pl.col("node_held").fill_null(False))
    return (
        names.join(held_by, on=SOURCE, how="left")
        .with_columns(above=pl.col("held_by").cast(pl.String))
        .join(own, on=[*NODE, "above"], how="left")
        .select(
            "id",
            "held_by",
            cause_node=pl.when(is_higher).then(pl.lit(FLEET)).otherwise("node"),
            cause_service=pl.when(is_higher | is_nodes).then(pl.lit(ALL)).otherwise("service"),
        )
    )


def _pass_on(drift: pl.DataFrame, waiting: pl.DataFrame, causes: pl.DataFrame) -> pl.DataFrame:
    """Hold back what waits for nothing but what is planned, being deployed, or settling."""
    is_passed = pl.col("held_by").is_in(PASSED_ON).fill_null(False)
    first = pl.coalesce(pl.when((pl.col("held_by") == word).any()).then(held(word)) for word in PASSED_ON)
    groups = causes.group_by("group").agg(is_all=is_passed.all(), passed_on=first).filter("is_all")
    passed = waiting.join(groups, on="group").select(*SOURCE, "passed_on")
    is_stopped = pl.col("kind").is_in(REPAIRABLE) & pl.col("held_by").is_null()
    marked = drift.join(passed, on=SOURCE, how="left")
    held_by = pl.when(is_stopped).then(pl.col("passed_on")).otherwise("held_by")
    return marked.with_columns(held_by=held_by).select(columns(Drift)).sort(DRIFT_ORDER)

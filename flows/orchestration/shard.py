"""One large fleet on several processes: nodes are judged apart, and everything that needs the fleet is judged once.

Only the detection of drift looks at every service, and it looks at each node alone. What comes after works on the drift,
which is small, and needs all of it: dependencies across nodes, what the whole world says against its observer.
"""

import warnings
from collections.abc import Callable
from typing import Any

import polars as pl
import rustworkx as rx
from prefect.futures import PrefectFuture

from flows.orchestration.tasks import TaskStep, as_task
from flows.run.judge import Looked
from flows.run.step import Result, Trait, has_trait
from schemas.actual import Actual, Deployment, Incident, Observed, ObservedService, UnseenService, WellService
from schemas.desired import Desired
from schemas.drift import DRIFT_ORDER, Drift
from schemas.rules import Rules

TARGET = ["as_of", "node", "service"]


class ShardedStep(TaskStep):
    """Runs the detection of drift in shards of nodes on the flow's task runner, and every other step as a task."""

    def __init__(self, shard_count: int) -> None:
        """Take the number of shards; more than there are workers evens out their work."""
        super().__init__()
        self._shard_count = shard_count

    def run(self, stage: Callable[..., Result], *arguments: object) -> Result:
        """Run the step."""
        if not has_trait(stage, Trait.TAKES_NODES_ALONE):
            return super().run(stage, *arguments)
        return self._run_by_node(stage, *arguments)  # type: ignore[arg-type, return-value]

    def _run_by_node(self, look: Callable[..., Looked], desired: Desired, actual: Actual, rules: Rules) -> Looked:
        unread = {name: getattr(desired, name).clear() for name in ("dependencies", "listed")}
        bare = desired._replace(**unread)
        with warnings.catch_warnings():
            # Dask would rather load the data itself; these frames have been read already, under the lock.
            warnings.filterwarnings("ignore", message="Sending large graph")
            futures: list[PrefectFuture[Any]] = [
                as_task(look).submit(*shard, rules) for shard in split_by_node(bare, actual, self._shard_count)
            ]
        return merge_looks([future.result() for future in futures])


def split_by_node(desired: Desired, actual: Actual, count: int) -> list[tuple[Desired, Actual]]:
    """Return both states in at most `count` parts: each node, desired or not, is in one, with all its records.

    Nodes that an incident has in common are in one part. Snapshots are in every part, and so is everything that names
    no node.
    """
    names = pl.concat([desired.nodes["node"], *(frame["node"] for frame in actual if "node" in frame.columns)])
    nodes = names.drop_nulls().unique().sort().to_frame()
    size = max(1, -(-nodes.height // count))
    first = nodes.select(pl.col("node").replace(_first_of_linked(actual)))
    place = first.join(nodes.with_row_index("place"), on="node", how="left", maintain_order="left")["place"]
    numbered = nodes.with_columns(part=place // size)
    parts = [part["node"] for part in numbered.partition_by("part", maintain_order=True)] or [nodes["node"]]
    # The cycles are of the whole: those of a part are looked for where they are asked for.
    return [(Desired(*_of(part, desired[:-1])), Actual(*_of(part, actual))) for part in parts]


def _first_of_linked(actual: Actual) -> dict[str, str]:
    """Return for each node of an incident that services of other nodes name the first of all the nodes so linked."""
    told = actual.incidents.select("key", "node")
    named = actual.services.drop_nulls("incident_id").select(key="incident_id", node="node")
    pairs = (
        told.join(named, on="key").filter(pl.col("node") != pl.col("node_right")).select("node", "node_right").unique()
    )
    names = pl.concat([pairs["node"], pairs["node_right"]]).unique().sort().to_list()
    numbers = {name: number for number, name in enumerate(names)}
    graph = rx.PyGraph()
    graph.add_nodes_from(names)
    graph.add_edges_from_no_data([(numbers[one], numbers[other]) for one, other in pairs.iter_rows()])
    return {names[number]: names[min(linked)] for linked in rx.connected_components(graph) for number in linked}


def merge_looks(parts: list[Looked]) -> Looked:
    """Return what is seen in all parts as one process would have seen it."""
    observed = [part.observed for part in parts]
    return Looked(
        Observed(
            ObservedService.validate(pl.concat([one.services for one in observed]).sort(TARGET)),
            WellService.validate(pl.concat([one.well for one in observed]).sort("as_of", "node")),
            UnseenService.validate(pl.concat([one.unseen for one in observed]).sort(TARGET)),
            Deployment.validate(pl.concat([one.deployments for one in observed]).sort(*TARGET, "file_order")),
            Incident.validate(pl.concat([one.incidents for one in observed]).sort(*TARGET, "key")),
        ),
        Drift.validate(pl.concat([part.drift for part in parts]).sort(DRIFT_ORDER)),
    )


def _of(nodes: pl.Series, frames: tuple[pl.DataFrame, ...]) -> list[Any]:
    is_ours = pl.col("node").is_in(nodes.implode()) | pl.col("node").is_null()
    return [frame.filter(is_ours).rechunk() if "node" in frame.columns else frame for frame in frames]

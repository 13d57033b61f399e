"""What the inventory asked for when it could be read last, for nodes of which it cannot be read now."""

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from flows.observer.memory import Asked, Memory, Rows
from flows.observer.plan import Plan
from schemas.frame import DataFrame, Frame, dtypes
from schemas.wanted import Selector, WantedService


def recall_asked(plan: Plan, memory: Memory) -> tuple[Plan, Memory]:
    """Return the plan with what is remembered of its unread nodes, and the memory with what it asks of the others."""
    asked = {
        node: memory.asked.get(node, Asked()) if node in plan.unread_nodes else _keep(plan, node) for node in plan.nodes
    }
    if plan.unread_nodes:
        lost = {node: asked[node] for node in plan.unread_nodes if node in asked}
        plan = replace(
            plan,
            wanted=WantedService.validate(_restore(plan.wanted, lost, "wanted", WantedService)),
            selectors=Selector.validate(_restore(plan.selectors, lost, "selectors", Selector)),
        )
    return plan, replace(memory, asked=asked)


def _keep(plan: Plan, node: str) -> Asked:
    return Asked(_rows(plan.wanted, node), _rows(plan.selectors, node))


def _rows(frame: pl.DataFrame, node: str) -> Rows:
    return frame.filter(pl.col("node") == node).to_dicts()


def _restore(frame: pl.DataFrame, lost: Mapping[str, Asked], name: str, schema: type[Frame]) -> pl.DataFrame:
    known: DataFrame[Frame] | pl.DataFrame = frame.filter(~pl.col("node").is_in(list(lost)))
    rows = [row for asked in lost.values() for row in getattr(asked, name)]
    return known.vstack(pl.DataFrame(rows, schema=dtypes(schema)))

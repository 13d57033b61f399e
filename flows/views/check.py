"""Looking at the inputs without reconciling: what `supervisor check` finds."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from flows.errors import InventoryError, WorldUnreadableError
from flows.run.deadline import end_in_time
from flows.run.gather import read_actual, read_desired
from flows.run.judge import judge
from flows.settings import Settings
from flows.sources.world.files import MAKE_ONE
from flows.sources.world.published import find_deviations
from flows.text.rows import rows
from schemas.actual import Actual, ObservedService
from schemas.drift import Drift
from schemas.frame import DataFrame, empty
from schemas.rejected import Unread
from schemas.words import DriftKind
from stages.check import check_inventory
from stages.link import link_all

MOST_UNASKED = 100
"""Nodes that no inventory asks for, named before the rest is counted."""


@dataclass(frozen=True)
class Inspection:
    """What is wrong or odd: inventory faults as rows, remarks on the world as sentences."""

    inventory: DataFrame[Unread]
    world: tuple[str, ...]
    is_world_readable: bool
    doubles: tuple[str, ...] = ()
    """What two entries of a node select for themselves, a sentence each with both lines: an observer cannot tell whose it is."""
    observing: tuple[str, ...] = ()
    """What an observer cannot use of the inventory, a sentence each: it looks at nothing there."""

    @property
    def exit_code(self) -> int:
        """Return 1 for a fault in the inventory, else 3 for an unreadable world, else 0."""
        if self.doubles or not self.inventory["is_warning"].all():
            return 1
        return 0 if self.is_world_readable else 3

    def to_document(self) -> dict[str, Any]:
        """Return both as plain values."""
        told = {"doubles": list(self.doubles), "observing": list(self.observing), "world": list(self.world)}
        return {"schema_version": 1, "inventory": rows(self.inventory), **told}


def inspect_inputs(settings: Settings, *, with_world: bool = True) -> Inspection:
    """Read both inputs once, and judge their form; nothing is written. Raises `DeadlineError` as a run does."""
    with end_in_time(settings.deadline):
        return _inspect(settings, with_world=with_world)


def _inspect(settings: Settings, *, with_world: bool) -> Inspection:
    try:
        desired, _ = read_desired(settings)
    except InventoryError as error:
        if error.unread is None:
            raise
        return Inspection(error.unread, (), is_world_readable=True)
    unseen = ObservedService.validate(empty(ObservedService))
    inventory = check_inventory(desired, link_all(desired, unseen))
    if not with_world:
        return Inspection(inventory, (), is_world_readable=True)
    try:
        world, notes = read_actual(settings, desired, datetime.now(UTC))
    except WorldUnreadableError as error:
        return Inspection(inventory, (f"{error}; {MAKE_ONE}",), is_world_readable=False)
    told = set(world.actual.rejected.select("file", "key").iter_rows())
    deviations = find_deviations(world.files.contents, told, settings.limits)
    drift = judge(desired, world.actual, settings.rules()).drift
    remarks = (*notes, *_remarks(world.actual), *_unasked(drift), *deviations)
    return Inspection(_with_emptied(inventory, drift), remarks, is_world_readable=True)


def _unasked(drift: DataFrame[Drift]) -> Iterator[str]:
    """Yield the nodes of the world that no inventory asks for, an address that is no name among them."""
    found = drift.filter(pl.col("kind") == DriftKind.UNEXPECTED_NODE)
    for place, near in found.select("actual_ref", "nearby").head(MOST_UNASKED).iter_rows():
        yield f"{place}: no inventory asks for this node" + (f"; is it {near}?" if near else "")
    if found.height > MOST_UNASKED:
        yield f"nodes.json: {found.height - MOST_UNASKED} more nodes that no inventory asks for"


def _with_emptied(inventory: DataFrame[Unread], drift: DataFrame[Drift]) -> DataFrame[Unread]:
    """Return the inventory's faults, and a warning for each node that is asked for nothing, although services run there."""
    emptied = drift.filter(pl.col("kind") == DriftKind.EMPTY_INVENTORY)
    warnings = emptied.select(
        file=pl.coalesce("desired_ref", pl.format("hosts/{}", "node")),
        problem=pl.format("asks {} for nothing, but {}; were its services lost?", "node", "detail"),
        is_warning=pl.lit(True),
    )
    return Unread.validate(pl.concat([inventory, warnings], how="diagonal"))


def _remarks(actual: Actual) -> Iterator[str]:
    """Yield what was set aside, each doubtful time, and which name was taken for which."""
    for _, file, key, reason, _, _ in actual.rejected.iter_rows():
        yield f"{file}#{key}: {reason}"
    for _, file, key, field, value in actual.doubtful.iter_rows():
        yield f"{file}{f'#{key}' if key else ''}: '{field}' says {value}, which cannot be read or is still to come"
    for _, written, node in actual.taken.iter_rows():
        yield f"the name '{written}' is taken for {node}"

"""The inventory: the desired state, and every fault of its files as data (CONTRACT 1)."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from flows.errors import InventoryError
from flows.sources.inventory.files import HOSTS, InventoryFiles, list_inventory
from flows.sources.inventory.memory import InventoryMemory, KnownServices
from flows.sources.inventory.rows import InventoryRows, NodeRow, Parsers, by_place
from schemas.desired import (
    ContainerName,
    Dependency,
    Desired,
    DesiredNode,
    DesiredService,
    ListedService,
    MaintenanceWindow,
)
from schemas.frame import Frame, complete, dtypes, empty
from schemas.limits import Limits
from schemas.rejected import Unread
from schemas.words import RunMode

SHOWN_FAULTS = 20
SERVICE_FIELDS = ("node", "service", "is_monitored", "line")
DEPENDENCY_FIELDS = ("node", "service", "dependency", "scope", "file", "line")


def read_inventory(root: Path, limits: Limits, memory: InventoryMemory | None = None) -> Desired:
    """Return the desired state that the folder's files ask for, and what of them could not be read.

    With a memory, only files with new content are parsed. Raises `InventoryError` where there is no `hosts/` folder, it
    names no node, or no `services.yaml` can be read.
    """
    return build_desired(list_inventory(root, limits), limits, memory=memory)


def build_desired(
    files: InventoryFiles, limits: Limits, parsers: Parsers | None = None, memory: InventoryMemory | None = None
) -> Desired:
    """Return the desired state of an inventory's files: a pure function of their paths and bytes.

    A node whose `services.yaml` is faulty keeps its row and loses its services, which are unknown then. Frames are
    sorted by node and service. Neither the parsers, which may remember what they returned, nor the memory, which
    comes with its own, changes the outcome. Raises `InventoryError` as `read_inventory` does.
    """
    known = memory.learn(files.contents) if memory else None
    parsers = memory.parsers() if memory else parsers or Parsers()
    rows = InventoryRows(files, limits, parsers, known.numbers if known else ())
    rows.gather()
    _refuse_nothing(rows, files.source)
    if memory:
        memory.keep()
    return Desired(
        DesiredNode.validate(_nodes(rows).sort("node"), lazy=True),
        DesiredService.validate(_services(rows, known).sort("node", "service"), lazy=True),
        Dependency.validate(_sorted(_dependencies(rows, known)), lazy=True),
        Unread.validate(_sorted(_unread(rows, known)), lazy=True),
        ListedService.validate(_sorted(_frame(ListedService, rows.listed)), lazy=True),
        ContainerName.validate(empty(ContainerName), lazy=True),
        MaintenanceWindow.validate(empty(MaintenanceWindow), lazy=True),
    )


def _nodes(rows: InventoryRows) -> pl.DataFrame:
    found = _frame(DesiredNode, rows.nodes.values(), NodeRow._fields)
    return complete(
        found.with_columns(has_inventory=pl.col("file").str.starts_with(HOSTS)),
        DesiredNode,
        is_monitored=True,
        is_best_effort=False,
        has_readable_capabilities=True,
        roles=[],
        desired_hash="",
    )


def _services(rows: InventoryRows, known: KnownServices | None) -> pl.DataFrame:
    files = pl.DataFrame(
        [(row.node, row.file) for row in rows.nodes.values()],
        schema={"node": pl.String, "file": pl.String},
        orient="row",
    )
    gathered = _frame(DesiredService, rows.services, SERVICE_FIELDS).join(files, on="node")
    if known is not None:
        gathered = pl.concat([gathered, _of_nodes(known.services, rows, known, gathered.columns)])
    return complete(gathered, DesiredService, run=RunMode.SERVICE, has_readable_dependencies=True, desired_hash="")


def _dependencies(rows: InventoryRows, known: KnownServices | None) -> pl.DataFrame:
    gathered = _frame(Dependency, rows.dependencies, DEPENDENCY_FIELDS)
    if known is not None:
        gathered = pl.concat([gathered, _of_nodes(known.dependencies, rows, known, gathered.columns)])
    return complete(gathered, Dependency, is_completion=False)


def _unread(rows: InventoryRows, known: KnownServices | None) -> pl.DataFrame:
    gathered = _frame(Unread, rows.unread)
    if known is None:
        return gathered
    warnings = known.warnings.with_columns(service=pl.lit(None, pl.String), is_warning=pl.lit(True))
    told = _of_nodes(warnings, rows, known, gathered.columns)
    return pl.concat([gathered, told.with_columns(node=pl.lit(None, pl.String))])


def _of_nodes(by_file: pl.DataFrame, rows: InventoryRows, known: KnownServices, columns: list[str]) -> pl.DataFrame:
    """Return the rows of known files with the node and the path of each; equal files are of several nodes."""
    taken = rows.taken
    numbers = [known.numbers[one.path] for one in taken]
    places = pl.DataFrame(
        {"number": numbers, "node": [one.node for one in taken], "file": [one.file for one in taken]},
        schema={"number": pl.UInt32, "node": pl.String, "file": pl.String},
    )
    return by_file.rename({"file": "number"}).join(places, on="number").select(columns)


def _refuse_nothing(rows: InventoryRows, source: str) -> None:
    """Refuse an inventory that names no node, or of which no `services.yaml` can be read."""
    faults = [str(row) for row in sorted(rows.unread, key=by_place) if not row.is_warning]
    asked = [row for row in rows.nodes.values() if row.file.endswith("services.yaml") or not row.is_readable]
    if rows.nodes and (not asked or any(row.is_readable for row in asked)):
        return
    rest = f"\nand {len(faults) - SHOWN_FAULTS} more" if len(faults) > SHOWN_FAULTS else ""
    listed = "".join(f"\n{fault}" for fault in faults[:SHOWN_FAULTS]) + rest
    where = f"{source}/{HOSTS}" if source else HOSTS
    if not rows.nodes:
        problem = "names no node; an inventory has a folder for each node there" if not faults else "names no node"
        raise InventoryError(f"{where}: {problem}{listed}")
    raise InventoryError(f"{where}: no services.yaml can be read{listed}")


def _frame(schema: type[Frame], rows: Iterable[tuple[Any, ...]], names: Iterable[str] = ()) -> pl.DataFrame:
    """Return a frame of rows, handed over by column, which is how polars takes many of them fastest."""
    types = {name: dtypes(schema)[name] for name in names or dtypes(schema)}
    return pl.DataFrame(dict(zip(types, zip(*rows, strict=True), strict=False)), schema=types)


def _sorted(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.unique().sort(rows.columns)

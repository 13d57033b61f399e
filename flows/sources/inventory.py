"""The inventory: the desired state, and every fault of its files as data (CONTRACT 1)."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from flows.errors import InventoryError
from flows.sources.inventory_files import HOSTS, InventoryFiles, list_inventory
from flows.sources.inventory_rows import InventoryRows, ServicesParser
from flows.sources.services_file import parse_services
from schemas.desired import Dependency, Desired, DesiredNode, DesiredService, ListedService
from schemas.frame import Frame, dtypes
from schemas.limits import Limits
from schemas.rejected import Unread

SHOWN_FAULTS = 20


def read_inventory(root: Path, limits: Limits) -> Desired:
    """Return the desired state that the folder's files ask for, and what of them could not be read.

    Raises `InventoryError` where there is no `hosts/` folder, it names no node, or no `services.yaml` can be read.
    """
    return build_desired(list_inventory(root, limits), limits)


def build_desired(files: InventoryFiles, limits: Limits, parse: ServicesParser = parse_services) -> Desired:
    """Return the desired state of an inventory's files: a pure function of their paths and bytes.

    A node whose `services.yaml` is faulty keeps its row and loses its services, which are unknown then. Frames are
    sorted by node and service. `parse` may remember what it returned for the same bytes and limits. Raises
    `InventoryError` as `read_inventory` does.
    """
    rows = InventoryRows(files, limits, parse)
    rows.gather()
    _refuse_nothing(rows, files.source)
    return Desired(
        DesiredNode.validate(_frame(DesiredNode, rows.nodes.values()).sort("node"), lazy=True),
        DesiredService.validate(_frame(DesiredService, rows.services).sort("node", "service"), lazy=True),
        Dependency.validate(_sorted(_frame(Dependency, rows.dependencies)), lazy=True),
        Unread.validate(_sorted(_frame(Unread, rows.unread)), lazy=True),
        ListedService.validate(_sorted(_frame(ListedService, rows.listed)), lazy=True),
    )


def _refuse_nothing(rows: InventoryRows, source: str) -> None:
    """Refuse an inventory that names no node, or of which no `services.yaml` could be read: it asks for nothing known."""
    faults = [str(row) for row in sorted(rows.unread, key=str) if not row.is_warning]
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


def _frame(schema: type[Frame], rows: Iterable[tuple[Any, ...]]) -> pl.DataFrame:
    """Return a frame of rows, handed over by column, which is how polars takes many of them fastest."""
    types = dtypes(schema)
    return pl.DataFrame(dict(zip(types, zip(*rows, strict=True), strict=False)), schema=types)


def _sorted(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.unique().sort(rows.columns)

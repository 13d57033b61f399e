"""The inventory: the desired state, and every fault of its files as data (CONTRACT 1)."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from flows.errors import InventoryError
from flows.sources.inventory.apart import Asked, name_apart
from flows.sources.inventory.cache import InventoryCache
from flows.sources.inventory.entry_hash import EntryHashes, hash_list
from flows.sources.inventory.files import HOSTS, InventoryFiles
from flows.sources.inventory.jobs import mark_jobs
from flows.sources.inventory.known_files import KnownServices
from flows.sources.inventory.listing import list_inventory
from flows.sources.inventory.pack import add_dependencies, add_entries
from flows.sources.inventory.row_types import by_place
from flows.sources.inventory.rows import InventoryRows, Parsers
from flows.sources.inventory.services_file import TEXTS
from schemas.desired import (
    ContainerName,
    Dependency,
    Desired,
    DesiredNode,
    DesiredService,
    ListedService,
    MaintenanceWindow,
)
from schemas.frame import RepeatedText, columns, dtypes
from schemas.limits import Limits
from schemas.rejected import Unread
from schemas.rules import Rules
from schemas.words import RunMode

RULES = Rules()
SHOWN_FAULTS = 20
PLACE = {"node": pl.String, "stack": pl.String, "file": pl.String}
SERVICE = PLACE | {
    "service": pl.String,
    "is_monitored": pl.Boolean,
    "run": pl.Enum(RunMode),
    "is_never_restarted": pl.Boolean,
    **{name: dtypes(DesiredService)[name] for name in TEXTS},
    "entry": pl.String,
    "line": pl.Int32,
}
HASHED = [name for name in SERVICE if name != "entry"] + ["entry_hash"]
ENTRY = {"entry": pl.String, "entry_hash": pl.String}
DEPENDENCY = PLACE | {
    name: dtypes(Dependency)[name] for name in ("service", "dependency", "scope", "is_completion", "line")
}
NAME = PLACE | {"service": pl.String, "name": pl.String}
BAD = PLACE | {"service": pl.String, "line": pl.Int32, "column": pl.Int32, "problem": pl.String}
WINDOW = PLACE | {
    name: dtypes(MaintenanceWindow)[name]
    for name in ("service", "days", "from_min", "to_min", "first_on", "last_on", "zone", "line")
}


def read_inventory(root: Path, limits: Limits, cache: InventoryCache | None = None, rules: Rules = RULES) -> Desired:
    """Return the desired state that the folder's files ask for, and what of them could not be read.

    With a cache, only files with new content are parsed. Raises `InventoryError` where there is no `hosts/` folder, it
    names no node, or no file of services can be read.
    """
    return build_desired(list_inventory(root, limits), limits, cache=cache, rules=rules)


def build_desired(
    files: InventoryFiles,
    limits: Limits,
    parsers: Parsers | None = None,
    cache: InventoryCache | None = None,
    rules: Rules = RULES,
) -> Desired:
    """Return the desired state of an inventory's files: a pure function of their paths and bytes, and of the rules.

    A node with a file that cannot be read keeps its row, and the services that its other files ask for. Frames are
    sorted by node and service. Neither the parsers, which may remember what they returned, nor the cache, which
    comes with its own, changes the outcome. Raises `InventoryError` as `read_inventory` does.
    """
    known = cache.files.find_same_contents(files) if cache else None
    parsers = cache.files.parsers() if cache else parsers or Parsers()
    rows = InventoryRows(files, limits, rules, parsers, known.numbers if known else ())
    rows.gather()
    _refuse_nothing(rows, files.source)
    if cache:
        cache.files.keep_contents()
    hashes = EntryHashes()
    asked = name_apart(_gather_asked(rows, known, hashes))
    dependencies = pl.concat(
        [asked.dependencies.select(columns(Dependency)), _frame(dtypes(Dependency), rows.declared)]
    )
    unread = pl.concat([_unread(rows, known), asked.faults.select(columns(Unread))])
    entries = pl.concat([_frame(ENTRY, hashes.items()), *([known.entries.select(list(ENTRY))] if known else [])])
    marked = mark_jobs(asked.services, dependencies)
    services = _complete(marked, unread, _hash_desired(marked, entries, rows.documents))
    return Desired(
        DesiredNode.validate(
            _frame(dtypes(DesiredNode), [row.to_row() for row in rows.nodes.values()]).sort("node"), lazy=True
        ),
        DesiredService.validate(_sorted_services(services), lazy=True),
        Dependency.validate(_sorted(dependencies), lazy=True),
        Unread.validate(_sorted(unread), lazy=True),
        ListedService.validate(_sorted(_frame(dtypes(ListedService), rows.listed)), lazy=True),
        ContainerName.validate(_sorted(asked.names.select(columns(ContainerName))), lazy=True),
        MaintenanceWindow.validate(_sorted_windows(asked.windows), lazy=True),
    )


def _gather_asked(rows: InventoryRows, known: KnownServices | None, hashes: EntryHashes) -> Asked:
    """Return the rows of files that are known and of those just read, the entries of which are added to the hashes."""
    services, dependencies = _frame(SERVICE, rows.services), _frame(DEPENDENCY, rows.dependencies)
    own = pl.Series([hashes[entry] for entry in services["entry"]], dtype=RepeatedText)
    services = services.with_columns(entry_hash=own).select(HASHED)
    if known is not None:
        placed = _of_places(known.services, rows, known, "service")
        services = pl.concat([services, add_entries(placed, known.entries).select(HASHED)])
        declared = add_dependencies(placed, known.dependencies).select(list(DEPENDENCY))
        dependencies = pl.concat([dependencies, declared])
    bad, names, windows = _frame(BAD, rows.bad), _frame(NAME, rows.names), _frame(WINDOW, rows.windows)
    return Asked(services, dependencies, names, windows, bad)


def _hash_desired(services: pl.DataFrame, entries: pl.DataFrame, documents: dict[str, str]) -> pl.Series:
    """Return the hash of what is said of each service: that of its entry, or with a `service.yaml` of both."""
    is_documented = services["service"].is_in(list(documents))
    if not is_documented.any():
        return services["entry_hash"]
    documented = services.filter(is_documented).select("service", pl.col("entry_hash").cast(pl.String))
    found = documented.unique().join(entries, on="entry_hash").unique()
    hashes = [hash_list(entry, documents[service]) for service, entry in found.select("service", "entry").iter_rows()]
    known = found.select("service", "entry_hash", desired_hash=pl.Series(hashes, dtype=pl.String))
    # Joining these alone spares a large fleet a copy of all its services.
    whole = documented.join(known, on=["service", "entry_hash"], how="left", maintain_order="left")
    return services["entry_hash"].clone().scatter(is_documented.arg_true(), whole["desired_hash"].cast(RepeatedText))


def _complete(services: pl.DataFrame, unread: pl.DataFrame, desired_hash: pl.Series) -> pl.DataFrame:
    """Return the columns of `DesiredService`: with what is known of each `service.yaml`."""
    faulty = unread.filter(pl.col("node").is_null() & pl.col("service").is_not_null() & ~pl.col("is_warning"))
    return services.with_columns(
        desired_hash=desired_hash,
        has_readable_dependencies=~pl.col("service").is_in(faulty["service"].unique().to_list()),
    ).select(pl.col(name).cast(kind) for name, kind in dtypes(DesiredService).items())


def _unread(rows: InventoryRows, known: KnownServices | None) -> pl.DataFrame:
    gathered = _frame(dtypes(Unread), rows.unread)
    if known is None or not known.warnings.height:
        return gathered
    nothing = {name: pl.lit(None, pl.String) for name in ("node", "service")}
    told = _of_places(known.warnings, rows, known).with_columns(**nothing, is_warning=pl.lit(True))
    return pl.concat([gathered, told.select(gathered.columns)])


def _of_places(by_file: pl.DataFrame, rows: InventoryRows, known: KnownServices, *order: str) -> pl.DataFrame:
    """Return the rows of known files with the place of each, by node and the order; equal files are of several nodes."""
    places = _frame(
        {"file_number": pl.UInt32, **PLACE}, [(known.numbers[path], *place) for path, place in rows.taken.items()]
    ).sort("node")
    numbered = places.select(file="file_number").with_row_index("place")
    # What is put in order while it is narrow need not be copied again when it is wide.
    found = by_file.join(numbered, on="file").sort("place", *order)
    return pl.concat([places.drop("file_number")[found["place"]], found.drop("file", "place")], how="horizontal")


def _refuse_nothing(rows: InventoryRows, source: str) -> None:
    """Refuse an inventory that names no node, or of which no file of services can be read."""
    faults = [str(row) for row in sorted(rows.unread, key=by_place) if not row.is_warning]
    has_asked = any(row.file.startswith(f"{HOSTS}/") for row in rows.nodes.values())
    if rows.nodes and (rows.are_services_readable or not has_asked):
        return
    rest = f"\nand {len(faults) - SHOWN_FAULTS} more" if len(faults) > SHOWN_FAULTS else ""
    listed = "".join(f"\n{fault}" for fault in faults[:SHOWN_FAULTS]) + rest
    unread = Unread.validate(_sorted(_frame(dtypes(Unread), rows.unread))) if faults else None
    where = f"{source}/{HOSTS}" if source else HOSTS
    if not rows.nodes:
        problem = "names no node; an inventory has a folder for each node there" if not faults else "names no node"
        raise InventoryError(f"{where}: {problem}{listed}", unread)
    raise InventoryError(f"{where}: no services.yaml can be read{listed}", unread)


def _frame(types: dict[str, Any], rows: Iterable[tuple[Any, ...]]) -> pl.DataFrame:
    """Return a frame of rows, handed over by column, which is how polars takes many of them fastest."""
    values: dict[str, Any] = dict(zip(types, zip(*rows, strict=True), strict=False))
    lists = {name: _share(values[name], types[name]) for name in values if isinstance(types[name], pl.List)}
    return pl.DataFrame(values | lists, schema=types)


def _share(lists: Sequence[tuple[Any, ...]], dtype: pl.List) -> pl.Series:
    """Return a column of lists, many of which are alike: polars takes a hundred times as long to make one as to repeat it."""
    places = {one: place for place, one in enumerate(dict.fromkeys(lists))}
    return pl.Series([*map(list, places)], dtype=dtype).gather([*map(places.__getitem__, lists)])


def _sorted(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows in order, each once; to see that no two have the same hash is a third of the work of telling them apart."""
    is_each_once = rows.hash_rows().n_unique() == rows.height
    return (rows if is_each_once else rows.unique()).sort(rows.columns)


def _sorted_services(services: pl.DataFrame) -> pl.DataFrame:
    """Return services by node and name, as they are where each node has one file: to see that costs less than to sort them."""
    nodes, names = services["node"], services["service"]
    is_sorted = nodes.is_sorted() and ((nodes[1:] != nodes[:-1]) | (names[1:] >= names[:-1])).all()
    return services if is_sorted else services.sort("node", "service")


def _sorted_windows(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(columns(MaintenanceWindow)).sort("node", "service", "file", "line", "from_min", "to_min")

"""The plan: which nodes to look at, how, and what of theirs runs for which service of the inventory (OBSERVER 3)."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from flows.files.foreign import FileFaultError, MissingFileError, read_file
from flows.observer.node_plan import NodePlan, read_block, read_seconds
from flows.observer.selectors import list_entries, list_selectors, make_selector, read_least
from flows.settings import Settings
from flows.sources.formats.yaml_strict import YamlFaultError, parse_yaml
from flows.sources.formats.yaml_tree import Node
from flows.sources.inventory.desired import build_desired
from flows.sources.inventory.files import HOSTS
from flows.sources.inventory.listing import list_inventory
from flows.sources.names import normalize_name
from schemas.desired import Desired
from schemas.frame import DataFrame, dtypes
from schemas.limits import Limits
from schemas.look_words import Run, SelectorKind
from schemas.wanted import Selector, WantedService

INTERMITTENT = timedelta(minutes=2)


@dataclass(frozen=True)
class Plan:
    """All that the inventory says to the observer."""

    nodes: Mapping[str, NodePlan]
    wanted: DataFrame[WantedService]
    selectors: DataFrame[Selector]
    unread_nodes: frozenset[str] = frozenset()
    """Nodes whose services cannot be read: what runs there keeps its last names."""
    problems: tuple[str, ...] = field(default=())
    unread: frozenset[str] = frozenset()
    """Those of the problems that are of a whole file: the inventory's own reader names them with their places."""
    places: pl.DataFrame = field(default_factory=pl.DataFrame)
    """Where each service is asked for: node, service, file, line."""


def read_plan(settings: Settings) -> Plan:
    """Return the plan of the inventory's files; raises `InventoryError` where nothing of it can be read."""
    root, limits = settings.inventory.absolute(), settings.limits
    desired = build_desired(list_inventory(root, limits), limits)
    reader = _Reader(root, limits, settings.observe_every, name_this_host(settings.node_alias_map))
    nodes = {row["node"]: reader.read_node(row) for row in desired.nodes.iter_rows(named=True) if _is_watched(row)}
    unread = frozenset(desired.nodes.filter(~pl.col("is_readable"))["node"])
    selectors = reader.selectors + _named_containers(desired, reader.selectors)
    return Plan(
        nodes,
        WantedService.validate(_wanted(desired, reader.options)),
        Selector.validate(pl.DataFrame(selectors, schema=dtypes(Selector), orient="row")),
        unread,
        tuple(reader.problems),
        frozenset(reader.unread),
        desired.services.select("node", "service", "file", "line"),
    )


def name_this_host(aliases: Mapping[str, str]) -> frozenset[str]:
    """Return the names by which an inventory may know the host that this runs on."""
    whole = normalize_name(socket.gethostname())
    own = {whole, whole.partition(".")[0]}
    return frozenset(own | {normalize_name(name) for alias, name in aliases.items() if normalize_name(alias) in own})


def _is_watched(row: Mapping[str, Any]) -> bool:
    """Return whether a node is looked at: one that is not monitored may be away, and nothing is asked of it."""
    return row["is_monitored"] is not False


def _wanted(desired: Desired, options: Mapping[tuple[str, str], Mapping[str, Any]]) -> pl.DataFrame:
    rows = []
    for service in desired.services.iter_rows(named=True):
        told = options.get((service["node"], service["service"]), {})
        run = str(service["run"]) if str(service["run"]) in set(Run) else None
        rows.append(
            {
                "node": service["node"],
                "service": service["service"],
                "is_monitored": service["is_monitored"],
                "run": run,
                "every_s": told.get("every_s"),
                "least_replicas": told.get("least_replicas"),
            }
        )
    return (
        pl.DataFrame(rows, schema=dtypes(WantedService))
        .unique(["node", "service"], keep="first")
        .sort("node", "service")
    )


def _named_containers(desired: Desired, selectors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return selectors for the container names that other files of a node give: compose files."""
    known = {(row["node"], row["service"]) for row in selectors if row["kind"] is SelectorKind.CONTAINER}
    return [
        make_selector(row["node"], row["service"], SelectorKind.CONTAINER, row["name"], 1)
        for row in desired.names.iter_rows(named=True)
        if (row["node"], row["service"]) not in known
    ]


class _Reader:
    """Reads `node.yaml` and the selectors of `services.yaml`, whose other keys the inventory's own reader judges."""

    def __init__(self, root: Path, limits: Limits, every: timedelta, here: frozenset[str]) -> None:
        self.root, self.limits, self.every, self.here = root, limits, every, here
        self.folders = {normalize_name(entry.name): entry.name for entry in (root / HOSTS).iterdir() if entry.is_dir()}
        self.selectors: list[dict[str, Any]] = []
        self.options: dict[tuple[str, str], dict[str, Any]] = {}
        self.problems: list[str] = []
        self.unread: list[str] = []

    def read_node(self, row: Mapping[str, Any]) -> NodePlan:
        """Return how a node is looked at, and keep what its services say."""
        name = row["node"]
        folder = f"{HOSTS}/{self.folders.get(name, name)}"
        tree = self._read(f"{folder}/services.yaml")
        if tree is not None:
            self._read_services(name, f"{folder}/services.yaml", tree)
        plan = NodePlan(
            node=name,
            every=INTERMITTENT if row["is_intermittent"] else self.every,
            is_intermittent=row["is_intermittent"],
            is_here=name in self.here,
            roles=tuple(row["roles"] or ()),
        )
        file = f"{folder}/node.yaml"
        told = self._read(file)
        block = told.value.get("observe") if told is not None and isinstance(told.value, dict) else None
        if block is None:
            return plan
        try:
            return read_block(plan, block, (self.root / file).parent)
        except ValueError as error:
            problem = f"{file}:{block.line}: {error}"
            self.problems.append(problem)
            return NodePlan(**{**plan.__dict__, "addresses": (), "problem": problem})

    def _read(self, path: str) -> Node | None:
        try:
            most, setting = self.limits.max_inventory_file_bytes, self.limits.setting_of("max_inventory_file_bytes")
            data = read_file(Path(path), max_bytes=most, setting=setting, root=self.root).data
            return parse_yaml(data, self.limits, with_aliases=True)
        except MissingFileError:
            return None
        except (FileFaultError, YamlFaultError) as error:
            self.unread.append(f"{path}: cannot be read, so that how to look at its node is not known: {error}")
            self.problems.append(self.unread[-1])
            return None

    def _read_services(self, node: str, file: str, tree: Node) -> None:
        for name, at, options in list_entries(tree):
            service = normalize_name(name)
            try:
                self._read_options(node, service, at.line, options)
            except ValueError as error:
                self.problems.append(f"{file}:{at.line}: {service}: {error}")

    def _read_options(self, node: str, service: str, line: int, options: Mapping[str, Any]) -> None:
        runtime = options.get("runtime")
        runtime = runtime if isinstance(runtime, dict) else {}
        for kind, value, part, expect in list_selectors(options, runtime):
            self.selectors.append(make_selector(node, service, kind, value, line, part=part, expect=expect))
        told = {
            "every_s": read_seconds(options.get("every"), "every"),
            "least_replicas": read_least(options.get("replicas")),
        }
        self.options[node, service] = {key: value for key, value in told.items() if value is not None}

"""The plan: which nodes to look at, how, and what of theirs runs for which service of the inventory (OBSERVER 3)."""

import contextlib
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from flows.engines.address import CONTEXT, TlsFiles, Way, is_loopback, parse_address
from flows.engines.reasons import LookError
from flows.files.foreign import FileFaultError, MissingFileError, read_file
from flows.settings import Settings
from flows.sources.formats.yaml_strict import YamlFaultError, parse_yaml, to_plain
from flows.sources.formats.yaml_tree import Node
from flows.sources.inventory.desired import build_desired
from flows.sources.inventory.files import HOSTS, list_inventory
from flows.sources.inventory.tree_reader import describe_word
from flows.sources.names import normalize_name
from schemas.desired import Desired
from schemas.duration import parse_duration
from schemas.frame import DataFrame, dtypes
from schemas.limits import Limits
from schemas.look_words import Run, SelectorKind
from schemas.wanted import Selector, WantedService

OBSERVE_KEYS = ("docker", "tls", "systemd", "every", "part")
TLS_KEYS = ("ca", "cert", "key")
INTERMITTENT = timedelta(minutes=2)
NONE, SSH = "none", "ssh://"
USER = re.compile(r"^([a-z]+://)[^/?#]*@")
"""User and password of an address: a probe sends none, so that none is remembered."""


@dataclass(frozen=True, kw_only=True)
class NodePlan:
    """How one node is looked at."""

    node: str
    addresses: tuple[str, ...] | None = None
    """Where its engines are; None where its `node.yaml` says nothing of it, so that the default holds."""
    tls: TlsFiles | None = None
    has_systemd: bool = False
    every: timedelta = timedelta(seconds=30)
    part: str | None = None
    """The file that the node itself pushes, in place of looking at it; or `ssh://` where a forced command tells it."""
    is_intermittent: bool = False
    is_here: bool = False
    """It is the host that the observer runs on."""
    roles: tuple[str, ...] = ()
    problem: str | None = None
    """Why its `observe` block cannot be used."""


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


def find_doubles(plan: Plan) -> list[str]:
    """Return a sentence for each container, project or unit that two entries of a node select, with both places."""
    what = ["node", "kind", "value", "part"]
    names = plan.selectors.filter(pl.col("kind") != SelectorKind.PROBE).select(*what, "service").unique()
    twice = (
        names.join(plan.places, on=["node", "service"])
        .sort("file", "line")
        .group_by(what, maintain_order=True)
        .agg("service", "file", "line")
        .filter(pl.col("service").list.len() > 1)
    )
    return [_say_double(row) for row in twice.iter_rows(named=True)]


def _say_double(row: Mapping[str, Any]) -> str:
    (one, other), (file, here), (first, line) = (row[name][:2] for name in ("service", "file", "line"))
    there = f"line {first}" if file == here else f"{file}:{first}"
    counts = ", so that its records count for neither" if row["kind"] == SelectorKind.CONTAINER else ""
    what = f"{here}:{line}: {other} selects the {row['kind']} {row['value']!a}"
    return f"{what} that {one} in {there} selects{counts}; say it at one of them"


def find_unusable(plan: Plan) -> list[str]:
    """Return a sentence for each address of an engine that is none; what a context leads to is of each machine."""
    faults = []
    for node in plan.nodes.values():
        for text in node.addresses or ():
            try:
                _ = None if text.startswith(CONTEXT) else parse_address(text, node.tls)
            except LookError as error:
                faults.append(f"hosts/{node.node}/node.yaml: observe.docker: {error}")
    return faults


def warn_of_plain(plan: Plan) -> list[str]:
    """Return a warning for each engine that is asked over the network without TLS: whoever can reach it, is root."""
    warnings = []
    for node in plan.nodes.values():
        for text in node.addresses or ():
            with contextlib.suppress(LookError):
                address = parse_address(text, node.tls)
                if address.way is Way.TCP and address.tls is None and not is_loopback(address.host):
                    warnings.append(
                        f"{node.node}: {text} has no TLS: whoever reaches that port is root there; use ssh://, or TLS"
                    )
    return warnings


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
        _selector(row["node"], row["service"], SelectorKind.CONTAINER, row["name"], 1)
        for row in desired.names.iter_rows(named=True)
        if (row["node"], row["service"]) not in known
    ]


def _selector(node: str, service: str, kind: SelectorKind, value: str, line: int, **more: str | None) -> dict[str, Any]:
    named = {"node": node, "service": service, "kind": kind, "value": value, "part": None, "expect": None, "line": line}
    return named | more


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
            return _read_block(plan, block, (self.root / file).parent)
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
        for name, at, options in _entries(tree):
            service = normalize_name(name)
            try:
                self._read_options(node, service, at.line, options)
            except ValueError as error:
                self.problems.append(f"{file}:{at.line}: {service}: {error}")

    def _read_options(self, node: str, service: str, line: int, options: Mapping[str, Any]) -> None:
        runtime = options.get("runtime")
        runtime = runtime if isinstance(runtime, dict) else {}
        for kind, value, part, expect in _list_selectors(options, runtime):
            self.selectors.append(_selector(node, service, kind, value, line, part=part, expect=expect))
        told = {"every_s": _seconds(options.get("every"), "every"), "least_replicas": _least(options.get("replicas"))}
        self.options[node, service] = {key: value for key, value in told.items() if value is not None}


def _entries(tree: Node) -> Iterator[tuple[str, Node, Mapping[str, Any]]]:
    """Yield name, place and options of each entry, of every accepted form; a bad one is passed over here."""
    value = tree.value
    listed = value.get("services", tree) if isinstance(value, dict) else tree
    if isinstance(listed.value, dict):
        for name, at in listed.value.items():
            yield name, at, to_plain(at) if isinstance(at.value, dict) else {}
    elif isinstance(listed.value, list):
        for at in listed.value:
            options = to_plain(at) if isinstance(at.value, dict) else {"name": at.value}
            if isinstance(options.get("name"), str):
                yield options["name"], at, options


def _list_selectors(
    options: Mapping[str, Any], runtime: Mapping[str, Any]
) -> Iterator[tuple[SelectorKind, str, str | None, str | None]]:
    """Yield kind, value, Compose service and expectation of each selector of an entry."""
    several = options.get("containers")
    names = [
        options.get("container_name"),
        *(several if isinstance(several, list) else [several]),
        runtime.get("container"),
    ]
    for name in _texts(names, "a container's name"):
        yield SelectorKind.CONTAINER, name.lstrip("/").lower(), None, None
    part = _text(runtime.get("compose_service"), "compose_service")
    for project in _texts([runtime.get("project")], "project"):
        yield SelectorKind.PROJECT, project.lower(), part.lower() if part else None, None
    for unit in _texts(_several(runtime.get("unit")), "unit"):
        yield SelectorKind.UNIT, unit if "." in unit else f"{unit}.service", None, None
    expect = runtime.get("expect")
    for probe in _texts(_several(runtime.get("probe")), "probe"):
        yield SelectorKind.PROBE, USER.sub(r"\1", probe), None, str(expect) if expect is not None else None


def _several(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _texts(values: list[Any], what: str) -> Iterator[str]:
    for value in values:
        text = _text(value, what)
        if text:
            yield text


def _text(value: object, what: str) -> str | None:
    if value is None or isinstance(value, str):
        return value.strip() if value else None
    raise ValueError(f"{what}: expected a text, found {describe_word(value)}")


def _seconds(value: object, what: str) -> float | None:
    if value is None:
        return None
    duration = parse_duration(value)
    if isinstance(duration, timedelta) and duration > timedelta(0):
        return duration.total_seconds()
    raise ValueError(f"{what}: expected a duration such as 30s, 15m or 1d")


def _least(value: object) -> int | None:
    least = value.get("min") if isinstance(value, dict) else None
    if value is None or (isinstance(least, int) and not isinstance(least, bool) and least > 0):
        return least
    raise ValueError("replicas: expected {min: N}, with N of at least 1")


def _read_block(plan: NodePlan, block: Node, folder: Path) -> NodePlan:
    """Return the plan with what an `observe` block says; raises `ValueError` with what is wrong with it."""
    told = to_plain(block)
    if not isinstance(told, dict):
        raise ValueError("observe: expected a mapping such as {docker: ssh://user@host}")
    unknown = sorted(set(told) - set(OBSERVE_KEYS))
    if unknown:
        raise ValueError(f"observe: unknown key {unknown[0]!a}; there are {', '.join(OBSERVE_KEYS)}")
    every, part, systemd = _seconds(told.get("every"), "observe.every"), told.get("part"), told.get("systemd")
    if part is not None and not isinstance(part, str):
        raise ValueError("observe.part: expected the path of a file")
    if systemd not in {None, True, False}:
        raise ValueError("observe.systemd: expected true or false")
    given = plan.__dict__ | {
        "addresses": _addresses(told["docker"]) if "docker" in told else plan.addresses,
        "tls": _read_tls(told.get("tls"), folder),
        "has_systemd": bool(systemd),
        "every": timedelta(seconds=every) if every else plan.every,
        "part": part if part is None or part.startswith(SSH) else str(folder / Path(part).expanduser()),
    }
    return NodePlan(**given)


def _addresses(value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    texts = [text for text in listed if isinstance(text, str)]
    if len(texts) < len(listed):
        raise ValueError("observe.docker: expected an address such as ssh://user@host, a list of them, or none")
    return tuple(text for text in texts if text != NONE)


def _read_tls(value: object, folder: Path) -> TlsFiles | None:
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) - set(TLS_KEYS) or not all(isinstance(v, str) for v in value.values()):
        raise ValueError("observe.tls: expected {ca: FILE, cert: FILE, key: FILE}")
    if ("cert" in value) != ("key" in value):
        raise ValueError("observe.tls: cert and key belong together")
    files = {name: folder / Path(file).expanduser() for name, file in value.items()}
    return TlsFiles(ca=files.get("ca"), cert=files.get("cert"), key=files.get("key"))

"""What the inventory asks for: `hosts/`, `inventory/topology.yaml`, `services/` and compose files (SEMANTICS 2)."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

import yaml

from benchmarks.peers.plain.times import is_fault
from benchmarks.peers.plain.times import listed as listed_windows

Target = tuple[str, str]
"""`(node, service)`."""
Loader = Literal["safe", "c"]
COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
PLATFORM = ("services.yaml", "capabilities.yaml", "node.yaml", "networking.yaml", "paths.yaml")
COMPLETION = "service_completed_successfully"
BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class NothingReadableError(ValueError):
    """No file of services can be read: the run fails."""


class BadEntryError(ValueError):
    """One entry of a file of services that cannot be read; it costs its service."""


@dataclass(frozen=True)
class Need:
    """One declared dependency; `scope` is `local`, `external` or `anywhere` (local first)."""

    scope: str
    name: str
    waits_for_completion: bool = False


@dataclass
class Service:
    """One service that a node is asked for."""

    node: str
    name: str
    given: str
    """Its name in its own file."""
    stack: str | None = None
    is_readable: bool = True
    is_monitored: bool = True
    run: str = ""
    """`once`, `scheduled`, or empty: it is no job."""
    is_never_restarted: bool = False
    needs: list[Need] = field(default_factory=list)
    containers: list[str] = field(default_factory=list)
    windows: Any = None

    @property
    def target(self) -> Target:
        return self.node, self.name


@dataclass
class Node:
    """One node that is asked for."""

    name: str
    is_monitored: bool = True
    is_intermittent: bool = False
    is_best_effort: bool = False
    is_grace_known: bool = True
    """False where `capabilities.yaml` cannot be read: it may be intermittent or not."""
    has_inventory: bool = True
    """It has a folder, or services in the topology."""
    is_open: bool = False
    """It may ask for more than can be read."""
    bad: set[str] = field(default_factory=set)
    """Names of the services whose entry cannot be read."""
    windows: Any = None


@dataclass
class Desired:
    """What the inventory asks for."""

    nodes: dict[str, Node] = field(default_factory=dict)
    unmonitored: set[str] = field(default_factory=set)
    """Nodes with `monitor: false`; nothing of them is asked for."""
    services: dict[Target, Service] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    """The files and entries that cannot be read."""
    is_topology_known: bool = True
    """False where it cannot be read: it may ask for any node."""
    named: set[Target] = field(default_factory=set)
    """Every service of a file that can be read, of unmonitored nodes as well."""

    def may_ask_for(self, target: Target) -> bool:
        """Return whether what cannot be read may ask for a service that is not known to be asked for."""
        node = self.nodes.get(target[0])
        return node is not None and (node.is_open or target[1] in node.bad)


def name_of(value: object) -> str:
    """Return a name as it is compared: stripped, in lower case."""
    return str(value).strip().lower()


def boolean(value: object) -> bool:
    """Return a boolean, which may be written as YAML 1.1 does."""
    if isinstance(value, str) and name_of(value) in BOOLEANS:
        return BOOLEANS[name_of(value)]
    if not isinstance(value, bool):
        raise BadEntryError(f"no boolean: {value!r}")
    return value


def read_inventory(root: Path, loader: Loader, rules: dict[str, Any]) -> Desired:
    """Return the desired state; files that cannot be read are named in it, and cost what needs them."""
    return _Reader(root, loader, rules).read()


class _Reader:
    def __init__(self, root: Path, loader: Loader, rules: dict[str, Any]) -> None:
        self.root, self.rules = root, rules
        self.loader = yaml.CSafeLoader if loader == "c" else yaml.SafeLoader
        self.desired = Desired()
        self.files: list[bool] = []
        """Of each file of services, and of each node without one, whether it could be read."""

    def read(self) -> Desired:
        for folder in sorted(path for path in (self.root / "hosts").iterdir() if path.is_dir()):
            if not self.is_ignored(folder) and self.is_node(folder):
                self.read_host(folder)
        if self.files and not any(self.files):
            raise NothingReadableError
        topology, self.desired.is_topology_known = self.load(self.root / "inventory" / "topology.yaml")
        for name, fields in (topology.get("nodes") or {}).items():
            self.read_topology(name, fields or {})
        self.read_shared()
        for service in self.desired.services.values():
            service.needs = list(dict.fromkeys(service.needs))
        self.find_jobs()
        self.drop_unmonitored()
        return self.desired

    def load(self, path: Path) -> tuple[dict[str, Any], bool]:
        """Return a file's mapping, empty where there is none; and whether it could be read."""
        if not path.exists():
            return {}, True
        try:
            with path.open("rb") as file:
                found = yaml.load(file, Loader=self.loader)
        except yaml.YAMLError:
            found = path
        if found is not None and not isinstance(found, dict):
            self.desired.unread.append(str(path.relative_to(self.root)))
            return {}, False
        return found or {}, True

    def is_ignored(self, folder: Path) -> bool:
        return any(fnmatchcase(folder.name, glob) for glob in self.rules["ignore_hosts"])

    def is_node(self, folder: Path) -> bool:
        return any((folder / name).exists() for name in PLATFORM) or any(self.compose_files(folder))

    def compose_files(self, folder: Path) -> Iterator[Path]:
        """Yield the first compose file of a node's folder, and of each folder in it."""
        if not self.rules["compose"]:
            return
        inner = sorted(path for path in folder.iterdir() if path.is_dir() and not self.is_ignored(path))
        for place in [folder, *inner]:
            yield from [place / name for name in COMPOSE if (place / name).exists()][:1]

    def read_host(self, folder: Path) -> None:
        node = Node(name_of(folder.name))
        self.desired.nodes[node.name] = node
        document, node.is_grace_known = self.load(folder / "capabilities.yaml")
        operational = document.get("capabilities", document).get("operational") or {}
        node.is_intermittent = not node.is_grace_known or name_of(operational.get("connectivity")) == "intermittent"
        node.is_best_effort = name_of(operational.get("availability_target")) == "best-effort"
        entry, _ = self.load(folder / "node.yaml")
        try:
            node.is_monitored = boolean(entry.get("monitor", True))
        except BadEntryError as error:
            self.desired.unread.append(f"{folder.name}/node.yaml: {error}")
        node.windows = entry.get("maintenance")
        self.tell_windows(f"{folder.name}/node.yaml", node.windows)
        stacks = {path.parent.name.strip().lower(): path for path in self.compose_files(folder)}
        found = self.read_services(node, folder / "services.yaml", None)
        for stack, path in stacks.items():
            found += self.read_services(node, path, stack)
        if not stacks and not (folder / "services.yaml").exists():
            self.files.append(True)  # it asks for nothing, which is known
        self.name_apart(found)
        node.bad = {service.name for service in found if not service.is_readable}
        self.desired.services |= {service.target: service for service in found if service.is_readable}

    def tell_windows(self, place: str, windows: Any) -> None:
        """Note the windows that cannot be read."""
        self.desired.unread += [f"{place}: maintenance" for window in listed_windows(windows) if is_fault(window)]

    def read_services(self, node: Node, path: Path, stack: str | None) -> list[Service]:
        """Return what one file asks for; what cannot be read of it is noted at its node."""
        document, is_readable = self.load(path)
        node.is_open |= not is_readable
        if path.exists():
            self.files.append(is_readable)
        found = []
        for name, fields in listed(document.get("services")):
            if name is None:
                node.is_open = True
                self.desired.unread.append(f"{path.relative_to(self.root)}: an entry without a name")
                continue
            service = Service(node.name, name_of(name), name_of(name), stack)
            try:
                if fill(service, fields, self.rules):
                    found.append(service)
                self.tell_windows(f"{path.relative_to(self.root)}: {name}", service.windows)
            except BadEntryError as error:
                service.is_readable = False
                found.append(service)
                self.desired.unread.append(f"{path.relative_to(self.root)}: {name}: {error}")
        return found

    def name_apart(self, found: list[Service]) -> None:
        """Name a service that two files of one node use after its stack, and let needs find their own file first."""
        for service in found:
            is_shared = sum(other.given == service.given for other in found) > 1
            if is_shared and service.stack is not None:
                service.name = f"{service.stack}-{service.given}"
        for service in found:
            own = {other.given: other.name for other in found if other.stack == service.stack}
            service.needs = [
                need if need.scope == "external" else replace(need, name=own.get(need.name, need.name))
                for need in service.needs
            ]

    def read_topology(self, name: object, fields: dict[str, Any]) -> None:
        node = self.desired.nodes.get(name_of(name))
        if node is None:
            node = Node(name_of(name), has_inventory=bool(fields.get("services")))
            self.desired.nodes[node.name] = node
        node.is_monitored &= boolean(fields.get("monitor", True))

    def read_shared(self) -> None:
        """Add the dependencies that `services/<service>/service.yaml` declares."""
        for path in sorted(self.root.glob("services/*/service.yaml")):
            document, _ = self.load(path)
            service, name = document.get("service") or {}, name_of(path.parent.name)
            needs = [Need("anywhere", name_of(needed)) for needed in service.get("dependencies") or []]
            for target, asked in self.desired.services.items():
                if target[1] == name:
                    asked.needs += needs

    def find_jobs(self) -> None:
        """Take for a job what is never restarted, and whose end somebody waits for."""
        services = self.desired.services
        for service in services.values():
            for need in service.needs:
                job = services.get((service.node, need.name))
                if need.waits_for_completion and job and job.is_never_restarted and not job.run:
                    job.run = "once"

    def drop_unmonitored(self) -> None:
        desired = self.desired
        desired.unmonitored = {name for name, node in desired.nodes.items() if not node.is_monitored}
        for name in desired.unmonitored:
            del desired.nodes[name]
        desired.named = {*desired.services}
        desired.services = {key: value for key, value in desired.services.items() if key[0] in desired.nodes}


def listed(services: Any) -> Iterator[tuple[Any, Any]]:
    """Yield name and fields of a mapping of services, or of a list of names and of mappings with a name."""
    if isinstance(services, dict):
        yield from services.items()
    for entry in services if isinstance(services, list) else []:
        yield (entry.get("name"), entry) if isinstance(entry, dict) else (entry, None)


def fill(service: Service, fields: Any, rules: dict[str, Any]) -> bool:
    """Fill in what an entry says of its service; return whether it is asked for at all."""
    if fields is not None and not isinstance(fields, dict):
        raise BadEntryError("neither a mapping nor null")
    fields = fields or {}
    service.is_monitored = boolean(fields.get("monitor", True)) and boolean(fields.get("enabled", True))
    service.run = name_of(fields.get("run") or "")
    if service.run not in {"", "once", "scheduled"}:
        raise BadEntryError(f"another word for run: {service.run}")
    service.is_never_restarted = fields.get("restart") is False or fields.get("restart") == "no"
    service.needs = list(declared(fields))
    named = fields.get("containers") or []
    containers = [*filter(None, [fields.get("container_name")]), *named]
    service.containers = [name_of(name).lstrip("/") for name in containers]
    service.windows = fields.get("maintenance")
    profiles = fields.get("profiles") or []
    is_idle = "0" in {str(fields.get("scale")), str((fields.get("deploy") or {}).get("replicas"))}
    return not is_idle and (not profiles or bool(set(profiles) & set(rules["profiles"])))


def declared(fields: dict[str, Any]) -> Iterator[Need]:
    """Yield each dependency that one service's entry declares, in the platform's form and in Compose's."""
    depends_on = fields.get("depends_on") or []
    if isinstance(depends_on, list):
        yield from (Need("anywhere", name_of(name)) for name in depends_on)
    elif isinstance(depends_on, dict):
        for key, value in depends_on.items():
            if key in {"local", "external"} and (value is None or isinstance(value, list)):
                yield from (Need(key, name_of(name)) for name in value or [])
            else:
                condition = value.get("condition") if isinstance(value, dict) else None
                yield Need("local", name_of(key), condition == COMPLETION)
    else:
        raise BadEntryError("depends_on is neither list nor mapping")
    yield from (Need("local", name_of(link.partition(":")[0])) for link in fields.get("links") or [])
    for key in ("network_mode", "ipc", "pid"):
        scheme, _, name = str(fields.get(key) or "").partition(":")
        if scheme == "service":
            yield Need("local", name_of(name))
    for mounted in fields.get("volumes_from") or []:
        if not mounted.startswith("container:"):
            yield Need("local", name_of(mounted.partition(":")[0]))

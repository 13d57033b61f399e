"""The rows of an inventory, gathered file by file; each fault becomes a row with the scope that it leaves unknown."""

from collections.abc import Callable, Container, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from flows.sources.formats.yaml_tree import Fault
from flows.sources.inventory.entry_hash import NULL
from flows.sources.inventory.entry_options import window_row
from flows.sources.inventory.files import (
    CAPABILITIES_FILE,
    HOSTS,
    NODE_FILE,
    SERVICE_FILE,
    SERVICES,
    SERVICES_FILE,
    TOPOLOGY,
    InventoryFiles,
    is_compose_path,
)
from flows.sources.inventory.folders import NodeFiles, find_node_files
from flows.sources.inventory.other_files import (
    ParsedCapabilities,
    ParsedNode,
    ParsedService,
    ParsedTopology,
    parse_capabilities,
    parse_node,
    parse_service,
)
from flows.sources.inventory.plain_topology import read_topology
from flows.sources.inventory.row_types import NodeRow, Place, Row, UnreadRow
from flows.sources.inventory.services_file import ParsedServices, parse_services
from flows.sources.names import explain_name, normalize_name
from schemas.limits import Limits
from schemas.rules import Rules
from schemas.words import DependencyScope


class Parsers(NamedTuple):
    """What reads each kind of file; a parser may remember what it returned for the same arguments."""

    services: Callable[..., ParsedServices] = parse_services
    capabilities: Callable[[bytes, Limits], ParsedCapabilities] = parse_capabilities
    node: Callable[[bytes, Limits, str], ParsedNode] = parse_node
    topology: Callable[[bytes, Limits], ParsedTopology] = read_topology
    service: Callable[[bytes, Limits, str], ParsedService] = parse_service


class InventoryRows:
    """The rows so far; those of services, and of what belongs to them, begin with their `Place`."""

    def __init__(
        self,
        files: InventoryFiles,
        limits: Limits,
        rules: Rules,
        parsers: Parsers,
        known: Container[str] = frozenset(),
    ) -> None:
        """Begin with none; the rows of files of services at the known paths are not gathered, only their places."""
        self.nodes: dict[str, NodeRow] = {}
        self.services: list[Row] = []
        self.dependencies: list[Row] = []
        self.names: list[Row] = []
        self.windows: list[Row] = []
        self.bad: list[Row] = []
        """Bad entries: their place, service and fault."""
        self.declared: list[tuple[None, str, str, DependencyScope, bool, str, int]] = []
        """Dependencies that a `service.yaml` declares for every node, as rows of `Dependency`."""
        self.documents: dict[str, str] = {}
        """What the `service.yaml` of each service says, as canonical JSON."""
        self.listed: list[tuple[str, str | None, int]] = []
        self.unread: list[UnreadRow] = []
        self.taken: dict[str, Place] = {}
        """The places of the files at known paths."""
        self.are_services_readable = False
        """A file of services could be read, or no node has any."""
        self._files = files
        self._near_misses = _group_near_misses(files)
        self._limits = limits
        self._rules = rules
        self._parsers = parsers
        self._known = known

    def gather(self) -> None:
        """Read every file: the topology first, since `hosts/` has the last word on a node."""
        self._read_topology()
        found = find_node_files(self._files, self._rules)
        hosts = {folder: held for folder, held in found.items() if not self._is_passed_over(held)}
        for name, folders in self._name_folders(HOSTS, "node", hosts):
            if len(folders) > 1:
                self._refuse_collision(name, folders)
            else:
                self._read_host(name, hosts[folders[0]])
        for name, folders in self._name_folders(SERVICES, "service", self._service_folders()):
            self._read_service(name, folders)
        self._read_fleet_windows()

    def _service_folders(self) -> set[str]:
        paths = (*self._files.contents, *self._files.unreadable, *self._files.near_misses)
        return {path.split("/")[1] for path in paths if path.startswith(f"{SERVICES}/")}

    def _name_folders(self, parent: str, what: str, folders: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
        """Yield each name with the folders that spell it, in order; a folder that is no name is a fault."""
        named: dict[str, list[str]] = {}
        for folder in sorted(folders):
            problem = explain_name(folder, self._limits.max_name_length, what)
            if problem is None:
                named.setdefault(normalize_name(folder), []).append(folder)
            else:
                self._add(f"{parent}/{folder}", [Fault(None, None, problem)])
        yield from sorted(named.items())

    def _is_passed_over(self, found: NodeFiles) -> bool:
        """Return whether a folder under `hosts/` is no node: settings say so, or it holds none of a node's files."""
        if any(fnmatchcase(found.folder, pattern) for pattern in self._rules.ignore_hosts):
            return True
        if found.is_node:
            return False
        problem = f"holds none of a node's files, such as {SERVICES_FILE}, and is passed over; 'ignore_hosts' keeps this quiet"
        self._add(f"{HOSTS}/{found.folder}", [Fault(None, None, problem)], is_warning=True)
        return True

    def _refuse_collision(self, name: str, folders: list[str]) -> None:
        known = self.nodes.get(name, NodeRow(name, ""))
        self.nodes[name] = known._replace(
            is_readable=False, has_inventory=True, file=_printable(f"{HOSTS}/{folders[0]}")
        )
        spelled = " and ".join(_printable(f"{HOSTS}/{folder}") for folder in folders)
        problem = f"{spelled} are one node, since case and Unicode form make no difference; remove or rename one"
        self._add(f"{HOSTS}/{folders[0]}", [Fault(None, None, problem)], node=name)

    def _read_host(self, name: str, found: NodeFiles) -> None:
        path = f"{HOSTS}/{found.folder}"
        row = self.nodes.get(name, NodeRow(name, path))
        row = self._read_capabilities(row, f"{path}/{CAPABILITIES_FILE}")
        row = self._read_node_file(row, f"{path}/{NODE_FILE}")
        is_readable = self._read_node_services(name, path, found)
        services = f"{path}/{SERVICES_FILE}"
        own = [services] if self._is_there(services) else []
        file = (own + [stack for stack, _ in found.stacks] + [path])[0]
        self.nodes[name] = row._replace(is_readable=is_readable, has_inventory=True, file=_printable(file))

    def _is_read(self, path: str) -> bool:
        return path in self._files.contents or path in self._files.taken

    def _is_there(self, path: str) -> bool:
        return self._is_read(path) or path in self._files.unreadable

    def _read_capabilities(self, row: NodeRow, path: str) -> NodeRow:
        if path in self._files.unreadable:
            self._add(path, [Fault(None, None, self._files.unreadable[path])])
            return row._replace(connectivity="intermittent", is_intermittent=True, has_readable_capabilities=False)
        if path not in self._files.contents:
            self._tell_near_misses(path, is_warning=True)
            return row
        parsed = self._parsers.capabilities(self._files.contents[path], self._limits)
        self._add(path, parsed.faults)
        self._add(path, parsed.warnings, is_warning=True)
        return row._replace(
            connectivity=parsed.connectivity,
            is_intermittent=parsed.is_intermittent,
            is_best_effort=parsed.is_best_effort and not parsed.faults,
            has_readable_capabilities=not parsed.faults,
            capabilities=NULL if parsed.faults else parsed.document,
        )

    def _read_node_file(self, row: NodeRow, path: str) -> NodeRow:
        if path in self._files.unreadable:
            self._add(path, [Fault(None, None, self._files.unreadable[path])])
        if path not in self._files.contents:
            self._tell_near_misses(path, is_warning=True)
            return row
        parsed = self._parsers.node(self._files.contents[path], self._limits, self._rules.naive_timezone)
        self._add(path, parsed.faults)
        self._add(path, parsed.warnings, is_warning=True)
        self.windows += [(row.node, None, _printable(path), None, *window) for window in parsed.windows]
        return row._replace(is_monitored=row.is_monitored and parsed.is_monitored, document=parsed.document)

    def _read_node_services(self, node: str, folder: str, found: NodeFiles) -> bool:
        """Add what a node's files ask for; return whether that is all of it."""
        services = f"{folder}/{SERVICES_FILE}"
        is_there = self._is_there(services)
        is_near = self._tell_near_misses(services, node=None if is_there else node, is_warning=is_there)
        are_missed = is_near and not is_there
        for path in found.unreadable:
            self._add(path, [Fault(None, None, self._files.unreadable[path])], node=node)
        stacks = [(path, stack) for path, stack in found.stacks if path in self._files.contents]
        own = [(services, None)] if self._is_read(services) else []
        if not own and not found.stacks and not found.unreadable and not are_missed:
            self._add(
                folder, [Fault(None, None, "there is no services.yaml: a node without services")], is_warning=True
            )
            self.are_services_readable = True
        are_read = [self._read_services(Place(node, stack, _printable(path)), path) for path, stack in [*own, *stacks]]
        return all(are_read) and not found.unreadable and not are_missed

    def _read_services(self, place: Place, path: str) -> bool:
        """Add the services and dependencies of one file; return whether it says clearly what it asks for."""
        if path in self._known:
            self.taken[path] = place
            self.are_services_readable = True
            return True
        data = self._files.contents[path]
        parsed = self._parsers.services(data, self._limits, self._rules, is_compose=is_compose_path(path))
        self._add(path, parsed.faults, node=place.node)
        self._add(path, parsed.shut)
        self._add(path, parsed.warnings, is_warning=True)
        self.services += [(*place, *row) for row in parsed.services]
        self.dependencies += [(*place, *row) for row in parsed.dependencies]
        self.names += [(*place, *row) for row in parsed.names]
        self.bad += [(*place, service, *fault) for service, fault in parsed.bad]
        self.windows += [(place.node, place.stack, place.file, service, *window) for service, window in parsed.windows]
        self.are_services_readable |= not parsed.faults or bool(parsed.services or parsed.bad)
        return not parsed.faults

    def _read_topology(self) -> None:
        for path in (TOPOLOGY.partition("/")[0], TOPOLOGY):
            if path in self._files.unreadable:
                self._add(path, [Fault(None, None, self._files.unreadable[path])])
        if TOPOLOGY not in self._files.contents:
            self._tell_near_misses(TOPOLOGY)
            return
        parsed = self._parsers.topology(self._files.contents[TOPOLOGY], self._limits)
        self._add(TOPOLOGY, parsed.faults)
        self._add(TOPOLOGY, parsed.warnings, is_warning=True)
        for row in parsed.nodes:
            self.nodes[row.node] = NodeRow(
                row.node,
                TOPOLOGY,
                is_monitored=row.is_monitored,
                has_inventory=row.has_services,
                roles=row.roles,
                topology=row.document,
            )
            self.listed.append((row.node, None, row.line))
            self.listed += [(row.node, service, line) for service, line in row.services]

    def _read_service(self, name: str, folders: list[str]) -> None:
        """Add what `service.yaml` declares; two folders of one service add up, since both can only add dependencies."""
        for path in [f"{SERVICES}/{folder}{file}" for folder in folders for file in ("", f"/{SERVICE_FILE}")]:
            if path in self._files.unreadable:
                self._add(path, [Fault(None, None, self._files.unreadable[path])], service=name)
            elif path in self._files.contents:
                parsed = self._parsers.service(self._files.contents[path], self._limits, name)
                self._add(path, parsed.faults, service=name)
                self._add(path, parsed.warnings, is_warning=True)
                if not parsed.faults:
                    self.documents.setdefault(name, parsed.document)
                file = _printable(path)
                self.declared += [
                    (None, name, dependency, scope, is_completion, file, line)
                    for dependency, scope, is_completion, line in parsed.dependencies
                ]
            elif path.endswith(SERVICE_FILE):
                self._tell_near_misses(path, is_warning=True)

    def _read_fleet_windows(self) -> None:
        """Add the windows of the settings, which were found to be readable when they were loaded."""
        windows = [window_row(given, self._rules.naive_timezone, None) for given in self._rules.maintenance]
        self.windows += [(None, None, "settings", None, *window) for window in windows]

    def _tell_near_misses(self, path: str, *, node: str | None = None, is_warning: bool = False) -> bool:
        """Add a row for each file that looks like the one at the path; return whether there was one."""
        found = self._near_misses.get(path, ())
        for miss in found:
            fault = Fault(None, None, f"looks like {path.rpartition('/')[2]}; rename it")
            self._add(miss, [fault], node=node, is_warning=is_warning)
        return bool(found)

    def _add(
        self,
        file: str,
        faults: Iterable[Fault],
        *,
        node: str | None = None,
        service: str | None = None,
        is_warning: bool = False,
    ) -> None:
        self.unread += [UnreadRow(_printable(file), *fault, node, service, is_warning) for fault in faults]


def _group_near_misses(files: InventoryFiles) -> dict[str, list[str]]:
    """Return the near misses of each path, in order."""
    grouped: dict[str, list[str]] = {}
    for miss in sorted(files.near_misses):
        folder, _, name = miss.rpartition("/")
        grouped.setdefault(f"{folder}/{name.lower().rpartition('.')[0]}.yaml", []).append(miss)
    return grouped


def _printable(path: str) -> str:
    """Return a path that can be stored and printed, whatever bytes the folder's name has."""
    return path if path.isprintable() else ascii(path)[1:-1]

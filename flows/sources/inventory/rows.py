"""The rows of an inventory, gathered file by file; each fault becomes a row with the scope that it leaves unknown."""

from collections.abc import Callable, Container, Iterable, Iterator
from typing import NamedTuple

from flows.sources.formats.yaml_tree import Fault
from flows.sources.inventory.files import HOSTS, NODE_FILES, SERVICE_FILE, SERVICES, TOPOLOGY, InventoryFiles
from flows.sources.inventory.other_files import (
    ParsedCapabilities,
    ParsedService,
    ParsedTopology,
    parse_capabilities,
    parse_service,
    parse_topology,
)
from flows.sources.inventory.services_file import ParsedServices, parse_services
from flows.sources.names import explain_name, normalize_name
from schemas.limits import Limits
from schemas.words import DependencyScope


class Parsers(NamedTuple):
    """What reads each kind of file; a parser may remember what it returned for the same arguments."""

    services: Callable[[bytes, Limits], ParsedServices] = parse_services
    capabilities: Callable[[bytes, Limits], ParsedCapabilities] = parse_capabilities
    topology: Callable[[bytes, Limits], ParsedTopology] = parse_topology
    service: Callable[[bytes, Limits, str], ParsedService] = parse_service


class TakenFile(NamedTuple):
    """A file whose rows were known before, the node that it is of, and how the rows name it."""

    path: str
    node: str
    file: str


class NodeRow(NamedTuple):
    """A row of `DesiredNode`."""

    node: str
    is_intermittent: bool
    is_readable: bool
    file: str


class UnreadRow(NamedTuple):
    """A row of `Unread`."""

    file: str
    line: int | None
    column: int | None
    problem: str
    node: str | None
    service: str | None
    is_warning: bool

    def __str__(self) -> str:
        """Return `file:line:column: problem`."""
        place = [str(part) for part in (self.file, self.line, self.column) if part is not None]
        return f"{':'.join(place)}: {self.problem}"


def by_place(row: UnreadRow) -> tuple[str, int, int]:
    """Return what rows are put in order by: file, line, column."""
    return row.file, row.line or 0, row.column or 0


class InventoryRows:
    """The rows so far."""

    def __init__(
        self, files: InventoryFiles, limits: Limits, parsers: Parsers, known: Container[str] = frozenset()
    ) -> None:
        """Begin with none; the rows of `services.yaml` at the known paths are not gathered, only their nodes."""
        self.nodes: dict[str, NodeRow] = {}
        self.services: list[tuple[str, str, bool, int]] = []
        self.dependencies: list[tuple[str | None, str, str, DependencyScope, str, int]] = []
        self.listed: list[tuple[str, str | None, int]] = []
        self.unread: list[UnreadRow] = []
        self.taken: list[TakenFile] = []
        self._files = files
        self._limits = limits
        self._parsers = parsers
        self._known = known

    def gather(self) -> None:
        """Read every file: the topology first, since `hosts/` has the last word on a node."""
        self._read_topology()
        for name, folders in self._name_folders(HOSTS, "node"):
            if len(folders) > 1:
                self._refuse_collision(name, folders)
            else:
                self._read_host(name, folders[0])
        for name, folders in self._name_folders(SERVICES, "service"):
            self._read_service(name, folders)

    def _name_folders(self, parent: str, what: str) -> Iterator[tuple[str, list[str]]]:
        """Yield each name with the folders that spell it, in order; a folder that is no name is a fault."""
        paths = [*self._files.folders, *self._files.contents, *self._files.unreadable, *self._files.near_misses]
        folders = {path.split("/")[1] for path in paths if path.startswith(f"{parent}/")}
        named: dict[str, list[str]] = {}
        for folder in sorted(folders):
            problem = explain_name(folder, self._limits.max_name_length, what)
            if problem is None:
                named.setdefault(normalize_name(folder), []).append(folder)
            else:
                self._add(f"{parent}/{folder}", [Fault(None, None, problem)])
        yield from sorted(named.items())

    def _refuse_collision(self, name: str, folders: list[str]) -> None:
        self.nodes[name] = NodeRow(name, False, False, _printable(f"{HOSTS}/{folders[0]}"))
        spelled = " and ".join(_printable(f"{HOSTS}/{folder}") for folder in folders)
        problem = f"{spelled} are one node, since case and Unicode form make no difference; remove or rename one"
        self._add(f"{HOSTS}/{folders[0]}", [Fault(None, None, problem)], node=name)

    def _read_host(self, name: str, folder: str) -> None:
        path = f"{HOSTS}/{folder}"
        services, capabilities = (f"{path}/{file}" for file in NODE_FILES)
        is_intermittent = self._read_capabilities(capabilities)
        is_readable = self._read_services(name, path, services)
        file = services if services in self._files.contents or services in self._files.unreadable else path
        self.nodes[name] = NodeRow(name, is_intermittent, is_readable, _printable(file))

    def _read_capabilities(self, path: str) -> bool:
        if path in self._files.unreadable:
            self._add(path, [Fault(None, None, self._files.unreadable[path])])
            return True
        if path not in self._files.contents:
            self._tell_near_misses(path, is_warning=True)
            return False
        parsed = self._parsers.capabilities(self._files.contents[path], self._limits)
        self._add(path, parsed.faults)
        self._add(path, parsed.warnings, is_warning=True)
        return parsed.is_intermittent

    def _read_services(self, node: str, folder: str, path: str) -> bool:
        """Add a node's services and dependencies; return whether they are known."""
        for unreadable in (folder, path):
            if unreadable in self._files.unreadable:
                self._add(unreadable, [Fault(None, None, self._files.unreadable[unreadable])], node=node)
                return False
        if path not in self._files.contents:
            return self._miss_services(node, folder, path)
        self._tell_near_misses(path, is_warning=True)
        file = _printable(path)
        if path in self._known:
            self.taken.append(TakenFile(path, node, file))
            return True
        parsed = self._parsers.services(self._files.contents[path], self._limits)
        self._add(path, parsed.faults, node=node)
        self._add(path, parsed.warnings, is_warning=True)
        self.services += [(node, *row) for row in parsed.services]
        self.dependencies += [
            (node, service, dependency, scope, file, line) for service, dependency, scope, line in parsed.dependencies
        ]
        return not parsed.faults

    def _miss_services(self, node: str, folder: str, path: str) -> bool:
        """Tell a node that asks for nothing from one whose file is only named wrongly: its services are unknown."""
        if self._tell_near_misses(path, node=node):
            return False
        self._add(folder, [Fault(None, None, "there is no services.yaml: a node without services")], is_warning=True)
        return True

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
            self.nodes[row.node] = NodeRow(row.node, False, True, TOPOLOGY)
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
                file = _printable(path)
                self.dependencies += [
                    (None, name, dependency, scope, file, line) for dependency, scope, line in parsed.dependencies
                ]
            elif path.endswith(SERVICE_FILE):
                self._tell_near_misses(path, is_warning=True)

    def _tell_near_misses(self, path: str, *, node: str | None = None, is_warning: bool = False) -> bool:
        """Add a row for each file that looks like the one at the path; return whether there was one."""
        folder, _, name = path.rpartition("/")
        stem = name.removesuffix(".yaml")
        found = [
            miss
            for miss in sorted(self._files.near_misses)
            if miss.rpartition("/")[0] == folder and miss.rpartition("/")[2].lower().rpartition(".")[0] == stem
        ]
        for miss in found:
            self._add(miss, [Fault(None, None, f"looks like {name}; rename it")], node=node, is_warning=is_warning)
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
        shown = _printable(file)
        self.unread += [UnreadRow(shown, *fault, node, service, is_warning) for fault in faults]


def _printable(path: str) -> str:
    """Return a path that can be stored and printed, whatever bytes the folder's name has."""
    return path if path.isprintable() else ascii(path)[1:-1]

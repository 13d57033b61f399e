"""An inventory's files, from a folder here, a commit or an archive just as well, and which of all files these are."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

HOSTS = "hosts"
SERVICES = "services"
TOPOLOGY = "inventory/topology.yaml"
SERVICES_FILE = "services.yaml"
CAPABILITIES_FILE = "capabilities.yaml"
NODE_FILE = "node.yaml"
NODE_FILES = (SERVICES_FILE, CAPABILITIES_FILE, NODE_FILE)
COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""Of one folder, the first that is there."""
MARK_FILES = ("networking.yaml", "paths.yaml")
"""Files of the platform that are not read, and make a folder a node."""
SERVICE_FILE = "service.yaml"


class InventoryFiles(NamedTuple):
    """An inventory's files; every path is relative to it, with forward slashes."""

    contents: Mapping[str, bytes]
    """The bytes of each file that `is_inventory_path` accepts."""
    unreadable: Mapping[str, str] = MappingProxyType({})
    """The problem of each file or folder that is there and could not be read."""
    folders: frozenset[str] = frozenset()
    """The paths of folders under `hosts/`, which are nodes even without a file; those of the files need not be here."""
    near_misses: frozenset[str] = frozenset()
    """Files that are not read, and are named almost like one that is."""
    source: str = ""
    """Where it comes from, for messages."""
    marks: frozenset[str] = frozenset()
    """Files that are not read, and make their folder a node."""
    taken: Mapping[str, int] = MappingProxyType({})
    """How many bytes each file has that was taken as it was read, and is not among the contents."""

    def count_bytes(self) -> int:
        """Return how many bytes the files have together."""
        return sum(map(len, self.contents.values())) + sum(self.taken.values())


def is_inventory_path(path: str) -> bool:
    """Return whether the file at this path is one that is read."""
    if path == TOPOLOGY:
        return True
    parts = path.split("/")
    if not 3 <= len(parts) <= 4 or "/." in path:
        return False
    if parts[0] == HOSTS:
        return parts[-1] in COMPOSE_FILES or (len(parts) == 3 and parts[-1] in NODE_FILES)
    return parts[0] == SERVICES and len(parts) == 3 and parts[-1] == SERVICE_FILE


def is_compose_path(path: str) -> bool:
    """Return whether an inventory's path is that of a compose file."""
    return path.rpartition("/")[2] in COMPOSE_FILES


def is_services_path(path: str) -> bool:
    """Return whether the file at an inventory's path asks for the services of a node."""
    return path.startswith(f"{HOSTS}/") and (path.endswith(f"/{SERVICES_FILE}") or is_compose_path(path))


def is_stack_folder(path: str) -> bool:
    """Return whether a folder at this path may hold a compose file of its own."""
    parts = path.split("/")
    return len(parts) == 3 and parts[0] == HOSTS and not parts[2].startswith(".")


def is_mark(path: str) -> bool:
    """Return whether the file at this path makes its folder a node without being read."""
    parts = path.split("/")
    return len(parts) == 3 and parts[0] == HOSTS and parts[2] in MARK_FILES


def is_near_miss(path: str) -> bool:
    """Return whether the file at this path would be read, were its name in lower case with the ending `.yaml`."""
    folder, _, name = path.rpartition("/")
    meant = name.lower().removesuffix(".yml").removesuffix(".yaml") + ".yaml"
    is_ours = is_inventory_path(f"{folder}/{meant}") and not is_inventory_path(path)
    return is_ours and name != meant and name.lower().endswith((".yml", ".yaml")) and meant not in COMPOSE_FILES

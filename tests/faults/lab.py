"""A small homelab on disk, whose every run is the real command: in this process, or in one of its own."""

import json
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from tests.helpers import program
from tests.helpers.program import SUPERVISOR, clean_environment

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
SEEN = "2026-05-01T11:59:00Z"
NOBODY = 65534


class Ran(NamedTuple):
    """How a run ended."""

    exit_code: int
    output: str
    errors: str

    @property
    def document(self) -> dict[str, Any]:
        """Return the JSON document that was printed."""
        document: dict[str, Any] = json.loads(self.output)
        return document

    @property
    def unread(self) -> list[str]:
        """Return the inventory's faults and warnings as `file:line:column: problem`."""
        return [
            ":".join(str(row[part]) for part in ("file", "line", "column") if row[part] is not None)
            + f": {row['problem']}"
            for row in self.document["unread"]
        ]

    @property
    def drift(self) -> list[tuple[str, str]]:
        """Return kind and target of the drift."""
        return [(row["kind"], f"{row['node']}/{row['service']}") for row in self.document["drift"]]


class Lab:
    """Nodes `a` (web, db) and `b` (cache), all of them seen and healthy, and everything that is written beside them."""

    def __init__(self, folder: Path) -> None:
        """Write the inventory and the world."""
        self.folder = folder
        self.inventory = folder / "inventory"
        self.world = folder / "world"
        self.log = folder / "agent-events.log"
        self.checkpoint = folder / "supervisor-checkpoint.json"
        self.state_dir = folder / "state"
        self.as_of = NOON
        self.write("inventory/hosts/a/services.yaml", "services:\n  web:\n  db:\n")
        self.write("inventory/hosts/b/services.yaml", "services:\n  cache:\n")
        self.write("inventory/supervisor.yaml", "limits:\n  retry_pause: 0\nlock_timeout: 0.3\n")
        self.write_world({"a/web": "healthy", "a/db": "healthy", "b/cache": "healthy"})

    def write(self, path: str, content: bytes | str) -> Path:
        """Write a file of the lab, given by its path in it."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def write_world(self, services: Mapping[str, str]) -> None:
        """Write the world in which these services have these statuses."""
        records = {key: {"status": status, "last_seen": SEEN} for key, status in services.items()}
        self.write("world/services.json", json.dumps(records))
        self.write("world/nodes.json", json.dumps({node: {"status": "online", "last_seen": SEEN} for node in "ab"}))
        self.write("world/runtime-summary.json", json.dumps({"last_update": SEEN}))

    def set_desired(self, content: bytes | str) -> None:
        """Write the inventory file of node `a`."""
        self.write("inventory/hosts/a/services.yaml", content)

    def set_services(self, content: bytes | str) -> None:
        """Write the world's `services.json`."""
        self.write("world/services.json", content)

    def arguments(self, *options: str) -> list[str]:
        """Return the command line of a run; options that are given last win."""
        places = {
            "inventory": self.inventory,
            "world": self.world,
            "event-log": self.log,
            "checkpoint": self.checkpoint,
            "state-dir": self.state_dir,
            "as-of": self.as_of.isoformat(),
            "format": "json",
        }
        given = [part for option, value in places.items() for part in (f"--{option}", str(value))]
        return ["reconcile", *given, *options]

    def reconcile(self, *options: str) -> Ran:
        """Run once, in this process."""
        self.as_of += timedelta(seconds=1)
        return call(*self.arguments(*options))

    def spawn(self, *options: str, within: tuple[str, ...] = (), timeout_s: float = 60, **rest: Any) -> Ran:
        """Run once in a process of its own, begun by `within` where that is given."""
        command = [*within, *SUPERVISOR, *self.arguments(*options)]
        environment = rest.pop("environment", {})
        ran = subprocess.run(
            command, capture_output=True, timeout=timeout_s, check=False, env=clean_environment() | environment, **rest
        )
        return Ran(ran.returncode, ran.stdout.decode(), ran.stderr.decode())

    def events(self) -> list[dict[str, Any]]:
        """Return our events of the log."""
        lines = self.log.read_bytes().splitlines() if self.log.exists() else []
        return [json.loads(line) for line in lines if line.startswith(b'{"source":"runtime-supervisor"')]

    def told(self) -> list[tuple[str, str]]:
        """Return transition and correlation id of our events."""
        return [(event["payload"]["transition"], event["correlation_id"]) for event in self.events()]

    def open_episodes(self) -> list[str]:
        """Return the ids of the open episodes of the checkpoint."""
        known = json.loads(self.checkpoint.read_bytes())["body"]["known"]
        return sorted(row["id"] for row in known["episodes"] if row["is_open"])

    def written(self) -> dict[str, bytes]:
        """Return every file that is not an input, by its path in the lab."""
        files = (path for path in self.folder.rglob("*") if path.is_file() and not path.is_symlink())
        named = {str(path.relative_to(self.folder)): path for path in files}
        return {
            name: path.read_bytes() for name, path in named.items() if not name.startswith(("inventory/", "world/"))
        }


def call(*arguments: str, environment: Mapping[str, str] | None = None) -> Ran:
    """Run the command line in this process, as the program does."""
    ran = program.call(*arguments, environment=environment)
    return Ran(ran.returncode, ran.stdout, ran.stderr)

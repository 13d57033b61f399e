"""A home on the lab whose supervisor looks, judges and acts: three nodes, twelve services of Compose, over ssh."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.lab.lab import Lab
from tests.lab.places import STATE

IMAGE = "lab:1"
PROJECT = "app"
FLEET: dict[str, dict[str, tuple[str, ...]]] = {
    "node1": {"web": (), "db": (), "api": ("db",), "broker": ()},
    "node2": {"dns": (), "mqtt": (), "zigbee": ("mqtt",), "cache": ()},
    "node3": {"ntp": (), "store": (), "photos": ("store",), "wiki": ()},
}
"""Each node's services, with what they depend on."""
CLEANER = """#!/bin/sh
# Frees a node's disk: throws away what is marked as rubbish, and nothing else.
[ "$1 $2" = "run cleanup" ] || exit 64
exec ssh -T -o BatchMode=yes -o ConnectTimeout=10 -- "root@$3" rm -f /var/rubbish
"""
SICK = "test ! -e /tmp/sick && test ! -e /tmp/stubborn && test ! -e /flags/{service}.sick"
COMMAND = "rm -f /tmp/sick; test -e /flags/{service}.crash && exit 3; exec sleep 1000000"


class LabHome:
    """The home's files, in a folder, and what can be done in it."""

    def __init__(
        self, lab: Lab, folder: Path, program: str, fleet: dict[str, dict[str, tuple[str, ...]]] | None = None
    ) -> None:
        self.lab, self.folder, self.program = lab, folder, program
        self.fleet = FLEET if fleet is None else fleet
        self.config = folder / "supervisor.yaml"

    def write(self, name: str, document: object) -> Path:
        """Write a file that only its owner may write to."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document if isinstance(document, str) else json.dumps(document, indent=1))
        path.chmod(0o640)
        return path

    def prepare(self, rule: dict[str, Any] | None = None, *, interval: str = "10s", **actions: object) -> None:
        """Write inventory, policy, allow-list and settings; `rule` adds to the one rule, `actions` to the settings.

        `interval` is that of the health checks.
        """
        self.interval = interval
        for node, services in self.fleet.items():
            for name, text in self._inventory(node, services).items():
                self.write(f"inv/hosts/{node}/{name}", text)
            self._prepare_node(node)
        ladder = ["restart", "restart", "redeploy", "diagnostics"]
        rules = [{"id": "all", "match": {}, "mode": "auto", "ladder": ladder, **(rule or {})}]
        self.write("policy.yaml", {"version": 1, "rules": rules})
        cleaner = self.write("cleaner", CLEANER)
        cleaner.chmod(0o755)
        steps: list[dict[str, Any]] = [
            {"targets": [f"{node}/*"], "verbs": ["restart", "redeploy", "diagnostics"], "backend": "compose",
             "context": f"ssh://root@{node}", "project": PROJECT, "directory": str(self.folder / "compose" / node)}
            for node in self.fleet
        ]  # fmt: skip
        steps.append({"targets": ["*/all"], "verbs": ["cleanup"], "backend": "script", "path": str(cleaner)})
        self.write("executor.yaml", {"steps": steps})
        places = {name: name for name in ("world", "checkpoint", "state_dir")} | {
            "inventory": "inv", "event_log": "events.log"
        }  # fmt: skip
        acting = {"automation": "auto", "executor_config": "executor.yaml", "operators": "operators.yaml", **actions}
        self.write("supervisor.yaml", {**places, "actions": acting})

    @staticmethod
    def _inventory(node: str, services: dict[str, tuple[str, ...]]) -> dict[str, object]:
        entries = {
            name: {"runtime": {"project": PROJECT, "compose_service": name}, **({"depends_on": [*needs]} if needs else {})}
            for name, needs in services.items()
        }  # fmt: skip
        return {
            "services.yaml": {"services": entries},
            "node.yaml": {"observe": {"docker": f"ssh://root@{node}"}},
        }

    def _prepare_node(self, node: str) -> None:
        (STATE / node / "flags").mkdir(exist_ok=True)
        services = {
            name: {
                "image": f"lab:{name}", "init": True, "network_mode": "host", "restart": "unless-stopped",
                "mem_limit": "32m", "stop_grace_period": "2s", "volumes": [f"{STATE}/{node}/flags:/flags:ro"],
                "command": ["sh", "-c", COMMAND.format(service=name)],
                "healthcheck": {"test": ["CMD-SHELL", SICK.format(service=name)], "interval": self.interval, "timeout": "10s", "retries": 2},
                **({"depends_on": [*needs]} if needs else {}),
            }
            for name, needs in self.fleet[node].items()
        }  # fmt: skip
        self.write(f"compose/{node}/compose.yaml", {"services": services})
        for name in services:
            self.lab[node].api("POST", f"/images/{IMAGE}/tag?repo=lab&tag={name}")
        self._mount_disk(node)
        self.up(node, *services)

    def _mount_disk(self, node: str) -> None:
        """Give a node a disk that is full soon: nothing of the lab lies in its /var."""
        self.lab[node].sh("mountpoint -q /var || { mount -t tmpfs -o size=8m tmpfs /var; ln -s /run /var/run; }")

    def up(self, node: str, *services: str) -> None:
        """Make services anew, as a person does; raises `CalledProcessError`."""
        folder = str(self.folder / "compose" / node)
        command = [
            "docker",
            "-H",
            self.lab[node].url,
            "compose",
            "-p",
            PROJECT,
            "--project-directory",
            folder,
            "up",
            "-d",
        ]
        more = ["--no-deps", "--force-recreate", *services]
        subprocess.run([*command, *more], check=True, capture_output=True, timeout=120)

    def power_on(self, node: str) -> None:
        """Let a node come back with all that is on it."""
        self.lab[node].power_on()
        self._mount_disk(node)
        self.lab[node].start_sshd()

    @staticmethod
    def container(service: str) -> str:
        """Return the name of a service's container."""
        return f"{PROJECT}-{service}-1"

    @staticmethod
    def flag(node: str, service: str, name: str) -> Path:
        """Return the file that spoils a service as long as it is there."""
        return STATE / node / "flags" / f"{service}.{name}"

    def start(self, *arguments: str, out: Path) -> subprocess.Popen[bytes]:
        """Start the supervisor with these arguments; what it says goes into a file."""
        with out.open("ab") as file:
            return subprocess.Popen([self.program, *arguments, "--config", str(self.config)], stdout=file, stderr=file)

    def supervisor(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the supervisor."""
        command = [self.program, *arguments, "--config", str(self.config)]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)

    def records(self) -> list[dict[str, Any]]:
        """Return the ledger's records."""
        lines = [
            line
            for path in (self.folder / "state_dir" / "actions" / "journal").glob("*.jsonl")
            for line in path.read_text().splitlines()
        ]
        return sorted(map(json.loads, lines), key=lambda record: int(record["n"]))

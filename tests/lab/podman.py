"""Podman on a node of the lab: its real service on a socket, as `podman.socket` starts it."""

import os
import subprocess
from pathlib import Path
from typing import Self

from tests.lab.node import Node, until
from tests.lab.places import CGROUP, ROOT_IMAGE

SOCKET = "/run/podman/podman.sock"
IMAGE = "localhost/lab:1"


class Podman:
    """`with Podman(node) as podman: podman.run("web")`."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._service = 0
        store = ["--root", f"{node.folder}/podman", "--runroot", "/run/podman-run", "--tmpdir", "/run/podman-tmp"]
        self._command = [
            "env",
            "TMPDIR=/run/podman-tmp",
            "podman",
            *store,
            "--cgroup-manager=cgroupfs",
            "--events-backend=file",
            "--runtime=/usr/sbin/runc",
        ]

    @property
    def url(self) -> str:
        """The socket as it is seen from outside the node."""
        return f"unix://{Path('/proc', str(self._node.init), 'root')}{SOCKET}"

    def __enter__(self) -> Self:
        self._node.sh("mkdir -p /run/podman /run/podman-tmp")
        self._service = self._node.spawn(*self._command, "system", "service", "--time=0", f"unix://{SOCKET}")
        self("import", str(ROOT_IMAGE), IMAGE)
        until(lambda: self("version"), 10, "Podman's service")
        return self

    def __exit__(self, *_: object) -> None:
        self("rm", "--force", "--all", "--time=0")
        os.kill(self._service, 15)

    def __call__(self, *argv: str) -> str:
        """Return what a podman command prints on the node."""
        found = subprocess.run(self._node.command(*self._command, *argv), capture_output=True, text=True, check=False)
        if found.returncode:
            raise RuntimeError(f"podman {argv[0]}: {found.stderr.strip()[-300:]}")
        return found.stdout

    def run(self, name: str, command: str = "exec sleep 1000000", *options: str) -> None:
        """Start a container."""
        group = f"--cgroup-parent={os.environ[CGROUP]}/{self._node.name}"
        self("run", "--detach", "--network=host", "--name", name, group, *options, IMAGE, "sh", "-c", command)

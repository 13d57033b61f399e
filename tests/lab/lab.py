"""A lab: some nodes with real engines on one network."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from tests.lab.node import Node
from tests.lab.places import ROOT_IMAGE, STATE, LabUnavailableError, is_inside

CLIENT = f"Host node*\n IdentityFile {STATE}/id\n GlobalKnownHostsFile {STATE}/known_hosts\n UserKnownHostsFile none\n BatchMode yes\n"


class Lab:
    """`with Lab(3) as lab: lab["node1"].cut()`, inside the lab's namespaces."""

    def __init__(self, count: int = 3, *, has_ssh: bool = False) -> None:
        self._has_ssh = has_ssh
        self.nodes = {node.name: node for node in map(Node, range(1, count + 1))}

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes.values())

    def __enter__(self) -> Self:
        if not is_inside():
            raise LabUnavailableError("a lab lives in namespaces of its own: python -m tests.lab enter -- COMMAND")
        with Path("/etc/hosts").open("a") as hosts:
            hosts.writelines(f"{node.ip} {node.name}\n" for node in self)
        with ThreadPoolExecutor() as pool:
            list(pool.map(Node.power_on, self))
            image = ROOT_IMAGE.read_bytes()
            list(pool.map(lambda node: node.api("POST", "/images/create?fromSrc=-&repo=lab&tag=1", image), self))
        if self._has_ssh:
            self._start_ssh()
        return self

    def _start_ssh(self) -> None:
        if not (STATE / "id").exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", STATE / "id"], check=True)
        folder = Path("/etc/ssh/ssh_config.d")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "lab.conf").write_text(CLIENT)
        for node in self:
            node.start_sshd()
        self.trust()

    def trust(self) -> None:
        """Make the nodes' host keys of now the known ones."""
        (STATE / "known_hosts").write_text("".join(f"{node.name},{node.ip} {node.host_key}" for node in self))

    def __exit__(self, *_: object) -> None:
        for node in self:
            node.power_off()
            node.forget()

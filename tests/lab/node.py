"""One node of the lab: a machine with a network, mounts, processes and a host name of its own, and a real Docker engine."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from tests.lab.places import CACHE, CGROUP, NETWORK, STATE
from tests.lab.space import thaw

SECOND_NS = 10**9


def until(test: Callable[[], object], limit_s: float = 10, what: str = "") -> float:
    """Wait until the test holds; return the seconds that it took; raises `TimeoutError`."""
    begun = time.monotonic()
    while True:
        with suppress(OSError, RuntimeError, KeyError, IndexError):
            if test():
                return time.monotonic() - begun
        if time.monotonic() - begun > limit_s:
            raise TimeoutError(f"not within {limit_s} s: {what}")
        time.sleep(0.02)


class Node:
    """A machine that can lose its network, its power and its engine; `number` from 1 names and places it."""

    def __init__(self, number: int) -> None:
        self.name, self.ip = f"node{number}", f"{NETWORK}.{10 + number}"
        self.url = f"tcp://{self.ip}:2375"
        self.folder = STATE / self.name
        self._mac, self._cable = f"02:00:00:00:00:{number:02x}", f"v{number}"
        self._log = CACHE / f"{self.name}.log"
        self._holder: subprocess.Popen[bytes] | None = None
        self._init = self._engine = self._sshd = 0
        self._entered: list[subprocess.Popen[bytes]] = []

    @property
    def sshd(self) -> int:
        """Its sshd's process, as seen from here."""
        return self._sshd

    @property
    def cable(self) -> str:
        """The interface at this end of its cable."""
        return self._cable

    @property
    def init(self) -> int:
        """Its process 1, as seen from here."""
        return self._init

    @property
    def socket(self) -> Path:
        """The engine's socket, reached past the network: the truth, also while the node is cut."""
        return Path("/proc", str(self._init), "root", "run", "docker.sock")

    # power and network

    def power_on(self) -> None:
        """Start the machine: its namespaces, its cable, its engine."""
        space = ["unshare", "-mnupf", "--kill-child", "--mount-proc", "--propagation", "private"]
        self._boot([*space, "tini", "-s", "--", "sleep", "infinity"])
        self.sh("mount -t tmpfs tmpfs /run")
        self.start_engine()

    def _boot(self, argv: list[str]) -> None:
        """Start what is process 1 of the machine, and plug in its cable."""
        self.folder.mkdir(exist_ok=True)
        with self._log.open("ab") as log:
            self._holder = subprocess.Popen(argv, stdout=log, stderr=log)
        self._init = _child_of(self._holder.pid)
        until(lambda: Path(f"/proc/{self._init}/ns/net").readlink() != Path("/proc/self/ns/net").readlink())
        # The same address after each start: neighbours remember it for seconds.
        _ip(f"link add {self._cable} type veth peer name eth0 address {self._mac} netns {self._init}")
        _ip(f"link set {self._cable} master br0 up")
        self.sh(
            f"hostname {self.name}; ip link set lo up; ip addr add {self.ip}/24 dev eth0;"
            f" ip link set eth0 up; ip route add default via {NETWORK}.254"
        )

    def power_off(self) -> None:
        """Pull the plug: every process ends at once; what was stored stays."""
        if self._init and self._holder:
            holder = self._holder
            with suppress(ProcessLookupError):
                os.kill(self._init, signal.SIGKILL)
            thaw(f"{os.environ[CGROUP]}/{self.name}")
            until(lambda: self._has_ended(holder))
            for entered in self._entered:
                entered.wait()
            self._entered.clear()
        subprocess.run(["ip", "link", "del", self._cable], capture_output=True, check=False)
        self._init = self._engine = self._sshd = 0

    def _has_ended(self, holder: subprocess.Popen[bytes]) -> bool:
        self.wake()
        return holder.poll() is not None

    def cut(self) -> None:
        """Pull the network cable."""
        _ip(f"link set {self._cable} down")

    def heal(self) -> None:
        """Put it back."""
        _ip(f"link set {self._cable} up")

    def sh(self, text: str) -> None:
        """Run a shell text on the node."""
        subprocess.run(self.command("sh", "-ec", text), check=True)

    def command(self, *argv: str) -> list[str]:
        """Return the command line that runs a command on the node."""
        return ["nsenter", "-t", str(self._init), "-m", "-n", "-u", "-p", *argv]

    def spawn(self, *argv: str) -> int:
        """Start a program on the node, and return its process id as seen from here."""
        with self._log.open("ab") as log:
            entered = subprocess.Popen(self.command(*argv), stdout=log, stderr=log)
        self._entered.append(entered)
        return _child_of(entered.pid)

    # the engine

    def start_engine(self, *options: str) -> None:
        """Start dockerd, with more options, and wait until it answers."""
        self.sh("rm -f /run/docker.pid")
        tls = [] if "--tlsverify" in options else ["--tls=false"]
        self._engine = self.spawn(
            "dockerd", "--bridge=none", "--iptables=false", "--ip6tables=false", "--userland-proxy=false", "--storage-driver=overlay2",
            "-H", f"tcp://{self.ip}:2375", "-H", "unix:///run/docker.sock", f"--data-root={self.folder}/data",
            "--exec-root=/run/docker-exec", "-p", "/run/docker.pid", f"--cgroup-parent={os.environ[CGROUP]}/{self.name}",
            *tls, *options,
        )  # fmt: skip
        until(lambda: self.api("GET", "/_ping", timeout_s=1), 30, f"{self.name}'s engine; see {self._log}")

    def kill_engine(self) -> None:
        """Kill dockerd; its containers go on."""
        os.kill(self._engine, signal.SIGKILL)
        until(lambda: not _is_alive(self._engine))

    def hang_engine(self) -> None:
        """Let it accept connections and never answer."""
        os.kill(self._engine, signal.SIGSTOP)
        until(lambda: _state_of(self._engine) == "T")

    def unhang_engine(self) -> None:
        """Let it go on."""
        os.kill(self._engine, signal.SIGCONT)
        self.wake()

    def wake(self) -> None:
        """Continue each nsenter: it stops itself when its child is stopped, and then never reaps it."""
        for entered in self._entered:
            if entered.poll() is None:
                os.kill(entered.pid, signal.SIGCONT)

    def api(self, method: str, path: str, body: object = None, timeout_s: float = 10) -> Any:
        """Ask the engine past the network; return what it says; raises `OSError`, and `RuntimeError` for a refusal."""
        link = http.client.HTTPConnection("engine")
        with closing(socket.socket(socket.AF_UNIX)) as wire:
            wire.settimeout(timeout_s)
            wire.connect(str(self.socket))
            link.sock = wire
            data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
            kind = "application/x-tar" if isinstance(body, bytes) else "application/json"
            link.request(method, path, data, {"Content-Type": kind})
            answer = link.getresponse()
            text = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{self.name} {method} {path}: {answer.status} {text[:300]!r}")
        try:
            return json.loads(text)
        except ValueError:
            return text

    # containers

    def run(
        self,
        service: str,
        command: str = "exec sleep 1000000",
        *,
        project: str = "app",
        number: int = 1,
        healthcheck: str | None = None,
        restart: str = "no",
        labels: dict[str, str] | None = None,
        name: str | None = None,
        env: tuple[str, ...] = (),
        start: bool = True,
    ) -> str:
        """Start a container as Compose would, and return its id; `labels` replace or add to Compose's."""
        composed = {
            "project": project,
            "service": service,
            "container-number": str(number),
            "oneoff": "False",
            "config-hash": "0" * 64,
        }
        made = {f"com.docker.compose.{key}": value for key, value in composed.items()} | (labels or {})
        spec: dict[str, Any] = {
            "Image": "lab:1",
            "Cmd": ["sh", "-c", command],
            "Labels": made,
            "Env": list(env),
            "HostConfig": {
                "NetworkMode": "host",
                "Init": True,
                "Memory": 32 * 2**20,
                "RestartPolicy": {"Name": restart},
            },
        }
        if healthcheck:
            times = {"Interval": SECOND_NS, "Timeout": 3 * SECOND_NS, "Retries": 2, "StartPeriod": 0}
            spec["Healthcheck"] = {"Test": ["CMD-SHELL", healthcheck], **times}
        container = str(
            self.api("POST", f"/containers/create?name={name or f'{project}-{service}-{number}'}", spec)["Id"]
        )
        if start:
            self.api("POST", f"/containers/{container}/start")
        return container

    def exec(self, container: str, command: str) -> None:
        """Run a shell command in a container."""
        made = self.api("POST", f"/containers/{container}/exec", {"Cmd": ["sh", "-c", command]})
        self.api("POST", f"/exec/{made['Id']}/start", {"Detach": False, "Tty": True})

    def state(self, container: str) -> dict[str, Any]:
        """Return the engine's `State` of a container."""
        return dict(self.api("GET", f"/containers/{container}/json")["State"])

    def clear(self) -> None:
        """Remove every container."""
        for container in self.api("GET", "/containers/json?all=1"):
            with suppress(RuntimeError):
                self.api("POST", f"/containers/{container['Id']}/unpause")
            with suppress(RuntimeError):
                self.api("DELETE", f"/containers/{container['Id']}?force=1")

    # ssh

    def start_sshd(self, options: str = "", *, new_host_key: bool = False) -> None:
        """Start sshd; root, and `ops`, who may not open the engine's socket, log in with the lab's key."""
        key = self.folder / "host_key"
        if new_host_key:
            key.unlink(missing_ok=True)
        if not key.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        (self.folder / "sshd_config").write_text(
            f"HostKey {key}\nAuthorizedKeysFile {STATE}/id.pub\nStrictModes no\nPermitRootLogin yes\nUsePAM no\nPidFile none\nUseDNS no\n"
            f"PasswordAuthentication no\nKbdInteractiveAuthentication no\n{options}\n"
        )
        self.sh("mkdir -p /run/sshd")
        self._sshd = self.spawn("/usr/sbin/sshd", "-D", "-e", "-f", str(self.folder / "sshd_config"))
        until(lambda: is_served(self.ip, 22), 5, f"{self.name}'s sshd; see {self._log}")

    def stop_sshd(self) -> None:
        """End sshd; what is connected stays so."""
        os.kill(self._sshd, signal.SIGKILL)
        until(lambda: not _is_alive(self._sshd))

    @property
    def host_key(self) -> str:
        """The public host key."""
        return (self.folder / "host_key.pub").read_text()

    def forget(self) -> None:
        """Remove what it stored."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _ip(text: str) -> None:
    subprocess.run(["ip", *text.split()], check=True)


def _child_of(pid: int) -> int:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    until(lambda: path.read_text().split(), 5, f"a child of process {pid}")
    return int(path.read_text().split()[0])


def _state_of(pid: int) -> str:
    """Return the process's state as the kernel's letter; `X` where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "X"


def _is_alive(pid: int) -> bool:
    return _state_of(pid) not in "ZX"


def is_served(host: str, port: int) -> bool:
    """Return whether somebody accepts a connection there; raises `OSError`."""
    with socket.create_connection((host, port), 1):
        return True

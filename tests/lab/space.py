"""The private namespaces that a lab lives in: when its command ends, the kernel takes everything along."""

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path

from tests.lab.packages import fetch_packages
from tests.lab.places import (
    CACHE,
    CGROUP,
    INSIDE,
    NETWORK,
    PREFIX,
    STATE,
    LabUnavailableError,
    is_inside,
    search_path,
)

CGROUPS = Path("/sys/fs/cgroup")
PROBE = """set -e; d=$(mktemp -d); trap 'umount $d; rmdir $d' EXIT; mount -t tmpfs tmpfs $d; cd $d; mkdir l u w m
mount -t overlay -o lowerdir=l,upperdir=u,workdir=w overlay m; umount m; cd /
ip link add br0 type bridge; ip link add va type veth peer name vb"""


def why_not() -> str | None:
    """Return why this machine cannot hold a lab; None where it can."""
    if is_inside():
        return None
    if os.geteuid() != 0:
        return "the lab needs root"
    absent = [
        tool for tool in ("unshare", "nsenter", "ip", "mount", "setpriv") if not shutil.which(tool, path=search_path())
    ]
    if absent:
        return f"the lab needs {', '.join(absent)} (util-linux, iproute2)"
    probe = ["unshare", "-mnpf", "--kill-child", "--mount-proc", "sh", "-c", PROBE]
    found = subprocess.run(
        probe, capture_output=True, text=True, env={**os.environ, "PATH": search_path()}, check=False
    )
    if found.returncode:
        return f"the lab needs namespaces, overlay, veth and bridge: {found.stderr.strip().splitlines()[-1:]}"
    return None


def enter(argv: list[str]) -> int:
    """Run a command in namespaces of its own, where the engine's packages are there; return its exit code."""
    if is_inside():
        return subprocess.run(argv, check=False).returncode
    if reason := why_not():
        raise LabUnavailableError(reason)
    fetch_packages()
    cgroup = _own_cgroup() + f"/lab-{uuid.uuid4().hex[:8]}"
    here = {**os.environ, INSIDE: "1", CGROUP: cgroup, "LAB_DIR": str(CACHE), "PATH": search_path()}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    space = ["setpriv", "--pdeathsig", "KILL", "unshare", "-mnpfiu", "--kill-child", "--mount-proc"]
    try:
        return subprocess.run(
            [*space, sys.executable, "-m", "tests.lab", "inside", "--", *argv], env=here, check=False
        ).returncode
    finally:
        thaw(cgroup)
        _remove_cgroups(cgroup)


def _own_cgroup() -> str:
    """Return the group to be under: with version 1 our own memory limit's, with version 2 the top."""
    if (CGROUPS / "cgroup.controllers").exists():
        return ""
    lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    return next((path.rstrip("/") for _, names, path in lines if names == "memory"), "")


def _remove_cgroups(cgroup: str) -> None:
    tops = [Path(f"{top}{cgroup}") for top in (CGROUPS, *CGROUPS.glob("*"))]
    for _ in range(20):  # what was killed takes a moment to be gone
        left = [top for top in tops if top.exists()]
        for top in left:
            subprocess.run(
                ["find", top, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"], capture_output=True, check=False
            )
        if not left:
            return
        time.sleep(0.1)


def thaw(cgroup: str) -> None:
    """Let what is frozen in a paused container die: version 1 of cgroups keeps it for ever."""
    for state in Path(f"{CGROUPS}/freezer{cgroup}").glob("**/freezer.state"):
        with suppress(OSError):
            state.write_text("THAWED")


def be_inside(argv: list[str]) -> int:
    """Prepare the namespaces and run the command; as process 1, reap whatever nodes leave behind."""
    STATE.mkdir(parents=True, exist_ok=True)
    script = f"""mount --make-rprivate /; mount -t tmpfs -o size=3g tmpfs {STATE}; cd {STATE}; mkdir eu ew home
        mount -t overlay -o ro,lowerdir={PREFIX}/usr:/usr overlay /usr
        mount -t overlay -o lowerdir={PREFIX}/etc:/etc,upperdir={STATE}/eu,workdir={STATE}/ew overlay /etc
        mount -t tmpfs tmpfs /run
        sed -i 's|^root:.*|root:x:0:0:root:{STATE}/home:/bin/sh|' /etc/passwd
        printf 'sshd:x:109:65534::/run/sshd:/usr/sbin/nologin\\nops:x:1900:1900::/tmp:/bin/sh\\n' >>/etc/passwd
        printf 'ops:x:1900:\\ndocker:x:1999:\\n' >>/etc/group; printf 'ops:*:19000:0:99999:7:::\\n' >>/etc/shadow
        ip link set lo up; ip link add br0 type bridge; ip addr add {NETWORK}.254/24 dev br0; ip link set br0 up"""
    subprocess.run(["sh", "-ec", script], check=True)
    os.environ["HOME"] = f"{STATE}/home"
    child = subprocess.Popen(argv)
    while True:
        pid, status = os.wait()
        if pid == child.pid:
            thaw(os.environ[CGROUP])
            return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)

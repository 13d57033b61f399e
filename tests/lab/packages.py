"""The engine's Debian packages, unpacked into the cache; nothing is installed on the machine."""

import fcntl
import shutil
import subprocess
from pathlib import Path

from tests.lab.places import CACHE, PREFIX, ROOT_IMAGE, LabUnavailableError

ENGINE = [
    "docker.io",
    "containerd",
    "runc",
    "tini",
    "busybox-static",
    "iptables",
    "libip6tc2",
    "libnfnetlink0",
    "libnetfilter-conntrack3",
    "libnftnl11",
    "libip4tc2",
    "libxtables12",
    "openssh-server",
    "openssh-sftp-server",
    "libwrap0",
]
PODMAN = [
    "podman",
    "conmon",
    "libyajl2",
    "golang-github-containers-image",
    "golang-github-containers-common",
    "libgpgme11",
    "libsubid4",
]
BROKER = ["mosquitto", "libcjson1", "libdlt2"]
NEWER = ["docker-compose"]
"""Of Debian's next release: Compose 2 is not in bookworm, and is one program without libraries."""
APPLETS = [
    "sh",
    "httpd",
    "wget",
    "nc",
    "sleep",
    "test",
    "[",
    "echo",
    "cat",
    "touch",
    "rm",
    "ls",
    "ps",
    "kill",
    "head",
    "tail",
    "true",
    "false",
    "env",
    "id",
    "ip",
    "date",
    "dd",
    "yes",
    "trap",
]
DONE = PREFIX / ".unpacked"


def fetch_packages() -> None:
    """Unpack what is not there yet; raises `LabUnavailableError`."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / ".lock").open("w") as lock:  # two labs may start at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if DONE.exists():
            return
        if not shutil.which("apt-get"):
            raise LabUnavailableError("the first time it needs apt-get")
        debs = CACHE / "debs"
        debs.mkdir(exist_ok=True)
        _download(debs, [*ENGINE, *PODMAN, *BROKER])
        _download(debs, NEWER, suite="trixie")
        for deb in sorted(debs.glob("*.deb")):
            subprocess.run(["dpkg", "-x", deb, PREFIX], check=True)
        _merge_usr()
        _make_image()
        DONE.touch()


def _download(folder: Path, names: list[str], suite: str | None = None) -> None:
    options = ["-o", "APT::Sandbox::User=root"]
    if suite is not None:
        options += _other_release(suite)
    if suite is not None or not list(Path("/var/lib/apt/lists").glob("*_Packages*")):
        subprocess.run(["apt-get", "-qq", *options, "update"], capture_output=True, check=False)
    got = subprocess.run(
        ["apt-get", "-qq", *options, "download", *names], cwd=folder, capture_output=True, text=True, check=False
    )
    if got.returncode:
        raise LabUnavailableError(f"apt-get cannot fetch {' '.join(names)}: {got.stderr.strip()[-200:]}")


def _other_release(suite: str) -> list[str]:
    """Return apt's options for another release from where this machine's packages come, with lists of its own."""
    lists = CACHE / f"lists-{suite}"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    source = CACHE / f"{suite}.list"
    source.write_text(f"deb [trusted=yes] {_mirror()} {suite} main\n")
    return ["-o", f"Dir::State::lists={lists}", "-o", f"Dir::Etc::sourcelist={source}", "-o", "Dir::Etc::sourceparts=-"]


def _mirror() -> str:
    shown = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)"], capture_output=True, text=True, check=True
    )
    return next(iter(shown.stdout.split()), "")


def _merge_usr() -> None:
    for name in ("bin", "sbin", "lib"):
        if (PREFIX / name).is_dir():
            shutil.copytree(PREFIX / name, PREFIX / "usr" / name, dirs_exist_ok=True, symlinks=True)
            shutil.rmtree(PREFIX / name)
    for name in ("iptables", "ip6tables"):
        link = PREFIX / "usr/sbin" / name
        link.unlink(missing_ok=True)
        link.symlink_to("xtables-nft-multi")


def _make_image() -> None:
    """Make the root file system of the image `lab:1`: busybox and nothing else."""
    root = CACHE / "image"
    shutil.rmtree(root, ignore_errors=True)
    for name in ("bin", "etc", "tmp", "www", "proc", "sys", "dev"):
        (root / name).mkdir(parents=True)
    shutil.copy(PREFIX / "usr/bin/busybox", root / "bin/busybox")
    for name in APPLETS:
        (root / "bin" / name).symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\n")
    subprocess.run(["tar", "-C", root, "-cf", ROOT_IMAGE, "."], check=True)

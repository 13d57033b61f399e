"""Where the lab keeps what it needs: the unpacked packages for all labs, and one lab's own files."""

import os
from pathlib import Path

CACHE = Path(os.environ.get("LAB_DIR", "/tmp/supervisor-engines"))
"""Kept between labs: 400 MB of packages."""
PREFIX = CACHE / "prefix-2"
"""Its number changes with the list of packages, since other labs may be running on the one before."""
ROOT_IMAGE = CACHE / "image.tar"
STATE = CACHE / "mounted"
"""A file system in memory, inside the lab's namespaces alone."""
NETWORK = "10.66.0"
INSIDE = "LAB_INSIDE"
CGROUP = "LAB_CGROUP"
SYSTEM_PATH = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")


class LabUnavailableError(Exception):
    """This machine cannot hold a lab; the text says why."""


def search_path() -> str:
    """Return `PATH` with the folders that system programs are in."""
    return ":".join(dict.fromkeys([*os.environ.get("PATH", "").split(":"), *SYSTEM_PATH]))


def is_inside() -> bool:
    """Return whether this process is in a lab's namespaces."""
    return INSIDE in os.environ

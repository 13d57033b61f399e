"""Which file system a path is on: what is promised of the log and of the locks holds on local ones alone."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "coda", "glusterfs", "lustre", "beegfs", "gpfs", "orangefs"}
    | {"gfs2", "ocfs2"}
    | {f"fuse.{name}" for name in ("sshfs", "glusterfs", "ceph", "nfs", "s3fs", "rclone", "davfs2", "curlftpfs", "mfs")}
)  # fmt: skip
"""What mountinfo calls the file systems that several hosts can write to at once."""
_ESCAPE = re.compile(r"\\([0-7]{3})")


def find_file_system(path: Path, mounts: str) -> tuple[Path, str] | None:
    """Return mount point and type of the file system that holds a resolved path, by the text of a mountinfo file."""
    found: tuple[str, str] | None = None
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        words = before.split()
        if len(words) < 5 or not after:
            continue
        point = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), words[4])
        # Of two mounts over one point the later hides the earlier.
        if f"{path}/".startswith(f"{point.rstrip('/')}/") and (found is None or len(point) >= len(found[0])):
            found = (point, after.split()[0])
    return found and (Path(found[0]), found[1])


def doubt_file_systems(paths: Iterable[Path], mounts: Path = MOUNTS) -> Iterator[str]:
    """Yield a warning for each resolved path on a network file system; none where the system does not tell its mounts."""
    with suppress(OSError):
        text = os.fsdecode(mounts.read_bytes())
        for path in paths:
            found = find_file_system(path, text)
            if found is not None and found[1] in NETWORK:
                yield (
                    f"{path}: is on a network file system ({found[1]} at {found[0]}), where lines of two hosts that write"
                    " at once can mix, and locks hold on one host alone; keep it on a local disk, or let one host write"
                )

"""`python -m tests.lab.base`: the image of Debian packages that the Containerfile is built on in the lab, where no registry is."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.lab.places import CACHE

BASE_IMAGE = CACHE / "base-1.tar"
PACKAGES = ("python3", "python3-venv", "openssh-client", "ca-certificates")
SUITE = "bookworm"
NOT_NEEDED = ("./var/cache/apt", "./var/lib/apt/lists", "./usr/share/doc", "./usr/share/man", "./usr/share/locale")


def make_base() -> str | None:
    """Make it where it is not there yet, in some minutes; return why it cannot be made."""
    if BASE_IMAGE.exists():
        return None
    if not shutil.which("debootstrap"):
        return "needs the Debian package debootstrap"
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as root:
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, root]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            return f"debootstrap: {made.stdout.strip()[-200:]}"
        pack(Path(root))
    return None


def pack(root: Path) -> None:
    """Keep a root file system as the image's one layer."""
    new = BASE_IMAGE.with_suffix(".new")
    leave_out = [f"--exclude={path}/*" for path in NOT_NEEDED]
    subprocess.run(["tar", "-C", root, "-cf", new, *leave_out, "."], check=True)
    new.rename(BASE_IMAGE)


if __name__ == "__main__":
    reason = make_base()
    print(reason or BASE_IMAGE)
    sys.exit(77 if reason else 0)

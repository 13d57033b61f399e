"""Folders that a process uses while it runs, and that whoever comes next removes where it was killed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.files.processes import is_alive

_PREFIX = "supervisor-scratch-"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give a new folder for us alone, gone at the end; those that killed processes of ours left go, too."""
    _sweep(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-") as folder:
        yield Path(folder)


def _sweep(parent: Path) -> None:
    with os.scandir(parent) as entries:
        ours = [entry for entry in entries if entry.name.startswith(_PREFIX)]
    for entry in ours:
        process = entry.name.removeprefix(_PREFIX).partition("-")[0]
        is_ours = entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.geteuid()
        if is_ours and process.isdigit() and not is_alive(int(process)):
            shutil.rmtree(entry.path, ignore_errors=True)

"""Publishing: a generation of the world as a folder, hard links under the five names, and a manifest (OBSERVER 5).

Who knows only the five files sees each replaced as a whole; who reads through the manifest never sees a mix.
"""

import contextlib
import errno
import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from flows.errors import BusyError, EmitError
from flows.files.own import fill, say_os_error, sync_folder
from flows.files.sealed import seal
from flows.sources.world.files import DEPLOYMENTS, INCIDENTS, NODES, SERVICES, SUMMARY
from flows.sources.world.generations import FOLDER, MANIFEST, read_manifest

ORDER = (DEPLOYMENTS, INCIDENTS, SERVICES, NODES, SUMMARY)
"""The order in which the files take their names: who reads in mid-way has nodes and summary of before."""
KEEP = 3
SCHEMA = 1
NAME = re.compile(r"[1-9]\d{0,17}", re.ASCII)
TEMPORARY = re.compile(r"\..*\.tmp")
FILE_MODE, FOLDER_MODE = 0o644, 0o755
NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV})


class Publisher:
    """The one writer of a world folder."""

    def __init__(self, world: Path, host: str, pid: int) -> None:
        """Keep where to write; nothing is written yet."""
        self.world = world.absolute()
        self._host, self._pid = host, pid

    def open(self, *, take_over: bool = False) -> int:
        """Make the folder ready, sweep what was left, and return the last generation; 0 where there was none.

        Raises `BusyError` where another host wrote the last one, and `EmitError` where nothing can be written.
        """
        try:
            self._make_folders()
            manifest = read_manifest(self.world)
            owner = str(manifest.observer.get("host", "")) if manifest else ""
            if owner and owner != self._host and not take_over:
                raise BusyError(
                    f"{self.world}: the observer of another host ({owner}) wrote the last generation, and locks hold on"
                    " one host alone; stop that one, then start once with --take-over"
                )
            self._sweep()
            found = self._generations()
        except OSError as error:
            raise self._explain(error) from None
        return max([*found, manifest.generation if manifest else 0])

    def _make_folders(self) -> None:
        folder = self.world / FOLDER
        self.world.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        folder.mkdir(exist_ok=True, mode=FOLDER_MODE)
        for path in (folder, *(self.world / name for name in (*ORDER, MANIFEST))):
            if path.is_symlink():
                raise EmitError(f"{path}: a symbolic link, which is not written through; put the file itself there")

    def _sweep(self) -> None:
        """Remove what a killed writer left: temporary files and folders, which nobody reads."""
        for folder in (self.world, self.world / FOLDER):
            for entry in os.scandir(folder):
                if TEMPORARY.fullmatch(entry.name):
                    if entry.is_dir(follow_symlinks=False):
                        shutil.rmtree(entry.path, ignore_errors=True)
                    else:
                        Path(entry.path).unlink(missing_ok=True)

    def publish(self, generation: int, documents: Mapping[str, Any], written_at: float) -> None:
        """Write a generation; raises `EmitError`, and then the last one stays whole."""
        contents = {name: msgspec.json.format(msgspec.json.encode(documents[name]), indent=1) for name in ORDER}
        manifest = {
            "schema": SCHEMA,
            "generation": generation,
            "folder": f"{FOLDER}/{generation}",
            "written_at": written_at,
            "observer": {"host": self._host, "pid": self._pid},
            "files": {
                name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
                for name, data in contents.items()
            },
        }
        contents[MANIFEST] = seal(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
        try:
            folder = self._write_folder(generation, contents)
            for name in (*ORDER, MANIFEST):
                self._show(folder / name)
            sync_folder(self.world)
            self._prune()
        except OSError as error:
            with contextlib.suppress(OSError):
                self._sweep()
                self._withdraw(generation)
            raise self._explain(error) from None

    def _withdraw(self, generation: int) -> None:
        """Remove a generation that no manifest names: it takes room, and would be in the way of the next attempt."""
        manifest = read_manifest(self.world)
        if manifest is None or manifest.generation != generation:
            shutil.rmtree(self.world / FOLDER / str(generation), ignore_errors=True)

    def _write_folder(self, generation: int, contents: Mapping[str, bytes]) -> Path:
        parent = self.world / FOLDER
        temporary, final = parent / f".{generation}.tmp", parent / str(generation)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(mode=FOLDER_MODE)
        for name, data in contents.items():
            _write(temporary / name, data)
        sync_folder(temporary)
        temporary.rename(final)
        sync_folder(parent)
        return final

    def _show(self, file: Path) -> None:
        """Give a file of a generation its name in the world's folder, in place of the one before."""
        link = self.world / f".{file.name}.tmp"
        link.unlink(missing_ok=True)
        try:
            link.hardlink_to(file)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            _write(link, file.read_bytes())
        link.replace(self.world / file.name)

    def _prune(self) -> None:
        for number in self._generations()[:-KEEP]:
            shutil.rmtree(self.world / FOLDER / str(number), ignore_errors=True)

    def _generations(self) -> list[int]:
        names = [entry.name for entry in (self.world / FOLDER).iterdir()]
        return sorted(int(name) for name in names if NAME.fullmatch(name))

    def _explain(self, error: OSError) -> EmitError:
        return EmitError(
            f"{self.world}: the world cannot be written: {say_os_error(error)}; the last generation stays as it was"
        )


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    fill(descriptor, data)

"""The world's files: which there are, and how to read them while their writer is at work (CONTRACT 2)."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

from flows.errors import WorldUnreadableError
from flows.files.foreign import (
    FileContent,
    FileFaultError,
    MissingFileError,
    UnsafeFileError,
    find_folder_fault,
    read_file,
    stamp_file,
)
from flows.sources.world.generations import read_generation
from schemas.limits import Limits

NODES = "nodes.json"
SERVICES = "services.json"
DEPLOYMENTS = "deployments.json"
INCIDENTS = "incidents.json"
SUMMARY = "runtime-summary.json"
REQUIRED = (NODES, SERVICES)
FILES = (NODES, SERVICES, DEPLOYMENTS, INCIDENTS, SUMMARY)
MAKE_ONE = "how a world is made: docs/world.md, or 'supervisor observe'"
"""What every message says that no world could be read."""

Result = TypeVar("Result")


class WorldFiles(NamedTuple):
    """One world snapshot's bytes."""

    as_of: datetime
    """The moment that its ages are judged at."""
    contents: Mapping[str, bytes]
    """By file name; an optional file that is absent is not here."""
    files_at: datetime
    """The newest time of the files."""
    source: str = ""
    """Where it comes from, for messages."""


def file_limits(name: str, limits: Limits) -> Limits:
    """Return what a file of the world may be at most: `services.json` has as many records as all others together."""
    return limits if name == SERVICES else limits.of_other_files


def read_world_file(path: Path, own: Limits) -> FileContent:
    """Return one file of a world, within its own limits; raises a `FileFaultError`."""
    setting = own.setting_of("max_world_file_bytes")
    return read_file(Path(path.name), max_bytes=own.max_world_file_bytes, setting=setting, root=path.parent)


class LastingWorldFaultError(WorldUnreadableError):
    """A world file that another attempt would not find readable either."""


def read_world_files(
    folder: Path,
    as_of: datetime,
    limits: Limits,
    check: Callable[[WorldFiles], Result],
    runtime_summary: Path | None = None,
) -> Result:
    """Return what `check` makes of the world's files, read while none of them changed; they are given away to it.

    A file that is absent, torn or unstable, or that `check` refuses with `WorldUnreadableError`, is tried again after a
    pause: the observer may be writing it. Raises `WorldUnreadableError` with every fault of the last attempt.
    """

    def attempt() -> Result:
        return check(_read_unchanged(folder, as_of, limits, runtime_summary))

    for _ in range(limits.retries):
        try:
            return attempt()
        except LastingWorldFaultError:
            raise
        except WorldUnreadableError:
            time.sleep(limits.retry_pause.total_seconds())
    return attempt()


def _read_unchanged(folder: Path, as_of: datetime, limits: Limits, runtime_summary: Path | None) -> WorldFiles:
    """Return the files as they all were at one moment: of one generation, where their writer keeps generations."""
    for _ in range(limits.max_read_rounds):
        if (whole := _read_through_manifest(folder, as_of, limits)) is not None:
            return whole
        files, contents = _read_once(folder, as_of, limits, runtime_summary)
        if all(stamp_file(path) == (content.stamp if content else None) for path, content in contents.items()):
            return files
    raise WorldUnreadableError(
        f"{folder}: its files change while they are read, each of {limits.max_read_rounds} times"
    )


def _read_through_manifest(folder: Path, as_of: datetime, limits: Limits) -> WorldFiles | None:
    """Return the generation that the manifest names; None where there is no manifest, so that each file is for itself."""
    try:
        found = read_generation(folder, {name: file_limits(name, limits) for name in FILES})
    except FileFaultError as error:
        is_lasting = isinstance(error, UnsafeFileError)
        raise (LastingWorldFaultError if is_lasting else WorldUnreadableError)(str(error)) from None
    return WorldFiles(as_of, found.contents, found.written_at, str(folder)) if found else None


def _read_once(
    folder: Path, as_of: datetime, limits: Limits, runtime_summary: Path | None
) -> tuple[WorldFiles, dict[Path, FileContent | None]]:
    """Read each file once; the second value holds every file that was looked for, none where it is absent."""
    if fault := find_folder_fault(folder):
        raise WorldUnreadableError(f"{folder}: {fault}; name the world's folder with --world")
    paths = {name: folder / name for name in FILES}
    if runtime_summary is not None:
        paths[SUMMARY] = runtime_summary
    found: dict[Path, FileContent | None] = {}
    faults: list[FileFaultError] = []
    for name, path in paths.items():
        try:
            found[path] = read_world_file(path, file_limits(name, limits))
        except MissingFileError:
            found[path] = None
            faults += [MissingFileError(path, "no such file")] if name in REQUIRED else []
        except FileFaultError as error:
            faults.append(error)
    if faults:
        is_lasting = any(isinstance(fault, UnsafeFileError) for fault in faults)
        raise (LastingWorldFaultError if is_lasting else WorldUnreadableError)("\n".join(map(str, faults)))
    contents = {name: content.data for name, path in paths.items() if (content := found[path])}
    files_at = max(content.modified_at for content in found.values() if content)
    return WorldFiles(as_of, contents, files_at, str(folder)), found

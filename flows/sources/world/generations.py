"""The world through its manifest, where an observer writes one: what is read is one generation, never a mix (OBSERVER 5)."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from flows.files.foreign import (
    FileFaultError,
    MissingFileError,
    UnsafeFileError,
    UnstableFileError,
    read_file,
    stamp_file,
)
from flows.files.sealed import unseal
from schemas.limits import Limits

MANIFEST = "manifest.json"
FOLDER = "generations"
MOST_MANIFEST_BYTES = 64 * 1024
GENERATION = re.compile(FOLDER + r"/[1-9]\d{0,17}", re.ASCII)
LEFT_OVER_S = 60.0
"""Files that are newer than the manifest by more than this are of a writer that knows nothing of it."""


class _File(msgspec.Struct, frozen=True):
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a generation consists of."""

    generation: int
    folder: str
    files: dict[str, _File]
    observer: dict[str, Any] = {}


class Generation(NamedTuple):
    """One generation's bytes by file name, and when it was written."""

    contents: Mapping[str, bytes]
    written_at: datetime


def read_manifest(world: Path) -> Manifest | None:
    """Return the manifest; None where there is none that can be used: the five files stand for themselves then."""
    try:
        content = read_file(Path(MANIFEST), max_bytes=MOST_MANIFEST_BYTES, root=world)
        manifest = msgspec.json.decode(unseal(content.data), type=Manifest)
    except (FileFaultError, ValueError):
        return None
    return manifest if GENERATION.fullmatch(manifest.folder) else None


def read_generation(world: Path, limits: Mapping[str, Limits]) -> Generation | None:
    """Return the generation that the manifest names; None where there is no manifest, or it is left over.

    `limits` says by name which files are wanted, and how large each may be. Raises a `FileFaultError` where a file is not
    what the manifest says, and another attempt may find the next generation.
    """
    manifest = read_manifest(world)
    if manifest is None or _is_left_over(world, manifest):
        return None
    contents, written_at = {}, None
    for name, own in limits.items():
        if name not in manifest.files:
            continue
        try:
            most, setting = own.max_world_file_bytes, own.setting_of("max_world_file_bytes")
            found = read_file(Path(manifest.folder, name), max_bytes=most, setting=setting, root=world)
        except MissingFileError:
            # It was replaced by two newer ones meanwhile.
            raise UnstableFileError(world / manifest.folder, "was replaced while it was read") from None
        told = manifest.files[name]
        if len(found.data) != told.bytes or hashlib.sha256(found.data).hexdigest() != told.sha256:
            raise UnsafeFileError(world / manifest.folder / name, "is not what the manifest says: somebody changed it")
        contents[name] = found.data
        written_at = max(written_at or found.modified_at, found.modified_at)
    return Generation(contents, written_at or datetime.now(UTC))


def follows_manifest(world: Path) -> bool:
    """Return whether the world is read through its manifest, so that a change of any other file means nothing."""
    manifest = read_manifest(world)
    return manifest is not None and not _is_left_over(world, manifest)


def _is_left_over(world: Path, manifest: Manifest) -> bool:
    """Return whether files are there that are much newer than the manifest: its writer has gone, another one came."""
    own = stamp_file(world / MANIFEST)
    others = [stamp_file(world / name) for name in manifest.files]
    newest = max((stamp.modified_ns for stamp in others if stamp), default=0)
    return own is not None and (newest - own.modified_ns) / 1e9 > LEFT_OVER_S

"""`observer.json`: what the observer remembers, kept between processes; lost or torn, the world is read back."""

import contextlib
import os
from pathlib import Path

import msgspec

from flows.errors import EmitError
from flows.files.own import sync_folder, write_temporary
from flows.observer.memory import Memory

FILE = "observer.json"
LOCK = "observer.lock"
SCHEMA = 1


class _State(msgspec.Struct):
    schema: int
    memory: Memory


def load_memory(state_dir: Path) -> Memory | None:
    """Return what was remembered; None where there is nothing, or nothing that can be read."""
    try:
        state = msgspec.json.decode((state_dir / FILE).read_bytes(), type=_State)
    except (OSError, msgspec.DecodeError):
        return None
    return state.memory if state.schema == SCHEMA else None


def save_memory(state_dir: Path, memory: Memory) -> None:
    """Replace the file as a whole; raises `EmitError`."""
    path = state_dir / FILE
    try:
        temporary = write_temporary(path, msgspec.json.encode(_State(SCHEMA, memory)))
        temporary.replace(path)
        sync_folder(state_dir)
    except OSError as error:
        raise EmitError(f"{path}: cannot be written: {error.strerror}") from None


def sweep(folder: Path) -> None:
    """Remove what killed processes left of ours: temporary files beside the state."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if entry.name.startswith(f"{FILE}.") and entry.name.endswith(".tmp"):
                Path(entry.path).unlink(missing_ok=True)

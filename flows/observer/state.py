"""`observer.json`: what the observer remembers, kept between processes; lost or torn, the world is read back."""

import contextlib
import os
from pathlib import Path

import msgspec

from flows.errors import EmitError
from flows.files.foreign import FileFaultError, read_file
from flows.files.own import create_file, fill, put_in_place
from flows.files.sealed import seal, unseal
from flows.observer.memory import Memory

FILE = "observer.json"
LOCK = "observer.lock"
TEMPORARY = f".{FILE}.tmp"
SCHEMA = 1
MOST_BYTES = 1 << 30


class _State(msgspec.Struct):
    schema: int
    memory: Memory


def load_memory(state_dir: Path) -> Memory | None:
    """Return what was remembered; None where there is nothing, or nothing that can be read."""
    try:
        content = read_file((state_dir / FILE).absolute(), max_bytes=MOST_BYTES)
        state = msgspec.json.decode(unseal(content.data), type=_State)
    except (FileFaultError, ValueError):
        return None
    return state.memory if state.schema == SCHEMA else None


def save_memory(state_dir: Path, memory: Memory) -> None:
    """Replace the file as a whole; raises `EmitError`.

    Who calls this holds the lock, so that the temporary file can have a name of its own: a run of the same process, in
    another thread, sweeps those that look like its own.
    """
    path, temporary = state_dir / FILE, state_dir / TEMPORARY
    try:
        temporary.unlink(missing_ok=True)
        fill(create_file(temporary, os.O_WRONLY, 0o600), seal(msgspec.json.encode(_State(SCHEMA, memory))))
        put_in_place(temporary, path)
    except OSError as error:
        raise EmitError(f"{path}: cannot be written: {error.strerror}") from None


def sweep(state_dir: Path) -> None:
    """Remove what a killed process left."""
    with contextlib.suppress(OSError):
        (state_dir / TEMPORARY).unlink(missing_ok=True)

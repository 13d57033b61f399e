"""The files that a commit puts in place: written under a temporary name, durable, and renamed."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from flows.errors import EmitError
from flows.files.own import sync_file, sync_folder


def check_files(files: Sequence[tuple[Path, Path]]) -> None:
    """Raise `EmitError` where a temporary file is gone."""
    for temporary, _ in files:
        if not temporary.is_file():
            raise EmitError(f"{temporary}: is gone; was the state folder removed during the run?")


def sync_files(files: Sequence[tuple[str, str]]) -> None:
    """Make the temporary files durable."""
    for temporary, _ in files:
        sync_file(Path(temporary))
        sync_folder(Path(temporary).parent)


def place_files(files: Sequence[tuple[str, str]]) -> list[str]:
    """Give the temporary files their names, as far as they have them not yet; return a warning for each that is lost."""
    lost = []
    for temporary, final in files:
        with suppress(FileNotFoundError):
            Path(temporary).replace(final)
        if not Path(final).exists():
            lost.append(f"{final}: a part of the history is lost: its temporary file is gone")
    for folder in {Path(final).parent for _, final in files}:
        if folder.exists():
            sync_folder(folder)
    return lost

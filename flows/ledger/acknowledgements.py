"""The acknowledgements' file in the state folder: replaced as a whole, under a lock of its own."""

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from flows.errors import SettingsError, say_newer
from flows.files.lock import hold_lock
from flows.files.own import make_private_folder, open_regular, replace_file
from flows.files.sealed import seal, unseal
from flows.ledger.forms import AcknowledgementForm, of_form, to_form
from schemas.acknowledgement import Acknowledgement

FILE = "acknowledgements.json"
MAX_BYTES = 4 * 1024 * 1024
VERSION = 1


class _File(msgspec.Struct):
    version: int
    acknowledgements: tuple[AcknowledgementForm, ...]


Change = Callable[[tuple[Acknowledgement, ...]], Iterable[Acknowledgement]]


def read_acknowledgements(state_dir: Path) -> tuple[Acknowledgement, ...]:
    """Return what the file holds, by target; nothing where it is absent. Raises `SettingsError` for a broken one."""
    path = state_dir / FILE
    try:
        fd = open_regular(path, os.O_RDONLY, frozenset({os.geteuid(), 0}))
    except FileNotFoundError:
        return ()
    with os.fdopen(fd, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    try:
        if len(data) > MAX_BYTES:
            raise ValueError
        form = msgspec.json.decode(unseal(data), type=_File)
        if form.version > VERSION:
            raise SettingsError(say_newer(path, form.version, VERSION))
        if form.version != VERSION:
            raise ValueError
    except (ValueError, msgspec.DecodeError, RecursionError):
        raise SettingsError(
            f"{path}: is not a file of acknowledgements as we write it; mend it (without its sum), or remove it"
        ) from None
    return tuple(of_form(Acknowledgement, row) for row in form.acknowledgements)


def change_acknowledgements(state_dir: Path, change: Change, timeout_s: float) -> tuple[Acknowledgement, ...]:
    """Replace what the file holds by what `change` makes of it, durably; return that, by target."""
    folder = make_private_folder(state_dir)
    with hold_lock(folder / f"{FILE}.lock", timeout_s):
        after = tuple(sorted(change(read_acknowledgements(folder)), key=lambda row: row.target))
        form = _File(version=VERSION, acknowledgements=tuple(to_form(AcknowledgementForm, row) for row in after))
        body = json.dumps(msgspec.to_builtins(form), indent=1)
        replace_file(folder / FILE, seal(body.encode() + b"\n"))
    return after

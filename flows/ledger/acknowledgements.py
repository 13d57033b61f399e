"""The acknowledgements' file in the state folder: replaced as a whole, under a lock of its own."""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from flows.errors import SettingsError
from flows.files.lock import hold_lock
from flows.files.own import make_private_folder, open_regular, replace_file
from flows.files.sealed import seal, unseal
from flows.ledger.event_line import read_instant, write_instant
from schemas.acknowledgement import Acknowledgement

FILE = "acknowledgements.json"
MAX_BYTES = 4 * 1024 * 1024
VERSION = 1

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
        return _parse(json.loads(unseal(data)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SettingsError(
            f"{path}: is not a file of acknowledgements as we write it; mend it (without its sum), or remove it"
        ) from None


def change_acknowledgements(state_dir: Path, change: Change, timeout_s: float) -> tuple[Acknowledgement, ...]:
    """Replace what the file holds by what `change` makes of it, durably; return that, by target."""
    folder = make_private_folder(state_dir)
    with hold_lock(folder / f"{FILE}.lock", timeout_s):
        after = tuple(sorted(change(read_acknowledgements(folder)), key=lambda row: row.target))
        body = json.dumps(
            {"version": VERSION, "acknowledgements": [dump_acknowledgement(row) for row in after]}, indent=1
        )
        replace_file(folder / FILE, seal(body.encode() + b"\n"))
    return after


def dump_acknowledgement(row: Acknowledgement) -> dict[str, str]:
    """Return it as values of JSON."""
    return {
        "node": row.node,
        "service": row.service,
        "owner": row.owner,
        "reason": row.reason,
        "acknowledged_at": write_instant(row.acknowledged_at),
        "until": write_instant(row.until),
    }


def _parse(form: Mapping[str, Any]) -> tuple[Acknowledgement, ...]:
    if form["version"] != VERSION:
        raise ValueError
    return tuple(parse_acknowledgement(row) for row in form["acknowledgements"])


def parse_acknowledgement(row: Mapping[str, Any]) -> Acknowledgement:
    """Return it from values of JSON; ValueError, KeyError or TypeError for what `dump_acknowledgement` did not make."""
    return Acknowledgement(
        node=str(row["node"]),
        service=str(row["service"]),
        owner=str(row["owner"]),
        reason=str(row["reason"]),
        acknowledged_at=read_instant(row["acknowledged_at"]),
        until=read_instant(row["until"]),
    )

"""The last run without conclusions, noted beside the checkpoint: such a run leaves the checkpoint as it is."""

import json
import os
from pathlib import Path

import msgspec

from flows.files.own import open_regular, put_in_place, trusted_owners, write_temporary
from flows.files.sealed import seal, unseal
from flows.ledger.forms import AttemptForm, to_form
from schemas.last_run import LastAttempt

MAX_BYTES = 64 * 1024
"""More than any reason needs."""


def attempt_path(checkpoint: Path) -> Path:
    """Return where the note is."""
    return checkpoint.with_name(f"{checkpoint.name}.attempt")


def write_attempt(checkpoint: Path, attempt: LastAttempt, generation: int) -> None:
    """Replace the note; it counts until a run of a higher generation is committed."""
    note, form = attempt_path(checkpoint), to_form(AttemptForm, attempt, generation=generation)
    body = json.dumps(msgspec.to_builtins(form)).encode("ascii") + b"\n"
    put_in_place(write_temporary(note, seal(body)), note)


def read_attempt(checkpoint: Path, generation: int) -> LastAttempt | None:
    """Return the run noted since the run of that generation; none where there is no note that can be read."""
    try:
        fd = open_regular(attempt_path(checkpoint), os.O_RDONLY, trusted_owners())
    except FileNotFoundError:
        return None
    with os.fdopen(fd, "rb") as file:
        data = file.read(MAX_BYTES)
    try:
        form = msgspec.json.decode(unseal(data), type=AttemptForm)
    except (ValueError, RecursionError):
        return None
    attempt = LastAttempt(as_of=form.as_of, outcome=form.outcome, reason=form.reason)
    return attempt if form.generation >= generation else None

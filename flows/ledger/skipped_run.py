"""The last run without conclusions, noted beside the checkpoint: such a run leaves the checkpoint as it is."""

import json
import os
from pathlib import Path

from flows.files.own import open_regular, trusted_owners, write_temporary
from flows.files.sealed import seal, unseal
from flows.ledger.event_line import read_instant, write_instant
from schemas.last_run import LastAttempt
from schemas.words import Outcome

MAX_BYTES = 64 * 1024
"""More than any reason needs."""


def attempt_path(checkpoint: Path) -> Path:
    """Return where the note is."""
    return checkpoint.with_name(f"{checkpoint.name}.attempt")


def write_attempt(checkpoint: Path, attempt: LastAttempt, generation: int) -> None:
    """Replace the note; it counts until a run of a higher generation is committed."""
    form = {
        "generation": generation,
        "as_of": write_instant(attempt.as_of),
        "outcome": attempt.outcome,
        "reason": attempt.reason,
    }
    temporary = write_temporary(attempt_path(checkpoint), seal(json.dumps(form).encode("ascii") + b"\n"))
    try:
        temporary.replace(attempt_path(checkpoint))
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def read_attempt(checkpoint: Path, generation: int) -> LastAttempt | None:
    """Return the run noted since the run of that generation; none where there is no note that can be read."""
    try:
        fd = open_regular(attempt_path(checkpoint), os.O_RDONLY, trusted_owners())
    except FileNotFoundError:
        return None
    with os.fdopen(fd, "rb") as file:
        data = file.read(MAX_BYTES)
    try:
        form = json.loads(unseal(data))
        attempt = LastAttempt(
            as_of=read_instant(form["as_of"]), outcome=Outcome(form["outcome"]), reason=str(form["reason"])
        )
        return attempt if form["generation"] >= generation else None
    except (ValueError, KeyError, TypeError):
        return None

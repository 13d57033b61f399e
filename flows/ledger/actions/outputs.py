"""What steps printed, as the executor keeps it: redacted, a file for each intent, for its own user alone."""

import os

from flows.errors import EmitError
from flows.files.own import open_regular
from flows.ledger.actions.places import ActionPlace

MAX_BYTES = 1024 * 1024


def read_output(place: ActionPlace, intent_id: str) -> str | None:
    """Return what the intent's step printed; None where it is not there, or not for this user."""
    try:
        fd = open_regular(place.outputs / f"{intent_id}.txt", os.O_RDONLY, place.executor_uids)
    except (OSError, EmitError):
        return None
    with os.fdopen(fd, "rb") as file:
        return file.read(MAX_BYTES).decode("utf-8", "replace")

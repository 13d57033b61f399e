"""Reading the two inputs as the settings say."""

from dataclasses import dataclass
from datetime import datetime

from flows.settings import Settings
from schemas.actual import Actual
from schemas.desired import Desired


@dataclass(frozen=True)
class Inputs:
    """Both inputs of one run, as frames, with the fingerprint of what they were read from."""

    desired: Desired
    actual: Actual
    fingerprint: str
    """Hexadecimal SHA-256 over the inventory's and the world's contents, the rules and the aliases; not `as_of`."""
    rules_fingerprint: str
    notes: tuple[str, ...] = ()


def read_inputs(settings: Settings, as_of: datetime) -> Inputs:
    """Return both inputs.

    Raises `InventoryError` where nothing of the inventory can be read, and `WorldUnreadableError` where a world file
    that is required, or is there, cannot be read.
    """

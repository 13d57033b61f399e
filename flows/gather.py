"""Reading the two inputs as the settings say."""

from datetime import datetime

from flows.settings import Settings
from flows.sources.inventory import read_inventory
from flows.sources.world import dangling_aliases, read_world
from schemas.actual import Actual
from schemas.desired import Desired


def read_desired(settings: Settings) -> Desired:
    """Return the desired state; raises `InventoryError` where nothing of it can be read."""
    return read_inventory(settings.inventory, settings.limits)


def read_actual(settings: Settings, desired: Desired, as_of: datetime) -> tuple[Actual, tuple[str, ...]]:
    """Return the world as a batch of one, and notes about aliases that lead to no node of the inventory.

    Raises `WorldUnreadableError` where a required file, or one that is there, cannot be read.
    """
    known = frozenset(desired.nodes["node"])
    actual = read_world(settings.world, as_of, settings.node_alias_map, known, settings.limits)
    lost = dangling_aliases(settings.node_alias_map, known)
    notes = tuple(f"alias {alias} leads to {name}, which is no node of the inventory; not used" for alias, name in lost)
    return actual, notes

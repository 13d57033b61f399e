"""Today's world, judged against another inventory: what a change of it would do."""

from datetime import datetime
from pathlib import Path

from flows.errors import HistoryError, InventoryError
from flows.past.replay import Comparison, compare, pair
from flows.run.gather import read_inputs
from flows.settings import Settings
from flows.sources.inventory.desired import build_desired
from flows.sources.inventory.files import HOSTS, InventoryFiles
from flows.sources.inventory.listing import list_inventory
from flows.sources.snapshots.git_objects import GitObjects
from flows.sources.snapshots.inventories import GitInventories
from flows.sources.world.actual import decode_worlds
from flows.views.now import decide_now


def compare_inventories(settings: Settings, other: str, as_of: datetime) -> Comparison:
    """Return what would be recommended against another inventory: a folder, or a branch of the inventory's repository.

    Raises `InventoryError`, also where it is neither, and `WorldUnreadableError`.
    """
    inputs = read_inputs(settings, as_of)
    desired = build_desired(_read_other(settings, other), settings.limits, rules=settings.rules())
    known = frozenset(desired.nodes["node"])
    actual = decode_worlds([inputs.world_files], settings.node_alias_map, known, settings.limits, settings.rules())
    now = decide_now(settings, inputs).judgement
    other_way = decide_now(settings, inputs._replace(desired=desired, actual=actual)).judgement
    both = pair(now, other_way)
    return compare(both, settings.longest_span)


def _read_other(settings: Settings, other: str) -> InventoryFiles:
    folder = Path(other).expanduser()
    if (folder / HOSTS).is_dir():
        return list_inventory(folder.absolute(), settings.limits)
    with GitObjects(settings.inventory.absolute()) as objects:
        try:
            tip = objects.list_commits(other)[-1]
        except HistoryError as error:
            said = f"neither a folder that holds {HOSTS}/, nor a branch of {settings.inventory}"
            raise InventoryError(f"{other}: {said} ({error})") from None
        prefix = objects.find_prefix()
    inventories = GitInventories(settings.inventory.absolute(), settings.limits, other, prefix)
    try:
        return inventories.read_version(inventories.version_of(tip.digest))
    finally:
        inventories.close()

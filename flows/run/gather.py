"""Reading the two inputs as the settings say."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import NamedTuple

import polars as pl

from flows.errors import SupervisorError, WorldUnreadableError
from flows.ledger.elsewhere import FILE, read_elsewhere
from flows.run.deadline import end_in_time
from flows.run.step import Trait, mark
from flows.settings import Settings
from flows.sources.ahead import Work, WorldAhead
from flows.sources.inventory.cache import InventoryCache
from flows.sources.inventory.files import InventoryFiles
from flows.sources.inventory.keeper import read_kept_inventory
from flows.sources.inventory.listing import list_inventory
from flows.sources.names import quote
from flows.sources.world.actual import LoadedWorld, WorldFiles, dangling_aliases, load_world
from flows.sources.world.files import SERVICES
from flows.sources.world.memory import WorldMemory
from flows.sources.world.owners import doubt_owners
from flows.text.spoken import instant
from flows.text.values import write_rules
from schemas.actual import Actual
from schemas.desired import Desired
from schemas.frame import DataFrame
from schemas.joins import are_among
from schemas.rejected import Doubtful
from schemas.rules import Rules
from schemas.shown import Shown
from stages.link import with_cycles


class Inputs(NamedTuple):
    """Both inputs of one run, as frames and as they were read, with fingerprints of their content."""

    desired: Desired
    actual: Actual
    read_inventory_files: Callable[[], InventoryFiles]
    """Raises `InventoryError` where they are not those any more."""
    world_files: WorldFiles
    """Without contents in a run that is recorded, where these are more than what is archived."""
    world_size_bytes: int
    fingerprint: str
    """Hexadecimal SHA-256 over the inventory's and the world's contents, the rules and the aliases; not `as_of`."""
    rules_fingerprint: str
    inventory_fingerprint: str
    world_fingerprint: str
    notes: tuple[str, ...] = ()
    elsewhere: Shown | None = None
    """What other sites showed, where their services are known to each other and it is not too old."""


class InputReader:
    """Reads both inputs of one settings' runs; what did not change since the run before is not read again."""

    def __init__(self, settings: Settings, *, is_caching: bool = True) -> None:
        """Read nothing yet; without caching, nothing is written either."""
        inventory, folder = settings.inventory.absolute(), settings.places.cache
        self._is_caching = is_caching
        self._cache = InventoryCache(inventory, settings.limits, settings.rules(), folder, is_writable=is_caching)
        self._world = WorldMemory()

    def writing_beside(self) -> AbstractContextManager[None]:
        """Return a block in which what is kept for the next run may be written while this one goes on; it is there at its end."""
        return self._cache.writing_beside()

    @mark(Trait.READS_OF_OTHERS)
    def read_inputs(self, settings: Settings, as_of: datetime) -> Inputs:
        """Return both inputs.

        Raises `InventoryError` where nothing of the inventory can be read, and `WorldUnreadableError` where a world
        file that is required, or is there, cannot be read.
        """
        with WorldAhead(_ask_ahead(settings, as_of)) as ahead:
            inventory = read_kept_inventory(self._cache, ahead.begin, with_cycles)
            ahead.teach(self._world)
            most = settings.archive_max_world_bytes if self._is_caching else None
            world, notes = read_actual(settings, inventory.desired, as_of, self._world, most)
        of_rules = fingerprint_rules(settings.rules())
        of_inventory, of_world = inventory.fingerprint, world.fingerprint
        elsewhere, remarks = read_others(settings, as_of)
        fingerprint = fingerprint_input(of_inventory, of_world, of_rules, settings.node_alias_map)
        return Inputs(
            inventory.desired,
            world.actual,
            inventory.read_files,
            world.files,
            world.size_bytes,
            fingerprint,
            of_rules,
            of_inventory,
            of_world,
            (*notes, *remarks),
            elsewhere,
        )


@mark(Trait.READS_OF_OTHERS)
def read_inputs(settings: Settings, as_of: datetime) -> Inputs:
    """Return both inputs, without leaving a trace; see `InputReader`. Raises `DeadlineError` as a run does."""
    with end_in_time(settings.deadline):
        return InputReader(settings, is_caching=False).read_inputs(settings, as_of)


def _ask_ahead(settings: Settings, as_of: datetime) -> Work:
    summary = os.fsencode(settings.runtime_summary) if settings.runtime_summary is not None else None
    inventory, world = (os.fsencode(path.absolute()) for path in (settings.inventory, settings.world))
    return Work(
        inventory, world, summary, settings.node_alias_map, as_of.isoformat(), settings.limits, settings.rules()
    )


def read_others(settings: Settings, as_of: datetime, name: str = FILE) -> tuple[Shown | None, tuple[str, ...]]:
    """Return what other sites showed, no older than a world may be, and a note where there is some that is not used."""
    try:
        elsewhere = read_elsewhere(settings.places.state_dir, name)
    except SupervisorError as error:
        return None, (f"{error}; what other sites show is not used",)
    if elsewhere is None:
        return None, ()
    age = as_of - elsewhere.shown_at
    if -settings.clock_tolerance <= age <= settings.world_ttl:
        return elsewhere.shown, ()
    return None, (f"what other sites showed is of {instant(elsewhere.shown_at)}: too old, or of the future; not used",)


def read_desired(settings: Settings) -> tuple[Desired, InventoryFiles]:
    """Return the desired state and the files that it was read from."""
    from flows.sources.inventory.desired import build_desired  # with all that parses, which few runs need

    files = list_inventory(settings.inventory.absolute(), settings.limits)
    return build_desired(files, settings.limits, rules=settings.rules()), files


def read_actual(
    settings: Settings,
    desired: Desired,
    as_of: datetime,
    memory: WorldMemory | None = None,
    most_kept_bytes: int | None = None,
) -> tuple[LoadedWorld, tuple[str, ...]]:
    """Return the world as a batch of one, and notes about aliases that lead to no node of the inventory."""
    known = frozenset(desired.nodes["node"])
    aliases = settings.node_alias_map
    world = load_world(
        settings.world.absolute(),
        as_of,
        aliases,
        known,
        settings.limits,
        settings.runtime_summary,
        memory,
        settings.rules(),
        most_kept_bytes,
    )
    _refuse_strangers(desired, world.actual, settings)
    lost = dangling_aliases(aliases, known)
    notes = [
        f"alias {alias!a} leads to {name!a}, which is no node of the inventory; not used"
        for alias, name in lost.items()
    ]
    doubts = doubt_owners(settings.world.absolute(), settings.runtime_summary)
    return world, (*notes, *tell_doubt(world.actual.doubtful), *doubts)


def _refuse_strangers(desired: Desired, actual: Actual, settings: Settings) -> None:
    """Refuse a world of services that hardly any inventory asks for: each would be a drift, and none means anything."""
    limit = settings.limits.max_unexpected_services
    if actual.services.height <= limit:
        return
    unknown_nodes = desired.nodes.filter(~pl.col("is_readable"))
    is_asked = are_among(actual.services, desired.services, ["node", "service"])
    strangers = actual.services.filter(~is_asked).join(unknown_nodes, on="node", how="anti")
    if strangers.height > limit:
        raise WorldUnreadableError(
            f"{settings.world.absolute() / SERVICES}: {strangers.height} services that no inventory asks for, one of"
            f" them {quote(strangers['key'][0])}, over the limit of {limit}; see that world and inventory belong together,"
            " or raise limits.max_unexpected_services"
        )


def tell_doubt(doubtful: DataFrame[Doubtful]) -> Iterator[str]:
    """Yield a note that says how many times are in doubt, with one example."""
    if doubtful.height:
        file, key, field, value = doubtful.row(0)[1:]
        place = f"{file}#{key}" if key else file
        subject = (
            "1 time cannot be read, or lies"
            if doubtful.height == 1
            else f"{doubtful.height} times cannot be read, or lie"
        )
        yield f"{subject} in the future, such as '{field}' of {place}: {value}; check that clock"


def fingerprint_input(inventory: str, world: str, rules: str, aliases: Mapping[str, str]) -> str:
    """Return the fingerprint of a run's whole input, from those of its parts."""
    parts = (inventory, world, rules, repr(sorted(aliases.items())))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def fingerprint_rules(rules: Rules) -> str:
    """Return the hexadecimal SHA-256 of the rules' values."""
    return hashlib.sha256(repr(sorted(write_rules(rules).items())).encode()).hexdigest()

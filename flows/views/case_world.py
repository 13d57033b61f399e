"""The inventory and the world of a case: those of folders, or made from the few lines that the case gives."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from flows.run.gather import read_actual, read_desired
from flows.settings import Settings
from flows.sources.inventory.desired import build_desired
from flows.sources.inventory.files import InventoryFiles
from flows.sources.world.actual import WorldFiles, decode_worlds
from flows.sources.world.fields import read_status
from schemas.actual import Actual
from schemas.desired import Desired
from schemas.episode import Target
from schemas.policy_case import Case
from schemas.words import ALL, RunMode
from stages.date import date_worlds
from stages.move_times import move_times
from stages.suppose import suppose

DONE = "completed"


class CaseWorld(NamedTuple):
    """Both states of a case, at its moment."""

    desired: Desired
    actual: Actual


def make_world(case: Case, folder: Path, settings: Settings, now: datetime) -> CaseWorld:
    """Return both states of a case; its folders are relative to `folder`, and those that it does not name the settings'.

    With an inventory of its own and no world, all is well but what it changes. Raises what reading a run's inputs does.
    """
    if isinstance(case.inventory, str):
        settings = replace(settings, inventory=folder / case.inventory)
    if case.world is not None:
        settings = replace(settings, world=folder / case.world, runtime_summary=None)
    desired = (
        _make_desired(case.inventory, settings) if isinstance(case.inventory, Mapping) else read_desired(settings)[0]
    )
    is_made = case.inventory is not None and case.world is None
    actual = _make_well(desired, case, settings) if is_made else _read_moved(desired, case.at, settings, now)
    changes = {target: word if target.service == ALL else read_status(word) for target, word in case.changes.items()}
    return CaseWorld(desired, suppose(actual, changes, case.at, case.at - case.standing_for))


def _make_desired(entries: Mapping[Target, Mapping[str, Any]], settings: Settings) -> Desired:
    by_node: dict[str, dict[str, Any]] = {}
    for target, entry in entries.items():
        by_node.setdefault(target.node, {})[target.service] = entry
    contents = {
        f"hosts/{node}/services.yaml": json.dumps({"services": services}).encode() for node, services in by_node.items()
    }
    return build_desired(InventoryFiles(contents, source="the case's inventory"), settings.limits)


def _read_moved(desired: Desired, at: datetime, settings: Settings, now: datetime) -> Actual:
    """Return a folder's world, moved so that its own time is the case's."""
    actual = read_actual(settings, desired, max(now, at))[0].actual
    world_at = date_worlds(actual)["world_at"][0]
    return move_times(actual, at - world_at, at)


def _make_well(desired: Desired, case: Case, settings: Settings) -> Actual:
    """Return a world in which every node is up, and every service does what it is asked for."""
    at = case.at.timestamp()
    nodes = {
        node: {"status": "online", "last_seen": at, "online_since": (case.at - case.up_for).timestamp()}
        for node in desired.nodes["node"]
    }
    services = {
        f"{node}/{service}": {"status": DONE if run == RunMode.ONCE else "healthy", "last_seen": at}
        for node, service, run in desired.services.select("node", "service", "run").iter_rows()
    }
    documents: dict[str, object] = {
        "nodes.json": nodes,
        "services.json": services,
        "runtime-summary.json": {"status": "ok", "last_update": at},
    }
    contents = {name: json.dumps(document).encode() for name, document in documents.items()}
    files = WorldFiles(case.at, contents, case.at, "the case's world")
    known = frozenset(desired.nodes["node"])
    return decode_worlds([files], {}, known, settings.limits, settings.rules())

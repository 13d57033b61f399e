"""`memory.json`: what one run leaves to whoever decides again without its checkpoint: the executor, and operators."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flows.errors import EmitError, SettingsError
from flows.files.own import open_regular, remove_leftovers
from flows.files.sealed import seal, unseal
from flows.ledger.acknowledgements import dump_acknowledgement, parse_acknowledgement
from flows.ledger.actions.memory_form import dump_memory, parse_memory
from flows.ledger.actions.places import ActionPlace
from flows.ledger.actions.share import replace_shared
from flows.ledger.checkpoint import dump_episode, parse_episode
from schemas.acknowledgement import Acknowledgement
from schemas.canonical import spell_instant
from schemas.episode import Episode
from schemas.memory import Memory
from schemas.wait import SettlingService

VERSION = 1
MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What one run leaves."""

    as_of: datetime
    world_at: datetime | None
    memory: Memory
    episodes: tuple[Episode, ...]
    """After that run's transitions."""
    acknowledgements: tuple[Acknowledgement, ...] = ()
    """Whoever decides again may not be able to read their file."""
    settling: tuple[SettlingService, ...] = ()
    """What the run came to of statuses that settle: it holds back drift in the next."""


def write_remembered(place: ActionPlace, remembered: Remembered) -> None:
    """Put the file in its place, whole; EmitError where it cannot be written."""
    form = {
        "v": VERSION,
        "as_of": spell_instant(remembered.as_of),
        "world_at": spell_instant(remembered.world_at) if remembered.world_at else None,
        "memory": dump_memory(remembered.memory),
        "episodes": [dump_episode(episode) for episode in remembered.episodes],
        "acknowledgements": [dump_acknowledgement(row) for row in remembered.acknowledgements],
        "settling": [[row.node, row.service, spell_instant(row.first_seen_at)] for row in remembered.settling],
    }
    data = seal(json.dumps(form, separators=(",", ":"), sort_keys=True).encode("ascii") + b"\n")
    try:
        remove_leftovers(place.memory)
        replace_shared(place.memory, data)
    except OSError as error:
        raise EmitError(f"{place.memory}: cannot be written: {error.strerror}; nothing starts without it") from None


def read_remembered(place: ActionPlace) -> Remembered | None:
    """Return what the last run left; None where there is none. SettingsError for a file that is not the decider's."""
    try:
        fd = open_regular(place.memory, os.O_RDONLY, place.decider_uids)
    except FileNotFoundError:
        return None
    except EmitError as error:
        raise SettingsError(str(error)) from None
    with os.fdopen(fd, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    try:
        return _parse(json.loads(unseal(data)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SettingsError(f"{place.memory}: is not as the decider writes it; the next run replaces it") from None


def _parse(form: Mapping[str, Any]) -> Remembered:
    if form["v"] != VERSION:
        raise ValueError
    return Remembered(
        as_of=datetime.fromisoformat(form["as_of"]),
        world_at=None if form["world_at"] is None else datetime.fromisoformat(form["world_at"]),
        memory=parse_memory(form["memory"]),
        episodes=tuple(parse_episode(row) for row in form["episodes"]),
        acknowledgements=tuple(parse_acknowledgement(row) for row in form.get("acknowledgements", [])),
        settling=tuple(
            SettlingService(node=str(node), service=str(service), first_seen_at=datetime.fromisoformat(at))
            for node, service, at in form.get("settling", [])
        ),
    )

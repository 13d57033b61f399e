"""`memory.json`: what one run leaves to whoever decides again without its checkpoint: the executor, and operators."""

import json
import os
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from flows.errors import EmitError, SettingsError, say_newer
from flows.files.own import open_regular, remove_leftovers
from flows.files.sealed import seal, unseal
from flows.ledger.actions.memory_form import dump_memory, parse_memory
from flows.ledger.actions.places import ActionPlace
from flows.ledger.actions.share import replace_shared
from flows.ledger.forms import AcknowledgementForm, EpisodeForm, Instant, of_form, read_episode, to_form, write_episode
from schemas.acknowledgement import Acknowledgement
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


class _File(msgspec.Struct):
    v: int
    as_of: Instant
    world_at: Instant | None
    memory: dict[str, Any]
    episodes: tuple[EpisodeForm, ...]
    acknowledgements: tuple[AcknowledgementForm, ...] = ()
    settling: tuple[tuple[str, str, Instant], ...] = ()


def write_remembered(place: ActionPlace, remembered: Remembered) -> None:
    """Put the file in its place, whole; EmitError where it cannot be written."""
    form = to_form(
        _File,
        remembered,
        v=VERSION,
        memory=dump_memory(remembered.memory),
        episodes=tuple(map(write_episode, remembered.episodes)),
        acknowledgements=tuple(to_form(AcknowledgementForm, row) for row in remembered.acknowledgements),
        settling=tuple((row.node, row.service, row.first_seen_at) for row in remembered.settling),
    )
    text = json.dumps(msgspec.to_builtins(form), separators=(",", ":"), sort_keys=True)
    data = seal(text.encode("ascii") + b"\n")
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
        form = msgspec.json.decode(unseal(data), type=_File)
        if form.v > VERSION:
            raise SettingsError(say_newer(place.memory, form.v, VERSION))
        if form.v != VERSION:
            raise ValueError
        return _read(form)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, msgspec.DecodeError):
        raise SettingsError(f"{place.memory}: is not as the decider writes it; the next run replaces it") from None


def _read(form: _File) -> Remembered:
    settling = (SettlingService(node=node, service=service, first_seen_at=at) for node, service, at in form.settling)
    return Remembered(
        as_of=form.as_of,
        world_at=form.world_at,
        memory=parse_memory(form.memory),
        episodes=tuple(map(read_episode, form.episodes)),
        acknowledgements=tuple(of_form(Acknowledgement, row) for row in form.acknowledgements),
        settling=tuple(settling),
    )

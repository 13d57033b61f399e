"""The few settings that `status` and `ack` need, without the model of all of them, whose import takes longer than both."""

import difflib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from flows.setting_sources import (
    default_state_dir,
    find_file,
    merge_sections,
    read_environment,
    read_file_values,
    unquote_aliases,
)
from flows.text.spoken import read_zone
from schemas.duration import LONGEST, parse_duration

CHECKPOINT = Path("/tmp/supervisor-checkpoint.json")  # noqa: S108 - the platform's place for it
RUN_TTL = timedelta(minutes=30)
LOCK_TIMEOUT = timedelta(seconds=30)
AUTOMATION_OFF = "off"
_MODES = (AUTOMATION_OFF, "observe", "suggest", "approve", "auto")
_READ_HERE = ("checkpoint", "state_dir", "run_ttl", "lock_timeout", "timezone", "node_alias_map", "actions")
_ALIKE = 0.8


class Glance(NamedTuple):
    """Where the last run is, and how it is read."""

    checkpoint: Path
    state_dir: Path
    run_ttl: timedelta
    lock_timeout: timedelta
    timezone: str
    node_alias_map: Mapping[str, str]
    is_acting: bool
    clock: Path | None
    """Of what acts: the file with the moment that is taken for now, for tests."""


def read_glance(options: Mapping[str, Any], config: Path | None) -> Glance | None:
    """Return these settings as `load_settings` would; None where one of them is not plain, or may be misspelt.

    Faults of other settings are for the commands that read those.
    """
    given = {name: value for name, value in options.items() if value is not None}
    environment, _ = read_environment()
    file = find_file(config, given.get("inventory", environment.get("inventory")))
    written = read_file_values(file)[0] if file else {}
    values = {**merge_sections(written, environment), **given}
    try:
        return None if any(_is_misspelt(name) for name in values) else _read_plain(values)
    except (TypeError, ValueError, OverflowError):
        return None


def _is_misspelt(name: str) -> bool:
    return name not in _READ_HERE and bool(difflib.get_close_matches(name, _READ_HERE, n=1, cutoff=_ALIKE))


def _read_plain(values: Mapping[str, Any]) -> Glance:
    """Return what the values plainly say; ValueError or TypeError where one takes the model to read or to refuse."""
    actions = values.get("actions", {})
    mode = actions.get("automation", AUTOMATION_OFF) if isinstance(actions, dict) else None
    clock = actions.get("clock") if isinstance(actions, dict) else None
    aliases = unquote_aliases(values.get("node_alias_map", {}))
    timezone = values.get("timezone", "UTC")
    read_zone(timezone)
    if mode not in _MODES or not isinstance(aliases, dict) or not all(isinstance(v, str) for v in aliases.values()):
        raise ValueError
    return Glance(
        checkpoint=Path(values.get("checkpoint", CHECKPOINT)).expanduser().absolute(),
        state_dir=Path(values.get("state_dir") or default_state_dir()).expanduser().absolute(),
        run_ttl=_duration(values.get("run_ttl", RUN_TTL)),
        lock_timeout=_duration(values.get("lock_timeout", LOCK_TIMEOUT)),
        timezone=timezone,
        node_alias_map=aliases,
        is_acting=mode != AUTOMATION_OFF,
        clock=None if clock is None else Path(clock).expanduser().absolute(),
    )


def _duration(value: object) -> timedelta:
    duration = value if isinstance(value, timedelta) else parse_duration(value)
    if not isinstance(duration, timedelta) or not timedelta(0) <= duration <= LONGEST:
        raise ValueError
    return duration

"""The example homelab: a month that went by, and the evening in which things went wrong, run by run.

`homelab/` beside this file holds links to `examples/homelab`, so that the example is in the wheel, and in one place.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from flows.errors import EmitError
from flows.past.invented import Pace, write_archive
from flows.run.cycle import run_once
from flows.run.gather import read_desired
from flows.settings import Settings
from flows.sources.formats.instants import parse_instant, to_datetime

EVENING = datetime(2026, 6, 3, 19, 42, tzinfo=UTC)
"""When the world of the example was taken."""
MOMENTS = tuple(EVENING - timedelta(minutes=minutes) for minutes in (72, 57, 42, 32, 24, 18, 12, 6))
"""When runs were made before."""
MONTH_ENDS = EVENING - timedelta(minutes=87)
STEP = timedelta(minutes=15)
SEED = 7
CONFIG = """# The example homelab of 'supervisor demo', and everything that the supervisor writes about it.
inventory: homelab
world: homelab/world
event_log: agent-events.log
checkpoint: supervisor-checkpoint.json
state_dir: state
node_alias_map:
  node-2: chelsty-infra
"""
BEGAN = {
    "node-2/zigbee2mqtt": "18:59",
    "piha/mosquitto": "19:08",
    "piha/zigbee2mqtt": "19:09",
    "piha/ha-diag-agent": "19:11",
    "saturn/nextcloud": "19:16",
    "saturn/immich": "19:16",
    "saturn/restic-server": "19:16",
    "solaria/immich-ml": "19:22",
    "solaria/whisper": "19:26",
    "chelsty-ha/esphome": "19:33",
    "vps/stability-agent": "19:38",
}
"""Since when each service is as the evening's world has it; the others were so all the time."""

World = dict[str, Any]


def write_homelab(folder: Path, name: str = "supervisor.yaml") -> Path:
    """Write the example into a folder that has none yet, and return its settings file, which is there first.

    Raises `EmitError` where it cannot be written.
    """
    config = folder / name
    config.write_text(CONFIG, encoding="utf-8")
    try:
        with as_file(files("flows.past") / "homelab") as homelab:
            shutil.copytree(homelab, folder / "homelab", dirs_exist_ok=True)
    except shutil.Error as error:
        *_, problem = error.args[0][0]
        raise EmitError(f"the example cannot be written: {problem}; make room, or name another folder") from None
    return config


def write_month(folder: Path, settings: Settings, days: int) -> Path:
    """Write an archive of the days before the evening, a quarter of an hour apart, and return its place."""
    desired, _ = read_desired(settings)
    names: dict[str, list[str]] = {}
    for node, service in desired.services.filter("is_monitored").select("node", "service").iter_rows():
        names.setdefault(node, []).append(service)
    count = timedelta(days=days) // STEP
    pace = Pace(MONTH_ENDS - (count - 1) * STEP, STEP, timedelta(days=9), timedelta(days=18))
    write_archive(folder / "past", names, count, SEED, "tar", pace)
    return folder / "past"


def play_evening(settings: Settings, advance: Callable[[int], None] = lambda _: None) -> None:
    """Run at each moment of the evening over the world as it was then; at the end it is as it was taken."""
    calm, evening = _read_world(settings.world.parent / "world-nominal"), _read_world(settings.world)
    try:
        for moment in MOMENTS:
            _write_world(settings.world, dict(_rewind(calm, evening, moment)))
            run_once(settings, moment)
            advance(1)
    finally:
        _write_world(settings.world, evening)


def _read_world(folder: Path) -> World:
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def _write_world(folder: Path, world: World) -> None:
    for name, content in world.items():
        (folder / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _rewind(calm: World, evening: World, moment: datetime) -> Iterator[tuple[str, Any]]:
    """Yield each file of the evening's world as it was at a moment before."""
    for name, content in evening.items():
        if name == "runtime-summary.json":
            yield name, {**content, "last_update": moment.timestamp() - 12}
        elif name in {"nodes.json", "services.json"}:
            keys = dict.fromkeys([*content, *(key for key in calm[name] if key in BEGAN)])
            then = {key: (content if _has_begun(key, moment) else calm[name]).get(key) for key in keys}
            yield name, {key: _see(record, content.get(key), moment) for key, record in then.items() if record}
        else:
            yield name, {key: record for key, record in content.items() if _begin(record) <= moment}


def _has_begun(key: str, moment: datetime) -> bool:
    hour, _, minute = BEGAN.get(key, "0:00").partition(":")
    return moment >= EVENING.replace(hour=int(hour), minute=int(minute))


def _see(record: Any, last: Any, moment: datetime) -> Any:
    """Return a record as it was seen last before a moment; what has no time has none then either."""
    if not isinstance(record, dict) or record.get("last_seen") is None:
        return record
    seen = moment - timedelta(seconds=20)
    final = _read(last.get("last_seen")) if isinstance(last, dict) else None
    return {**record, "last_seen": min(seen, final or seen).isoformat()}


def _begin(record: dict[str, Any]) -> datetime:
    """Return when a deployment or an incident began, as far as it says."""
    said = (_read(record.get(name)) for name in ("started_at", "timestamp", "completed_at"))
    return next((moment for moment in said if moment is not None), EVENING)


def _read(value: Any) -> datetime | None:
    microseconds = parse_instant(value)
    return None if microseconds is None else to_datetime(microseconds)

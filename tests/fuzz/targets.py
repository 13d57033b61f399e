"""What is fuzzed: each target takes any bytes, and raises nothing but what its reader promises."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flows.errors import SettingsError, WorldUnreadableError
from flows.ledger.checkpoint import decode_checkpoint, encode_checkpoint
from flows.ledger.event_line import MARKER
from flows.ledger.own_event import read_own_event
from flows.ledger.torn import find_torn_length
from flows.sources.formats.yaml_strict import YamlFaultError, parse_yaml
from flows.sources.inventory.other_files import parse_capabilities, parse_node, parse_service, parse_topology
from flows.sources.inventory.services_file import parse_services
from flows.sources.world.actual import decode_readable_worlds
from flows.sources.world.files import FILES, NODES, SERVICES, WorldFiles
from flows.sources.world.names import WorldNames
from flows.sources.world.rows import WorldRows
from schemas.limits import Limits
from schemas.rules import Rules

LIMITS = Limits()
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
PLACE = Path("supervisor-checkpoint.json")
BROKEN = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What a copy of the checkpoint that is broken may raise, and whoever loads it turns into a warning."""


def read_inventory(data: bytes) -> None:
    """Read the bytes as each of the inventory's files."""
    with suppress(YamlFaultError):
        parse_yaml(data, LIMITS)
    with suppress(YamlFaultError):
        parse_yaml(data, LIMITS, with_aliases=True)
    parse_services(data, LIMITS)
    parse_services(data, LIMITS, is_compose=True)
    parse_node(data, LIMITS)
    parse_topology(data, LIMITS)
    parse_capabilities(data, LIMITS)
    parse_service(data, LIMITS, "web")


def read_world(data: bytes) -> None:
    """Read the bytes as each of the world's files, the others being sound, into rows."""
    for world in _worlds(data):
        rows = WorldRows(WorldNames({"Ä": "a"}, {"a"}, LIMITS), LIMITS, Rules())
        with suppress(WorldUnreadableError):
            rows.add(world)


def decode_world(data: bytes) -> None:
    """Do the same into frames, which takes most of the time."""
    worlds = _worlds(data)
    decoded = decode_readable_worlds(worlds, {"Ä": "a"}, {"a"}, LIMITS)
    assert decoded.actual.snapshots.height + len(decoded.unreadable) == len(worlds)


def _worlds(data: bytes) -> list[WorldFiles]:
    worlds = []
    for number, name in enumerate(FILES):
        contents = {NODES: b'{"a": {"status": "online"}}', SERVICES: b'{"a/web": {"status": "ok"}}', name: data}
        worlds.append(WorldFiles(NOON + timedelta(minutes=number), contents, NOON))
    return worlds


def read_checkpoint(data: bytes) -> None:
    """Read the bytes as a checkpoint; what can be read can be written, and is read as the same."""
    with suppress(SettingsError, *BROKEN):
        checkpoint = decode_checkpoint(data, PLACE)
        assert decode_checkpoint(encode_checkpoint(checkpoint), PLACE) == checkpoint


def read_log(data: bytes) -> None:
    """Read the bytes as lines of the event log, alone and as the torn rest of a line of ours."""
    for line in [*data.split(b"\n"), MARKER + data]:
        read_own_event(line)
        for is_tail in (False, True):
            assert 0 <= find_torn_length(line, MARKER + data, is_tail=is_tail) <= len(line)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "inventory": read_inventory,
    "world": read_world,
    "frames": decode_world,
    "checkpoint": read_checkpoint,
    "log": read_log,
}
SEEDS: dict[str, list[bytes]] = {
    "inventory": [
        b"services:\n  web:\n    depends_on: {local: [db], external: [cache]}\n    monitor: false\n  db:\n",
        b"- web\n- {name: db, enabled: true}\n",
        b"nodes:\n  a: {roles: [x], services: [web]}\n",
        b"service: {name: web, dependencies: [db]}\n",
        b"operational: {connectivity: intermittent}\n",
        b"a: &a [*a, !t 1, 0x1f, 1e3, '\\x1b', \"\\ud800\"]\n---\n? [a]\n: b\n",
    ],
    "world": [
        b'{"a/web": {"status": "ok", "last_seen": "2026-05-01T11:59:00Z"}, "A/web": {"last_seen": 1777636740}}',
        b'[{"node": "a", "service": "web", "status": null}, {"id": "a/db"}, 5]',
        b'{"inc-1": {"node": "a", "service": "all", "status": "active", "severity": "critical", "started_at": 1e9}}',
        b'{"last_update": 1777636740.5, "x": NaN, "y": 1e999, "z": 18446744073709551616, "z": "\\ud800"}',
        b'{"d1": {"node": "a", "service": "web", "status": "failed", "started_at": "2026-05-01T11:59:00+02:00"}}',
    ],
    "checkpoint": [],
    "log": [],
}
SAME = {"frames": "world"}
"""Targets that begin with the seeds of another."""
CORPUS = Path(__file__).with_name("corpus")


def starting_points(target: str) -> list[bytes]:
    """Return the target's seeds and what was found with it before."""
    return [
        *SEEDS[SAME.get(target, target)],
        *_written(target),
        *(path.read_bytes() for path in sorted(CORPUS.glob(f"{target}-*"))),
    ]


def _written(target: str) -> list[bytes]:
    """Return what a run writes, for the readers of what was written."""
    from tempfile import TemporaryDirectory

    from tests.crash.driver import run
    from tests.helpers.episodes import paths

    if target not in {"checkpoint", "log"}:
        return []
    with TemporaryDirectory() as name:
        run(Path(name), 0, ["web", "db"])
        run(Path(name), 1, ["web!"])
        place = paths(Path(name))
        return [place.checkpoint.read_bytes() if target == "checkpoint" else place.event_log.read_bytes()]

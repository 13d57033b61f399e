"""What deciding remembers, as values of JSON: for the checkpoint, and for `memory.json`, which the executor reads."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from schemas.canonical import spell_instant
from schemas.episode import Target, spell_target
from schemas.memory import CleanTime, Memory, Progress, SeenRow


def dump_memory(memory: Memory) -> dict[str, object]:
    """Return the memory as values of JSON."""
    return {
        "last_run": _spell(memory.last_run),
        "fleet_since": _spell(memory.fleet_since),
        "storm_at": _spell(memory.storm_at),
        "node_since": {node: _spell(at) for node, at in memory.node_since.items()},
        "rest": {spell_target(target): _spell(at) for target, at in memory.rest.items()},
        "clean": {spell_target(target): [row.seconds, _spell(row.at)] for target, row in memory.clean.items()},
        "seen": {spell_target(target): [row.worlds, _spell(row.world_at)] for target, row in memory.seen.items()},
        "progress": {intent_id: _dump_progress(row) for intent_id, row in memory.progress.items()},
    }


def parse_memory(form: Mapping[str, Any]) -> Memory:
    """Return the memory of what `dump_memory` made; ValueError, KeyError or TypeError for anything else."""
    return Memory(
        last_run=_read(form["last_run"]),
        fleet_since=_read(form["fleet_since"]),
        storm_at=_read(form["storm_at"]),
        node_since={str(node): _read_some(at) for node, at in form["node_since"].items()},
        rest={_target(name): _read_some(at) for name, at in form["rest"].items()},
        clean={_target(name): CleanTime(float(row[0]), _read(row[1])) for name, row in form["clean"].items()},
        seen={_target(name): SeenRow(int(row[0]), _read_some(row[1])) for name, row in form["seen"].items()},
        progress={str(intent_id): _parse_progress(row) for intent_id, row in form["progress"].items()},
    )


def _dump_progress(row: Progress) -> dict[str, object]:
    return {
        "clean_from": _spell(row.clean_from),
        "clean_count": row.clean_count,
        "worse_from": _spell(row.worse_from),
        "worse_count": row.worse_count,
        "paused_s": row.paused_s,
        "last_world_at": _spell(row.last_world_at),
    }


def _parse_progress(row: Mapping[str, Any]) -> Progress:
    return Progress(
        clean_from=_read(row["clean_from"]),
        clean_count=int(row["clean_count"]),
        worse_from=_read(row["worse_from"]),
        worse_count=int(row["worse_count"]),
        paused_s=float(row["paused_s"]),
        last_world_at=_read(row["last_world_at"]),
    )


def _spell(moment: datetime | None) -> str | None:
    return None if moment is None else spell_instant(moment)


def _read(text: Any) -> datetime | None:
    return None if text is None else _read_some(text)


def _read_some(text: Any) -> datetime:
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone")
    return moment


def _target(name: str) -> Target:
    node, slash, service = name.partition("/")
    if not slash:
        raise ValueError("expected node/service")
    return Target(node, service)

"""A small fleet on disk, as an operator and an observer would write it, and a run over it in this process."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flows.render.document import to_json
from flows.run.cycle import run_once
from flows.run.result import RunReport
from flows.settings import load_settings

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
UP, OK, BAD = {"status": "online"}, {"status": "ok"}, {"status": "exited"}
WEB = {"a": "services: [web]"}


def ago(**duration: float) -> str:
    """Return the moment that long before noon, as the observer writes it."""
    return (NOON - timedelta(**duration)).isoformat()


def write(path: Path, content: object) -> None:
    """Write text as it is, anything else as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def reconcile(
    folder: Path,
    hosts: Mapping[str, str],
    services: object = None,
    nodes: object = None,
    *,
    files: Mapping[str, object] | None = None,
    as_of: datetime = NOON,
    dry_run: bool = True,
    **settings: Any,
) -> RunReport:
    """Write the fleet and run over it; every node of `hosts` is online where `nodes` does not say otherwise."""
    for name, text in hosts.items():
        write(folder / "hosts" / name / "services.yaml", text)
    write(folder / "world/nodes.json", dict.fromkeys(hosts, UP) if nodes is None else nodes)
    write(folder / "world/services.json", {} if services is None else services)
    for path, content in {"world/runtime-summary.json": {"last_update": as_of.timestamp()}, **(files or {})}.items():
        write(folder / path, content)
    places = {"inventory": "", "world": "world", "event_log": "log", "checkpoint": "checkpoint", "state_dir": "state"}
    given = {name: folder / place for name, place in places.items()}
    return run_once(load_settings({**given, "limits": {"retries": 0}, **settings}).settings, as_of, dry_run=dry_run)


def drift_of(report: RunReport) -> list[str]:
    """Return each drift as `kind node/service severity held_by`, sorted."""
    rows = json.loads("".join(to_json(report)))["drift"]
    return sorted(f"{row['kind']} {row['node']}/{row['service']} {row['severity']} {row['held_by']}" for row in rows)


def advice_of(report: RunReport) -> list[str]:
    """Return each recommendation as `id event severity blast_radius root_causes`, sorted."""
    return sorted(
        f"{row['recommendation_id']} {row['event_type'].removeprefix('reconcile_')} {row['severity']} "
        f"{row['blast_radius']} {','.join(row['root_causes'])}".strip()
        for row in json.loads("".join(to_json(report)))["recommendations"]
    )


def events_of(folder: Path) -> list[str]:
    """Return each event in the log as `transition id resolution`, in its order."""
    log = folder / "log"
    events = [json.loads(line)["payload"] for line in log.read_text().splitlines()] if log.exists() else []
    words = [(event["transition"], event["recommendation_id"], event["resolution"]) for event in events]
    return [" ".join(word for word in row if word) for row in words]

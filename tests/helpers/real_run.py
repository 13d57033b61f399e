"""One run of the supervisor in this process, over an inventory and a world in a folder, with a log and a memory there."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flows.ledger.acknowledgements import change_acknowledgements
from flows.run.cycle import run_once
from flows.run.result import RunReport
from flows.settings import Settings, load_settings
from schemas.acknowledgement import Acknowledgement

PLACES = {"inventory": "", "world": "world", "event_log": "log", "checkpoint": "checkpoint", "state_dir": "state"}


def settings_of(folder: Path, **given: Any) -> Settings:
    """Return settings by which everything is in the folder, and nothing is read again after a pause."""
    return load_settings(
        {**{name: folder / place for name, place in PLACES.items()}, "limits": {"retries": 0}, **given}
    ).settings


def run_in(
    folder: Path, at: datetime, acknowledged: Iterable[str] = (), *, dry_run: bool = False, **given: Any
) -> tuple[RunReport, list[str]]:
    """Run, with those targets acknowledged for a day; return the report and the run's events, in words, sorted."""
    settings = settings_of(folder, **given)
    if acknowledged:
        acknowledge(settings, acknowledged, at)
    log = folder / "log"
    told = log.stat().st_size if log.exists() else 0
    report = run_once(settings, at, dry_run=dry_run)
    return report, events_after(log, told)


def acknowledge(settings: Settings, targets: Iterable[str], at: datetime) -> None:
    """Acknowledge targets until tomorrow."""
    until = at + timedelta(days=1)
    words: dict[str, Any] = {"owner": "anna", "reason": "known", "acknowledged_at": at, "until": until}
    rows = [Acknowledgement(node=node, service=service, **words) for node, service in (t.split("/") for t in targets)]
    change_acknowledgements(settings.state_dir, lambda _: rows, 5)


def events_after(log: Path, place: int) -> list[str]:
    """Return each event of the log from a place on as `transition id`, and why it was resolved; sorted."""
    lines = log.read_bytes()[place:].splitlines() if log.exists() else []
    payloads = [json.loads(line)["payload"] for line in lines]
    rows = [(row["transition"], row["recommendation_id"], row.get("resolution")) for row in payloads]
    return sorted(" ".join(word for word in row if word) for row in rows)

"""One random fleet, judged by the supervisor and by the plain script, and where the two differ."""

import json
import shutil
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.peers.plain import Found, NothingReadableError, UnreadableWorldError, document, look
from benchmarks.peers.plain.memory import Memory, is_older, is_suspended, tell
from flows.render.document import to_json
from tests.helpers.random_fleet import Fleet, make_fleet, make_sequence
from tests.helpers.real_run import run_in
from tests.helpers.twists import TWISTS

COLUMNS = (
    "recommendation_id",
    "event_type",
    "action",
    "severity",
    "node",
    "service",
    "blast_radius",
    "root_causes",
    "causing_kinds",
)


class Compared(NamedTuple):
    """What came of one fleet."""

    fleet: Fleet
    found: Found | None
    """What the plain script found; None where it cannot read the world."""
    differences: list[str]
    told: tuple[str, ...] = ()
    """What happened to episodes, by the plain script; and whether the run was skipped."""


def compare(seed: int, folder: Path) -> Compared:
    """Judge the fleet of a seed twice, in an empty folder."""
    fleet = make_fleet(seed, TWISTS)
    shutil.rmtree(folder, ignore_errors=True)
    fleet.write(folder)
    acknowledged = sorted(set(fleet.acknowledged))
    report, _ = run_in(folder, fleet.as_of, acknowledged, dry_run=True, **fleet.given)
    found = look_plainly(fleet, folder, {})
    if isinstance(found, str):
        return Compared(fleet, None, [] if report.outcome == found else [f"plain: {found}; real: {report.outcome}"])
    if report.judgement is None:
        return Compared(fleet, found, [f"real: {report.outcome}: {report.error}"])
    return Compared(fleet, found, differences(document(found, acknowledged), json.loads("".join(to_json(report)))))


def look_plainly(fleet: Fleet, folder: Path, settling_since: Mapping[tuple[str, str], datetime]) -> Found | str:
    """Return what the plain script finds, or how a run without conclusions ends."""
    try:
        return look(folder, folder / "world", fleet.as_of, fleet.given, "c", settling_since)
    except UnreadableWorldError:
        return "skipped"
    except NothingReadableError:
        return "failed"


def compare_sequence(seed: int, folder: Path) -> list[Compared]:
    """Judge runs in a row twice, in an empty folder, their events as well."""
    shutil.rmtree(folder, ignore_errors=True)
    memory = Memory()
    return [compare_next(fleet, memory, folder) for fleet in make_sequence(seed, TWISTS)]


def compare_next(fleet: Fleet, memory: Memory, folder: Path) -> Compared:
    """Judge one more run twice."""
    for name in ("hosts", "inventory", "services", "world"):
        shutil.rmtree(folder / name, ignore_errors=True)
    fleet.write(folder)
    acknowledged = sorted(set(fleet.acknowledged))
    report, events = run_in(folder, fleet.as_of, acknowledged, **fleet.given)
    found = look_plainly(fleet, folder, memory.settling_since)
    if isinstance(found, str):
        return Compared(fleet, None, [] if report.outcome == found else [f"plain: {found}; real: {report.outcome}"])
    if is_older(memory, found):
        return Compared(
            fleet, found, [] if report.outcome == "skipped" else [f"plain: skipped; real: {report.outcome}"]
        )
    if report.judgement is None:
        return Compared(fleet, found, [f"real: {report.outcome}: {report.error}"])
    outcome = document(found, acknowledged)
    memory.settling_since = outcome["settling_since"]
    suspended = [f"suspended {name}" for name, row in memory.episodes.items() if is_suspended(found, row)]
    told = tell(memory, found)
    alone = [f"events: plain alone: {line}" for line in sorted(set(told) - set(events))]
    alone += [f"events: real alone: {line}" for line in sorted(set(events) - set(told))]
    return Compared(
        fleet, found, differences(outcome, json.loads("".join(to_json(report)))) + alone, (*told, *suspended)
    )


def differences(plain: Mapping[str, Any], real: Mapping[str, Any]) -> list[str]:
    """Return what only one of the two says."""
    said = []
    for name, mine, its in (
        ("state", plain["summary"]["state"], real["summary"]["state"]),
        ("partial", plain["partial"], real["partial"]),
        ("acknowledged", plain["acknowledged_count"], real["summary"]["acknowledged_count"]),
    ):
        if mine != its:
            said.append(f"{name}: plain {mine}, real {its}")
    for name, line in (("drift", drift_line), ("recommendations", advice_line)):
        mine, its = ([line(row) for row in told[name]] for told in (plain, real))
        said += [f"{name}: plain alone: {row}" for row in sorted((Counter(mine) - Counter(its)).elements())]
        said += [f"{name}: real alone: {row}" for row in sorted((Counter(its) - Counter(mine)).elements())]
        if name == "recommendations" and sorted(mine) == sorted(its) and mine != its:
            said.append(f"order: plain {mine}, real {its}")
    return said


def drift_line(row: Mapping[str, Any]) -> str:
    """Return one drift in a line."""
    return f"{row['kind']} {row['node']}/{row['service']} {row['severity']} {row['held_by']}"


def advice_line(row: Mapping[str, Any]) -> str:
    """Return one recommendation in a line."""
    return " ".join(str(row[name]) for name in COLUMNS)

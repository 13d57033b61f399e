"""The plain script that a user would write: `yaml.safe_load`, `json.load`, loops and dictionaries.

It applies SEMANTICS 1 to 6 (second edition) and shares no code with the supervisor, so that the two can be compared: as
a peer in benchmarks, and as an oracle in tests. A world that cannot be read raises `UnreadableWorldError`,
an inventory of which nothing can be read `NothingReadableError`.

    python -m benchmarks.peers.plain INVENTORY WORLD --as-of 2026-06-03T19:42:00Z
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.peers.plain.advice import cover, recommend, summarize
from benchmarks.peers.plain.drift import Case, Drift, detect_drift
from benchmarks.peers.plain.holding import first_settling, hold_back
from benchmarks.peers.plain.inventory import Loader, NothingReadableError, Target, read_inventory
from benchmarks.peers.plain.rules import settled
from benchmarks.peers.plain.times import Clock
from benchmarks.peers.plain.world import UnreadableWorldError, read_world

__all__ = ["Found", "NothingReadableError", "UnreadableWorldError", "document", "judge", "look"]


class Found(NamedTuple):
    """What one world comes to, with all that was found on the way."""

    case: Case
    drift: list[Drift]
    causes: dict[Target, set[Target]]
    recommendations: list[dict[str, Any]]


def look(
    inventory: Path,
    world: Path,
    as_of: datetime,
    rules: dict[str, Any] | None = None,
    loader: Loader = "safe",
    settling_since: Mapping[Target, datetime] | None = None,
) -> Found:
    """Return what one world comes to; `settling_since` is what `judge` said of the last run."""
    settings = settled(rules)
    clock = Clock(as_of.astimezone(UTC), settings["clock_tolerance"], settings["naive_timezone"])
    desired = read_inventory(inventory, loader, settings)
    actual = read_world(world, desired, settings, clock)
    case = Case(desired, actual, settings, clock, dict(settling_since or {}))
    drift = detect_drift(case)
    causes = hold_back(case, drift)
    return Found(case, drift, causes, recommend(case, drift, causes))


def judge(
    inventory: Path,
    world: Path,
    as_of: datetime,
    rules: dict[str, Any] | None = None,
    loader: Loader = "safe",
    acknowledged: Iterable[str] = (),
    settling_since: Mapping[Target, datetime] | None = None,
) -> dict[str, Any]:
    """Return the outcome of one world in the shape of `supervisor reconcile --format json`, without its evidence.

    `rules` overrides `RULES` by name, durations in seconds or as `timedelta`. `loader` is PyYAML's pure or its C one.
    `acknowledged` are targets; `settling_since` is what the last run returned under that name.
    """
    return document(look(inventory, world, as_of, rules, loader, settling_since), acknowledged)


def document(found: Found, acknowledged: Iterable[str] = ()) -> dict[str, Any]:
    """Return what was found as `judge` does."""
    case, drift, _, recommendations = found
    uncovered = cover(recommendations, {*acknowledged})
    starts = {target: first_settling(case, target) for target in case.desired.services}
    is_partial = bool(case.desired.unread)
    return {
        "schema_version": 1,
        "as_of": case.clock.as_of.isoformat().replace("+00:00", "Z"),
        "summary": {"state": summarize(drift, uncovered, is_partial=is_partial)},
        "partial": is_partial,
        "drift": [shown(row) for row in sorted(drift, key=lambda row: (row.kind, *row.target, str(row.facts)))],
        "recommendations": recommendations,
        "acknowledged_count": len(recommendations) - len(uncovered),
        "rejected": sorted(case.actual.rejected, key=lambda row: (row["file"], row["key"])),
        "unread": case.desired.unread,
        "settling_since": {target: at for target, at in starts.items() if at is not None},
    }


def shown(row: Drift) -> dict[str, Any]:
    """Return one row of the drift table."""
    node, service = row.target
    return {"kind": row.kind, "node": node, "service": service, "severity": row.severity, "held_by": row.held_by}

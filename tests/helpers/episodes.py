"""Recommendations and judgements for tests about episodes and events: a test states only what it is about."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flows.ledger.places import Places
from schemas.episode import Judged, Recommended, Target
from schemas.last_run import LastRun
from schemas.words import Action, DriftKind, EventType, HeldBy, Outcome, Severity, State

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def recommended(
    service: str = "web",
    node: str = "piha",
    action: Action = Action.REDEPLOY,
    severity: Severity = Severity.ERROR,
    kinds: Iterable[DriftKind] = (DriftKind.MISSING_SERVICE,),
    **rest: object,
) -> Recommended:
    """Return a recommendation to redeploy `piha/web`, but for what is given."""
    return Recommended(
        recommendation_id=f"{action.replace('_', '-')}-{node}-{service}",
        event_type=EventType.RECONCILE_REQUIRED,
        action=action,
        severity=severity,
        node=node,
        service=service,
        reason=f"{node}/{service} is not what the inventory asks for",
        causing_kinds=tuple(kinds),
        **rest,  # type: ignore[arg-type]
    )


def judged(
    *recommendations: Recommended,
    held: Mapping[Target, Mapping[DriftKind, HeldBy | None]] | None = None,
    as_of: datetime = NOON,
    **rest: object,
) -> Judged:
    """Return a judgement in which `web`, `db` and `mqtt` are desired on `piha` and `vps`."""
    drift: dict[Target, Mapping[DriftKind, HeldBy | None]] = {
        row.target: dict.fromkeys(row.causing_kinds) for row in recommendations
    }
    services = {Target(node, service) for node in ("piha", "vps") for service in ("web", "db", "mqtt")}
    values: dict[str, object] = {
        "as_of": as_of,
        "recommendations": recommendations,
        "drift": drift | dict(held or {}),
        "monitored": frozenset(services),
        "unmonitored": frozenset(),
        "nodes": frozenset({"piha", "vps"}),
        "input_fingerprint": "input",
        "rules_fingerprint": "rules",
    }
    return Judged(**(values | rest))  # type: ignore[arg-type]


def last_run(as_of: datetime = NOON, state: State = State.DEGRADED) -> LastRun:
    """Return what is remembered of a run."""
    return LastRun(as_of=as_of, outcome=Outcome.COMPLETED, state=state)


def paths(folder: Path, **given: Any) -> Places:
    """Return a supervisor's paths in a folder of their own."""
    return Places(
        event_log=folder / "agent-events.log",
        checkpoint=folder / "supervisor-checkpoint.json",
        state_dir=folder / "state",
        **given,
    )

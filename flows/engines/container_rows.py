"""A container as a row, from its line in the list and, where it was inspected, from that."""

import re
from datetime import datetime
from typing import Any

from flows.engines.answers import BUILDER_PREFIX, Healthcheck, Inspected, Labels, Listed, decode_labels
from flows.engines.looked import SeenContainerRow

ID_LENGTH = 12
SECOND_NS = 10**9
USUAL_INTERVAL_S = USUAL_TIMEOUT_S = 30.0
USUAL_RETRIES = 3
GRACE_S, LEAST_BUDGET_S, MOST_BUDGET_S = 30.0, 60.0, 600.0
EARLIEST = 978_307_200.0
"""2001: what is before it is an engine's way to say never."""
INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)
HEALTH = re.compile(r"\((healthy|unhealthy|health: starting|starting)\)")
EXIT_CODE = re.compile(r"(?:Exited|Restarting) \((\d{1,10})\)", re.ASCII)
COMPLETED = "service_completed_successfully"
REPLACING = re.compile(r"[0-9a-f]{12}_(.+)", re.ASCII)
"""What Compose calls a container until the one that it replaces is gone: with the id of that one before its name."""


def parse_instant(text: str | None) -> float | None:
    """Return the Unix seconds of what an engine writes; None for never and for what is no moment."""
    found = INSTANT.fullmatch(text or "")
    if not found:
        return None
    whole, fraction, zone = found.groups()
    try:
        moment = datetime.fromisoformat(whole + ("+00:00" if zone == "Z" else zone)).timestamp()
    except (ValueError, OverflowError):
        return None
    return moment + float(f"0.{fraction or 0}") if moment >= EARLIEST else None


def measure_budget(check: Healthcheck | None) -> float | None:
    """Return how long a health check may say `starting`, in seconds; None where there is no check."""
    if check is None:
        return None
    interval = (check.interval or 0) / SECOND_NS or USUAL_INTERVAL_S
    timeout = (check.timeout or 0) / SECOND_NS or USUAL_TIMEOUT_S
    budget = (check.start_period or 0) / SECOND_NS + (interval + timeout) * (check.retries or USUAL_RETRIES) + GRACE_S
    return min(max(budget, LEAST_BUDGET_S), MOST_BUDGET_S)


def make_row(listed: Listed, inspected: Inspected | None) -> SeenContainerRow:
    """Return the row; without an inspection the list's line stands in, which knows no start and no restarts."""
    labels, is_others = decode_labels(listed)
    name = shown_name(listed)
    if labels.compose_service and (replacing := REPLACING.fullmatch(name)):
        name = replacing[1]
    dependencies = _read_dependencies(labels.depends_on)
    return SeenContainerRow(
        container_id=listed.id[:ID_LENGTH],
        name=name,
        image_id=short_image((inspected.image if inspected else None) or listed.image_id),
        project=labels.project or None,
        compose_service=labels.compose_service or None,
        number=labels.number or _swarm_number(labels),
        config_hash=labels.config_hash,
        declared_service=labels.declared_service,
        declared_run=labels.declared_run,
        swarm_service=labels.swarm_service or None,
        awaited=tuple(service for service, condition in dependencies if condition == COMPLETED),
        needs=tuple(service for service, _ in dependencies),
        is_oneoff=(labels.oneoff or "").lower() == "true",
        is_ignored=is_others
        or name.startswith(BUILDER_PREFIX)
        or (labels.ignore or "").lower() in {"true", "1", "yes"},
        **(_of_line(listed) if inspected is None else _of_inspection(listed, inspected)),
    )


def shown_name(listed: Listed) -> str:
    """Return a container's own name: of several, those with a slash within are links of others."""
    names = sorted((name.lstrip("/") for name in listed.names or ()), key=lambda name: (name.count("/"), name))
    return names[0] if names and names[0] else listed.id[:ID_LENGTH]


def short_image(image: str | None) -> str | None:
    """Return the first twelve characters of an image's id."""
    return image.removeprefix("sha256:")[:ID_LENGTH] if image else None


def _of_line(listed: Listed) -> dict[str, Any]:
    bracket, code = HEALTH.search(listed.status or ""), EXIT_CODE.search(listed.status or "")
    return {
        "state": (listed.state or "").lower(),
        "health": _listed_health(listed) or (bracket[1].removeprefix("health: ") if bracket else None),
        "exit_code": int(code[1]) if code else None,
        "restart_count": None,
        "created_at": listed.created if isinstance(listed.created, float | int) else parse_instant(listed.created),
    }


def _listed_health(listed: Listed) -> str | None:
    """Return the health that a list has since API 1.52; it is newer than an inspection."""
    return (listed.health.status or "").lower() or None if listed.health else None


def _of_inspection(listed: Listed, inspected: Inspected) -> dict[str, Any]:
    state = inspected.state
    return {
        "state": (state.status or listed.state or "").lower(),
        "health": _listed_health(listed) or ((state.health.status or "").lower() or None if state.health else None),
        "exit_code": state.exit_code,
        "is_oom_killed": bool(state.is_oom_killed),
        "has_error": bool(state.error and state.error.is_filled),
        "restart_count": inspected.restart_count or 0,
        "health_budget_s": measure_budget(inspected.config.healthcheck if inspected.config else None),
        "created_at": parse_instant(inspected.created),
        "started_at": parse_instant(state.started_at),
        "finished_at": parse_instant(state.finished_at),
    }


def _swarm_number(labels: Labels) -> str | None:
    """Return which of a swarm's service a task is: `2` of `web.2.x9k...`, the node's id where it runs on each node."""
    service, task = labels.swarm_service, labels.swarm_task
    if not service or not task or not task.startswith(f"{service}."):
        return None
    return task.removeprefix(f"{service}.").partition(".")[0] or None


def _read_dependencies(label: str | None) -> list[tuple[str, str]]:
    """Return service and condition of each part of `db:service_healthy:false,migrate:service_completed_successfully`."""
    parts = [part.split(":") for part in (label or "").split(",") if part]
    return [(part[0].strip(), part[1].strip() if len(part) > 1 else "") for part in parts]

"""Looks for tests: a test states only what it is about, and these fill in the rest, validated."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from schemas.frame import Frame, columns, dtypes
from schemas.look import SeenContainer, SeenProbe, SeenUnit
from schemas.wanted import Selector, WantedService

NOON = datetime(2026, 5, 27, 12, tzinfo=UTC)
Row = Mapping[str, Any]

CONTAINER = {
    "node": "piha",
    "source": "unix:///run/docker.sock",
    "container_id": "c0ffee000001",
    "name": "web",
    "image_id": "abc000000001",
    "awaited": [],
    "is_oneoff": False,
    "is_ignored": False,
    "state": "running",
    "is_oom_killed": False,
    "has_error": False,
    "restart_count": 0,
    "start_count": 0,
    "created_at": NOON - timedelta(hours=1),
    "started_at": NOON - timedelta(hours=1),
    "seen_at": NOON,
}
UNIT = {
    "node": "piha",
    "source": "systemd",
    "unit": "web.service",
    "load_state": "loaded",
    "active_state": "active",
    "sub_state": "running",
    "result": "success",
    "type": "simple",
    "has_timer": False,
    "is_condition_failed": False,
    "start_count": 0,
    "changed_at": NOON - timedelta(hours=1),
    "seen_at": NOON,
}
PROBE = {
    "node": "piha",
    "source": "probe",
    "service": "web",
    "address": "http://piha:80/",
    "scheme": "http",
    "is_ok": True,
    "seen_at": NOON,
}


def ago(**duration: float) -> datetime:
    """Return the moment that long before noon."""
    return NOON - timedelta(**duration)


def _frame(schema: type[Frame], defaults: Row, rows: tuple[Row, ...]) -> Any:
    filled = [{**dict.fromkeys(columns(schema)), **defaults, **row} for row in rows]
    return schema.validate(pl.DataFrame(filled, schema=dtypes(schema)))


def containers(*rows: Row) -> Any:
    """Return containers, each with an id of its own."""
    numbered = tuple({"container_id": f"c0ffee{number:06}", **row} for number, row in enumerate(rows, 1))
    return _frame(SeenContainer, CONTAINER, numbered)


def composed(project: str, service: str, number: int = 1, **row: Any) -> Row:
    """Return a container as Compose labels and names it."""
    of_compose = {"project": project, "compose_service": service, "number": str(number), "config_hash": "0" * 64}
    return {"name": f"{project}-{service}-{number}", **of_compose, **row}


def units(*rows: Row) -> Any:
    """Return units."""
    return _frame(SeenUnit, UNIT, rows)


def probes(*rows: Row) -> Any:
    """Return answers to probes."""
    return _frame(SeenProbe, PROBE, rows)


def wanted(*rows: str | Row) -> Any:
    """Return services that the inventory of piha asks for, by name or with more."""
    named = tuple({"service": row} if isinstance(row, str) else row for row in rows)
    return _frame(WantedService, {"node": "piha", "is_monitored": True}, named)


def selectors(*rows: Row) -> Any:
    """Return selectors of piha, each in a line of its own."""
    numbered = tuple({"line": number, **row} for number, row in enumerate(rows, 2))
    return _frame(Selector, {"node": "piha"}, numbered)

"""The services that looks show, as values, from the frames of their parts."""

from collections.abc import Iterable
from typing import Any

import polars as pl

from flows.engines.looked import RawLook
from flows.observer.memory import Services
from schemas.frame import DataFrame
from schemas.look_words import PartKind, WordClass
from schemas.observed import Container, Service, Slot
from schemas.part import Part, RolledUp

RUNNING_S = 10.0
"""What has no health check is taken for settled when it has been running for so long."""
Row = dict[str, Any]


def build_services(parts: pl.DataFrame, rolled: DataFrame[RolledUp], looks: Iterable[RawLook]) -> Services:
    """Return the services by node and name; each is dated to the end of the look that showed it."""
    ended_at = {look.node: look.ended_at for look in looks}
    by_target: dict[tuple[str, str], list[Row]] = {}
    for part in Part.validate(parts).iter_rows(named=True):
        by_target.setdefault((part["node"], part["service"]), []).append(part)
    services: Services = {}
    for row in rolled.iter_rows(named=True):
        node, name = row["node"], row["service"]
        services.setdefault(node, {})[name] = _build(row, by_target[node, name], ended_at[node])
    return services


def _build(row: Row, parts: list[Row], at: float) -> Service:
    containers = [part for part in parts if part["kind"] == PartKind.CONTAINER]
    return Service(
        node=row["node"],
        service=row["service"],
        status=row["status"],
        word=row["word"],
        word_class=WordClass(row["word_class"]),
        is_asked_for=row["is_asked_for"],
        since=at,
        last_seen=at,
        good_count=row["good_count"],
        total_count=row["total_count"],
        images=tuple(sorted({part["image_id"] for part in containers if part["image_id"]})),
        restarts=sum(part["restart_count"] for part in parts),
        detail=row["detail"],
        containers=tuple(_describe(part) for part in parts),
        sources=tuple(sorted({part["source"] for part in parts})),
        slots={
            f"{part['source']} {part['slot']}": Slot(part["container_id"], part["image_id"], part["config_hash"])
            for part in containers
            if part["container_id"]
        },
        is_settled=all(_is_settled(part) for part in parts),
    )


def _describe(part: Row) -> Container:
    return Container(
        id=part["container_id"] or "",
        name=part["name"],
        part=part["group"],
        state=part["state"],
        word=part["word"],
        is_bad=part["word_class"] == WordClass.BAD,
        health=part["health"],
        exit_code=part["exit_code"],
        oom=part["is_oom_killed"],
        started_at=part["started_at"].timestamp() if part["started_at"] else None,
    )


def _is_settled(part: Row) -> bool:
    if part["word_class"] != WordClass.GOOD:
        return False
    return part["health"] == "healthy" or part["running_s"] is None or part["running_s"] >= RUNNING_S

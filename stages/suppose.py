"""Supposing: the same world, but for a few targets of which another status is said."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl

from schemas.actual import Actual, ActualNode, ActualService
from schemas.episode import Target, spell_target
from schemas.frame import DataFrame, columns, dtypes
from schemas.words import ALL, SeenState

ABSENT, OFFLINE, DISK_PRESSURE = "absent", "offline", "disk_pressure"
_TARGET = ["node", "service"]


def suppose(
    actual: Actual, changes: Mapping[Target, str], seen_at: datetime, gone_at: datetime | None = None
) -> Actual:
    """Return one snapshot in which targets have another status, seen at a moment.

    A service's is a word as the world's reader has it, or `absent`: no record of it. A node's is `offline`, or
    `disk_pressure`, with which it stays as it is otherwise; one that is offline was seen last at `gone_at`. What a
    service's record says besides, such as since when, is of the status before, and left out; its incident stays.
    """
    of_nodes = {target.node: word for target, word in changes.items() if target.service == ALL}
    of_services = {target: word for target, word in changes.items() if target.service != ALL}
    return actual._replace(
        nodes=_nodes(actual, of_nodes, seen_at, gone_at or seen_at) if of_nodes else actual.nodes,
        services=_services(actual, of_services, seen_at) if of_services else actual.services,
    )


def _services(actual: Actual, changes: Mapping[Target, str], seen_at: datetime) -> DataFrame[ActualService]:
    asked = pl.DataFrame(sorted(changes), schema=dict.fromkeys(_TARGET, pl.String), orient="row")
    before = {
        Target(row["node"], row["service"]): row
        for row in actual.services.join(asked, on=_TARGET, how="semi").iter_rows(named=True)
    }
    rows = [
        {
            "as_of": actual.snapshots["as_of"][0],
            "node": target.node,
            "service": target.service,
            "status": word,
            "last_seen_at": seen_at,
            "last_seen_state": SeenState.READABLE,
            "since_at": None,
            "incident_id": before.get(target, {}).get("incident_id"),
            "key": spell_target(target),
        }
        for target, word in changes.items()
        if word != ABSENT
    ]
    others = actual.services.join(asked, on=_TARGET, how="anti")
    whole = pl.concat([others, pl.DataFrame(rows, schema=dtypes(ActualService)).select(columns(ActualService))])
    return ActualService.validate(whole.sort("as_of", *_TARGET))


def _nodes(actual: Actual, changes: Mapping[str, str], seen_at: datetime, gone_at: datetime) -> DataFrame[ActualNode]:
    before = {row["node"]: row for row in actual.nodes.iter_rows(named=True)}
    last_seen = {OFFLINE: gone_at, DISK_PRESSURE: seen_at}
    changed = {node: _node(before.get(node), node, word, actual, last_seen[word]) for node, word in changes.items()}
    whole = pl.DataFrame([*(before | changed).values()], schema=dtypes(ActualNode))
    return ActualNode.validate(whole.sort("as_of", "node"))


def _node(row: Mapping[str, Any] | None, node: str, word: str, actual: Actual, seen_at: datetime) -> dict[str, Any]:
    known = row or {
        "as_of": actual.snapshots["as_of"][0],
        "node": node,
        "status": "online",
        "reason_class": None,
        "last_seen_at": seen_at,
        "last_seen_state": SeenState.READABLE,
        "online_since_at": None,
        "has_disk_pressure": False,
        "has_memory_pressure": False,
        "names_set_aside": [],
        "key": node,
    }
    if word != OFFLINE:
        return {**known, "has_disk_pressure": True}
    return {**known, "status": OFFLINE, "last_seen_at": min(known["last_seen_at"] or seen_at, seen_at)}

"""What a conclusive run leaves to the next (ACTIONS 13, 15.1: 8 and 15 to 17; 13.3; 16.1)."""

from datetime import datetime, timedelta
from typing import Any

from tests.policy_oracle.book import Attempt, Book
from tests.policy_oracle.facts import Facts, Target, limit
from tests.policy_oracle.words import BROKEN, LONGEST_SPAN, SEVERITIES

Memory = dict[str, Any]
NO_PROGRESS = {
    "clean_from": None, "clean_count": 0, "worse_from": None, "worse_count": 0,
    "paused_s": timedelta(), "last_world_at": None,
}  # fmt: skip


def empty() -> Memory:
    return {
        "last_run": None, "fleet_since": None, "storm_at": None,
        "node_since": {}, "rest": {}, "clean": {}, "seen": {}, "progress": {},
    }  # fmt: skip


def is_too_many(facts: Facts, numbers: dict[str, Any]) -> bool:
    """Return whether guard 7 fails."""
    services, nodes = facts.judged_services(), facts.steady_nodes()
    ill = sum(facts.counts(row, BROKEN) for row in services)
    gone = sum(facts.counts((row, "all"), {"offline_node", "node_suspect"}) for row in nodes)
    ill_limit = limit(numbers["max_unhealthy_share"], numbers["max_unhealthy_min"], len(services))
    return ill > ill_limit or gone > limit(numbers["max_offline_share"], numbers["max_offline_min"], len(nodes))


def update(
    memory: Memory, facts: Facts, book: Book, workable: set[Target], seen: set[Target], numbers: dict[str, Any]
) -> Memory:
    """Return the memory after a run; `workable` are the targets with a recommendation that has a verb."""
    if not facts.is_conclusive:
        return memory
    now, last = facts.as_of, memory["last_run"]
    is_gap = last is None or now - last > LONGEST_SPAN
    up = [node for node in facts.nodes if not facts.is_offline(node) and not facts.is_suspect(node)]
    planned = {t for t, rows in facts.drift.items() if any(row.held_by == "maintenance" for row in rows)}
    rows = {target: row_of_worlds(memory, facts, target, target in workable) for target in seen | workable}
    return {
        "last_run": now,
        "fleet_since": now if is_gap else memory["fleet_since"],
        "storm_at": now if is_too_many(facts, numbers) else memory["storm_at"],
        "node_since": {node: memory["node_since"].get(node, now) for node in up},
        "rest": {**memory["rest"], **dict.fromkeys(planned, now)},
        "clean": {target: clean_time(memory, facts, target) for target in book.problems},
        "seen": {target: row for target, row in rows.items() if row is not None},
        "progress": progress(memory, facts, book),
    }


def row_of_worlds(memory: Memory, facts: Facts, target: Target, is_workable: bool) -> tuple[int, datetime] | None:
    """Return how many distinct worlds in a row show a recommendation with a verb; unclear ones are skipped."""
    before = memory["seen"].get(target)
    if not is_workable:
        return before if before and facts.state(target) == "unclear" else None
    if before is None:
        return 1, facts.world_at
    return (before[0] + 1, facts.world_at) if facts.world_at > before[1] else before


def clean_time(memory: Memory, facts: Facts, target: Target) -> tuple[timedelta, datetime | None]:
    """Return the clean time of a problem's target (13.3), and the last run, where that saw it clean."""
    total, at = memory["clean"].get(target, (timedelta(), None))
    state = facts.state(target)
    if state == "dirty":
        return timedelta(), None
    if state == "unclear":
        return total, None
    return (total if at is None else total + min(facts.as_of - at, LONGEST_SPAN)), facts.as_of


# ---- the verification of attempts ----


def qualifies(facts: Facts, attempt: Attempt, last_world_at: datetime | None) -> bool:
    """Return whether this world says something of an attempt that has ended (16.1)."""
    if not facts.is_conclusive or attempt.ended_at is None:
        return False
    if last_world_at is not None and facts.world_at <= last_world_at:
        return False
    if facts.world_at < attempt.ended_at + attempt.number("settle"):
        return False
    node = attempt.to or attempt.target[0]
    service = attempt.target[1]
    own = facts.node_seen.get(node) if service == "all" else facts.service_seen.get((node, service))
    return facts.is_offline(node) or own is None or own > attempt.ended_at


def is_harmed(facts: Facts, target: Target) -> bool:
    held = any(row.kind in BROKEN and row.held_by == "node_suspect" for row in facts.drift[target])
    return held or facts.state(target) == "dirty"


def harmed_neighbours(facts: Facts, attempt: Attempt) -> list[Target]:
    basis = [tuple(text.split("/")) for text in attempt.said["basis"]["clean_neighbours"]]
    return sorted(row for row in basis if is_harmed(facts, row))


def is_worse(facts: Facts, attempt: Attempt) -> bool:
    """Return whether a world shows real harm (16.1)."""
    if facts.is_offline(attempt.to or attempt.target[0]):
        return True
    harmed, basis = harmed_neighbours(facts, attempt), attempt.said["basis"]
    if len(harmed) >= 2 and 2 * len(harmed) >= len(basis["clean_neighbours"]):
        return True
    if attempt.verb == "failover":
        return False
    ranks = [SEVERITIES.index(row.severity) for row in facts.drift[attempt.target] if row.held_by is None]
    before = -1 if basis["severity"] is None else SEVERITIES.index(basis["severity"])
    was_unhealthy = "unhealthy_service" in basis["causing_kinds"]
    return max(ranks, default=-1) > before or (was_unhealthy and facts.stands(attempt.target, "missing_service"))


def progress(memory: Memory, facts: Facts, book: Book) -> dict[str, Any]:
    """Return what the qualifying worlds since the end of each attempt showed."""
    found = {}
    for attempt in book.open_attempts():
        if attempt.ended_at is not None:
            intent = attempt.said["intent_id"]
            before = memory["progress"].get(intent, NO_PROGRESS)
            found[intent] = advance(before, facts, attempt)
    return found


def advance(before: dict[str, Any], facts: Facts, attempt: Attempt) -> dict[str, Any]:
    if not qualifies(facts, attempt, before["last_world_at"]):
        return before
    assert attempt.ended_at is not None
    after, now = dict(before, last_world_at=facts.world_at), facts.world_at
    state = facts.state(attempt.target, attempt.verb, attempt.to)
    if state == "clean":
        after |= {"clean_from": before["clean_from"] or now, "clean_count": before["clean_count"] + 1}
    elif state == "dirty":
        after |= {"clean_from": None, "clean_count": 0}
    else:
        since = before["last_world_at"] or attempt.ended_at
        after["paused_s"] = before["paused_s"] + min(now - since, LONGEST_SPAN)
    if is_worse(facts, attempt):
        after |= {"worse_from": before["worse_from"] or now, "worse_count": before["worse_count"] + 1}
    else:
        after |= {"worse_from": None, "worse_count": 0}
    return after

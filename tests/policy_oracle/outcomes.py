"""The outcome of an attempt that has ended (ACTIONS 16.2), and the end of a problem (13.3)."""

from datetime import datetime
from typing import Any

from tests.policy_oracle.book import Attempt, Book, Problem
from tests.policy_oracle.facts import Facts
from tests.policy_oracle.memory import NO_PROGRESS, Memory, is_worse, qualifies


def settle(before: Memory, after: Memory, facts: Facts, book: Book) -> list[tuple[str, Attempt]]:
    """Settle what can be, in the book; return what is written of it, in order."""
    verified = []
    for attempt in book.open_attempts():
        outcome = None if attempt.ended_at is None else find_outcome(before, after, facts, attempt)
        if outcome is not None:
            verified.append(("verified", attempt))
            attempt.outcome, attempt.settled_at, attempt.settled_n = outcome, facts.as_of, 1 << 60
            attempt.world_at = facts.world_at
    relapsed = []
    for problem in book.problems.values():
        for attempt in problem.attempts:
            if attempt.outcome == "recovered" and has_relapsed(facts, attempt):
                relapsed.append(("relapsed", attempt))
                attempt.outcome = "relapsed"
    return verified + relapsed


def has_relapsed(facts: Facts, attempt: Attempt) -> bool:
    is_later = attempt.world_at is not None and facts.world_at > attempt.world_at
    return is_later and facts.is_conclusive and facts.state(attempt.target, attempt.verb, attempt.to) == "dirty"


def find_outcome(before: Memory, after: Memory, facts: Facts, attempt: Attempt) -> str | None:
    """Return the first line of 16.2 that applies."""
    if attempt.result == "no_effect":
        return "no_effect"
    if not attempt.is_mutating:
        return "collected" if attempt.result == "done" else "not_collected"
    if is_superseded(facts, attempt):
        return "superseded"
    was = before["progress"].get(attempt.said["intent_id"], NO_PROGRESS)
    now = after["progress"].get(attempt.said["intent_id"], NO_PROGRESS)
    if qualifies(facts, attempt, was["last_world_at"]):
        outcome = from_world(now, facts, attempt)
        if outcome is not None:
            return outcome
    assert attempt.ended_at is not None
    last = max(filter(None, [deadline(now, attempt), now["last_world_at"]]))
    return "unknown" if facts.as_of >= last + attempt.number("verify_grace") else None


def deadline(row: dict[str, Any], attempt: Attempt) -> Any:
    """Return D."""
    assert attempt.ended_at is not None
    within = attempt.number("verify_within")
    return attempt.ended_at + within + min(row["paused_s"], within)


def is_superseded(facts: Facts, attempt: Attempt) -> bool:
    target = attempt.target
    if not facts.is_desired(target) or facts.hashes.get(target) != attempt.said["desired_hash"]:
        return True
    return any(at > attempt.started_at and is_foreign(at, attempt) for at in facts.deployments.get(target, []))


def is_foreign(begun_at: datetime, attempt: Attempt) -> bool:
    """Return whether a deployment is not ours: none that began while a verb that deploys was running."""
    is_within = attempt.started_at <= begun_at and (attempt.ended_at is None or begun_at <= attempt.ended_at)
    return not (attempt.verb in {"restart", "redeploy", "failover"} and is_within)


def from_world(row: dict[str, Any], facts: Facts, attempt: Attempt) -> str | None:
    """Return what a qualifying world shows: 4 to 7."""
    now, state = facts.world_at, facts.state(attempt.target, attempt.verb, attempt.to)
    worse = is_worse(facts, attempt)
    if row["worse_count"] >= 2 and now - row["worse_from"] >= attempt.number("worse_span"):
        return "worse"
    is_confirmed = row["clean_count"] >= 2 and now - row["clean_from"] >= attempt.number("confirm_span")
    if state == "clean" and not worse and is_confirmed:
        return "recovered"
    end = deadline(row, attempt)
    if now >= end:
        delayed = any(
            (advice["node"], advice["service"]) == attempt.target and advice["action"] == "delayed_deployment"
            for advice in facts.recommendations
        )
        if state == "unclear" or (state == "dirty" and delayed):
            return "explained"
        if state == "dirty" or now >= end + attempt.number("verify_within"):
            return "not_recovered"
    return None


def close(book: Book, facts: Facts, memory: Memory) -> list[tuple[str, Problem]]:
    """Close what is over, in the book; return the problems with their reasons."""
    closed = []
    for target, problem in list(book.problems.items()):
        reason = closing(book, facts, memory, problem)
        if reason:
            closed.append((reason, problem))
            del book.problems[target]
            book.closed_at[target] = facts.as_of
            memory["clean"].pop(target, None)
    return closed


def closing(book: Book, facts: Facts, memory: Memory, problem: Problem) -> str | None:
    target = problem.target
    is_busy = any(row.is_open for row in problem.attempts)
    if not facts.is_desired(target):
        return "removed"
    if target in book.to_close:
        return "reset"
    if is_busy:
        return None
    if facts.hashes.get(target) != problem.desired_hash:
        return "desired_changed"
    clean = memory["clean"].get(target)
    return "lasted" if clean is not None and clean[0] >= problem.stable_for else None

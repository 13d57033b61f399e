"""Breakers: failures in a row of different problems keep a node, or the fleet, at rest (ACTIONS 15.1, guard 23)."""

from datetime import datetime, timedelta

from schemas.attempt import Attempt
from schemas.book import Book
from schemas.episode import Target
from schemas.ledger_words import AttemptOutcome
from schemas.numbers import Numbers
from schemas.words import ALL, FLEET


def open_breakers(book: Book, numbers: Numbers, as_of: datetime) -> dict[str, datetime]:
    """Return each breaker that tripped, with the end of its rest: of `fleet`, or of `<node>/all`."""
    found = {scope: find_breaker(scope, book, numbers, as_of) for scope in sorted(book.settled)}
    return {scope: until for scope, until in found.items() if until is not None}


def find_breaker(scope: str, book: Book, numbers: Numbers, as_of: datetime) -> datetime | None:
    """Return until when the breaker of a scope that tripped rests; behind that it is half open. None where it is closed."""
    reset_n = book.resets.get(f"{FLEET}/{ALL}" if scope == FLEET else scope, 0)
    row = _failures_in_a_row(book.settled.get(scope, []), reset_n, numbers.breaker_max, as_of)
    tripped = _find_trip(row, scope == FLEET, numbers)
    if tripped is None:
        return None
    rest = numbers.breaker_cooldown
    for _ in range(len(row) - tripped - 1):
        rest = min(2 * rest, numbers.breaker_max)
    return (row[-1].settled_at or row[-1].started_at) + min(rest, numbers.breaker_max)


def _failures_in_a_row(settled: list[Attempt], reset_n: int, longest: timedelta, as_of: datetime) -> list[Attempt]:
    """Return those behind the last success and the last reset, each close behind the one before, the last close to now."""
    near: list[Attempt] = []
    later = as_of
    for attempt in reversed(settled):
        at = attempt.settled_at or attempt.started_at
        is_counted = not attempt.settled_n or attempt.settled_n > reset_n
        if attempt.outcome is AttemptOutcome.RECOVERED or (is_counted and later - at > longest):
            break
        if is_counted:
            near.append(attempt)
            later = at
    return near[::-1]


def _find_trip(row: list[Attempt], is_fleet: bool, numbers: Numbers) -> int | None:
    """Return the place of the failure that trips the breaker; None where none does."""
    problems: set[tuple[Target, datetime]] = set()
    limit = numbers.breaker_failures if is_fleet else numbers.breaker_node_failures
    for place, attempt in enumerate(row):
        problems.add((attempt.target, attempt.problem_at))
        if len(problems) >= limit or (not is_fleet and attempt.outcome is AttemptOutcome.WORSE):
            return place
    return None

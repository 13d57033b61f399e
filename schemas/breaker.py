"""Breakers: failures in a row of different problems keep a node, or the fleet, at rest (ACTIONS 15.1, guard 23)."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from schemas.attempt import BREAKING, Attempt
from schemas.book import Book
from schemas.episode import Target
from schemas.ledger import AttemptOutcome
from schemas.numbers import Numbers
from schemas.words import ALL, FLEET


def open_breakers(book: Book, numbers: Numbers, as_of: datetime) -> dict[str, datetime]:
    """Return each breaker that tripped, with the end of its rest: of `fleet`, or of `<node>/all`."""
    settled = order_by_scope(book.attempts)
    found = {scope: find_breaker(scope, settled, book, numbers, as_of) for scope in sorted(settled)}
    return {scope: until for scope, until in found.items() if until is not None}


def order_by_scope(attempts: Iterable[Attempt]) -> dict[str, list[Attempt]]:
    """Return the settled attempts that change something and are not neutral, of each scope, as they were settled."""
    found: dict[str, list[Attempt]] = {}
    counted = BREAKING | {AttemptOutcome.RECOVERED}
    settled = [attempt for attempt in attempts if attempt.is_mutating and attempt.outcome in counted]
    for attempt in sorted(settled, key=_settled_order):
        for scope in (FLEET, *(f"{node}/{ALL}" for node in attempt.nodes)):
            found.setdefault(scope, []).append(attempt)
    return found


def _settled_order(attempt: Attempt) -> tuple[datetime, int]:
    return attempt.settled_at or attempt.started_at, attempt.n


def find_breaker(
    scope: str, settled: Mapping[str, list[Attempt]], book: Book, numbers: Numbers, as_of: datetime
) -> datetime | None:
    """Return until when the breaker of a scope that tripped rests; behind that it is half open. None where it is closed."""
    row = _failures_in_a_row(settled.get(scope, []), book.resets.get(f"{FLEET}/{ALL}" if scope == FLEET else scope, 0))
    row = _within(row, numbers.breaker_max, as_of)
    tripped = _find_trip(row, scope == FLEET, numbers)
    if tripped is None:
        return None
    rest = numbers.breaker_cooldown
    for _ in range(len(row) - tripped - 1):
        rest = min(2 * rest, numbers.breaker_max)
    return (row[-1].settled_at or row[-1].started_at) + min(rest, numbers.breaker_max)


def _failures_in_a_row(settled: list[Attempt], reset_n: int) -> list[Attempt]:
    """Return those behind the last success and the last reset."""
    row: list[Attempt] = []
    for attempt in settled:
        if attempt.outcome is AttemptOutcome.RECOVERED:
            row = []
        elif not attempt.settled_n or attempt.settled_n > reset_n:
            row.append(attempt)
    return row


def _within(row: list[Attempt], longest: timedelta, as_of: datetime) -> list[Attempt]:
    """Return the end of the row in which each lies so close behind the one before, and the last so close to now."""
    near: list[Attempt] = []
    later = as_of
    for attempt in reversed(row):
        at = attempt.settled_at or attempt.started_at
        if later - at > longest:
            break
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

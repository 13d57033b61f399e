"""Count starts: how often a container or unit was started within ten minutes (OBSERVER 2.1)."""

from schemas.observed import Starts

WINDOW_S = 600.0
MOST_STARTS = 100


def count_starts(before: Starts | None, started_at: float | None, count: int | None, at: float) -> Starts:
    """Return the starts seen by now: one where the moment of its start moved, or as many as its engine's count grew.

    The first sight of it is no start, however much its engine has counted before. A restart by hand sets the count
    back to 0, and is a start all the same. A look that could not tell start or count says nothing of either.
    """
    if before is None:
        return Starts(started_at, count)
    has_moved = started_at is not None and before.started_at is not None and started_at != before.started_at
    grown = count - before.count if count is not None and before.count is not None else 0
    new = max(grown, int(has_moved), 0)
    seen = [*(moment for moment in before.seen_at if at - moment < WINDOW_S), *[at] * min(new, MOST_STARTS)]
    return Starts(
        started_at if started_at is not None else before.started_at,
        count if count is not None else before.count,
        tuple(seen[-MOST_STARTS:]),
    )

"""When the next run is to be expected, by the distances of those before it, whatever starts them."""

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from statistics import median_low

MOST_RUNS = 10
"""The rhythm is that of the last runs: what starts them may have changed since."""


def expect_next(runs: Iterable[datetime]) -> datetime | None:
    """Return when the next run is due by the usual distance of the last ones; None of fewer than three."""
    latest = sorted(set(runs))[-MOST_RUNS:]
    if len(latest) < 3:
        return None
    return latest[-1] + median_low([later - earlier for earlier, later in pairwise(latest)])

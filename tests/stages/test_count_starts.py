"""OBSERVER 2.1: the starts of a container within ten minutes."""

import pytest

from schemas.observed import Starts
from stages.count_starts import count_starts


def counted(*looks):
    """Return how many starts were seen, after looks of (moment, started at, count)."""
    starts = None
    for at, started_at, count in looks:
        starts = count_starts(starts, started_at, count, at)
    return len(starts.seen_at)


@pytest.mark.parametrize(
    ("looks", "starts"),
    [
        pytest.param([(0, 0.0, 7)], 0, id="the first sight is none"),
        pytest.param([(0, 0.0, 0), (30, 0.0, 0)], 0, id="nothing changed"),
        pytest.param([(0, 0.0, 0), (30, 20.0, 1)], 1, id="restarted once: count and moment are one start"),
        pytest.param([(0, 0.0, 0), (30, 20.0, 3)], 3, id="restarted three times between two looks"),
        pytest.param([(0, 0.0, 3), (30, 20.0, 0)], 1, id="restarted by hand, which sets the count back"),
        pytest.param([(0, 0.0, 0), (30, 20.0, 1), (700, 20.0, 1)], 0, id="older than ten minutes"),
        pytest.param([(0, None, 0), (30, 20.0, 0)], 0, id="created, then started for the first time"),
        pytest.param([(0, 0.0, 5), (30, None, None), (60, 0.0, 5)], 0, id="a look between that could tell neither"),
        pytest.param([(0, None, None), (30, 0.0, 5), (60, 50.0, 6)], 1, id="a first look that could tell neither"),
    ],
)
def test_starts_are_counted(looks, starts):
    assert counted(*looks) == starts


def test_a_count_that_leaps_is_bounded():
    assert len(count_starts(Starts(0.0, 0), 1.0, 10**9, 1.0).seen_at) == 100

"""When the next run is to be expected."""

from datetime import timedelta

import pytest

from flows.views.rhythm import expect_next
from tests.helpers.frames import NOON


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        pytest.param([], None, id="nothing ran"),
        pytest.param([0, 5], None, id="two runs are no rhythm"),
        pytest.param([0, 5, 10], 15, id="every five minutes"),
        pytest.param([0, 5, 10, 11, 15], 19, id="one in between moves it little"),
        pytest.param([10, 0, 5, 5], 15, id="in any order, each once"),
        pytest.param([0, *range(1000, 1010)], 1010, id="an old gap is forgotten"),
    ],
)
def test_the_next_run_is_due_after_the_usual_distance(minutes, expected):
    due = expect_next(NOON + timedelta(minutes=minute) for minute in minutes)

    assert due == (None if expected is None else NOON + timedelta(minutes=expected))

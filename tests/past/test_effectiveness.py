"""How often what automation treats clears by itself."""

from datetime import timedelta

import pytest

from flows.views.effectiveness import Alone, count_cleared_alone
from tests.helpers.episodes import NOON

WITHIN = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("lasted", "acted_after", "is_held_back", "counted"),
    [
        pytest.param(4, None, False, (1, 1), id="cleared in time"),
        pytest.param(10, None, False, (1, 1), id="cleared at the last moment"),
        pytest.param(11, None, False, (0, 1), id="cleared too late"),
        pytest.param(4, 2, False, None, id="something was done first"),
        pytest.param(4, 5, False, (1, 1), id="something was done when it was over"),
        pytest.param(30, 12, False, (0, 1), id="something was done when it had not cleared in time"),
        pytest.param(None, None, False, (0, 1), id="open for long"),
        pytest.param(None, 12, False, (0, 1), id="open for long, and then something was done"),
        pytest.param(4, None, True, None, id="held back"),
    ],
)
def test_what_clears_with_nothing_done_is_counted(lasted, acted_after, is_held_back, counted):
    resolved_at = None if lasted is None else NOON + lasted * MINUTE
    starts = {} if acted_after is None else {("piha", "web"): [NOON + acted_after * MINUTE]}
    row = Alone("piha", "web", "unhealthy_service", NOON, resolved_at, is_held_back)

    found = count_cleared_alone([row], starts, WITHIN, NOON + timedelta(hours=1))

    assert found.get(("web", "unhealthy_service")) == counted


def test_what_is_too_young_to_tell_is_not_counted():
    row = Alone("piha", "web", "unhealthy_service", NOON, None, False)

    assert count_cleared_alone([row], {}, WITHIN, NOON + 9 * MINUTE) == {}

"""A target that keeps opening and resolving gets diagnostics in place of one more repair."""

from datetime import timedelta

import pytest

from schemas.words import Action, EventType, Severity
from stages.flap import divert_flapping
from stages.transition import decide_transitions
from tests.helpers.episodes import NOON, judged, recommended

HOUR = timedelta(hours=1)


def live(*runs, openings=3, window=24 * HOUR):
    """Return the actions of the openings of runs, each given as its hour and its recommendations."""
    episodes, actions = {}, []
    for hour, rows in runs:
        conclusions = divert_flapping(judged(*rows, as_of=NOON + hour * HOUR), episodes, openings, window)
        changes = decide_transitions(episodes, conclusions, reminder_interval=timedelta(0))
        actions += [str(c.episode.action) for c in changes.changes if c.episode.event_type != "reconcile_resolved"]
        episodes = changes.episodes
    return actions


def flapping(count, step=1):
    """Return runs in which the drift comes and goes so often, a step of hours apart."""
    rows = [[recommended()], []]
    return [(index * step / 2, rows[index % 2]) for index in range(2 * count)]


def test_the_opening_that_is_one_too_many_asks_for_diagnostics():
    assert live(*flapping(4)) == ["redeploy", "redeploy", "diagnostics", "diagnostics"]


def test_openings_further_apart_than_the_window_are_no_flapping():
    assert live(*flapping(5, step=13)) == ["redeploy"] * 5


def test_an_opening_exactly_a_window_ago_does_not_count():
    runs = [(0, [recommended()]), (1, []), (2, [recommended()]), (3, []), (24, [recommended()])]

    assert live(*runs) == ["redeploy", "redeploy", "redeploy"]


def test_diagnostics_stay_until_they_are_resolved():
    runs = [*flapping(2), (4, [recommended()]), (40, [recommended()]), (41, []), (42, [recommended()])]

    assert live(*runs) == ["redeploy", "redeploy", "diagnostics", "redeploy"]


def test_an_open_episode_is_not_diverted():
    runs = [*flapping(1), (2, [recommended()])]

    assert live(*runs, (3, [recommended()]), openings=3) == ["redeploy", "redeploy"]


@pytest.mark.parametrize("action", [Action.INCIDENT_REVIEW, Action.OBSERVER_REVIEW])
def test_an_action_that_repairs_nothing_stays(action):
    runs = [(hour, [recommended(action=action)] if hour % 2 == 0 else []) for hour in range(10)]

    assert set(live(*runs)) == {action}


def test_type_severity_and_causes_stay():
    episodes = {}
    for hour, rows in flapping(2):
        episodes = decide_transitions(
            episodes, judged(*rows, as_of=NOON + hour * HOUR), reminder_interval=HOUR
        ).episodes
    (row,) = divert_flapping(judged(recommended(), as_of=NOON + 3 * HOUR), episodes, 3, 24 * HOUR).recommendations

    assert (row.event_type, row.severity) == (EventType.RECONCILE_REQUIRED, Severity.ERROR)
    assert row.recommendation_id == "diagnostics-piha-web"
    assert "3 openings within 24 h" in row.reason
    assert "redeploy" not in row.reason

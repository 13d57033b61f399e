"""A drift must last before its recommendation opens an episode, where the settings say so."""

from datetime import timedelta

import pytest

from schemas.episode import Target
from schemas.rules import parse_patience
from schemas.wait import Patience
from schemas.words import DriftKind, HeldBy
from stages.debounce import debounce
from stages.transition import decide_transitions
from tests.helpers.episodes import DAY, NOON, judged, recommended

MINUTE = timedelta(minutes=1)
MISSING, UNHEALTHY = DriftKind.MISSING_SERVICE, DriftKind.UNHEALTHY_SERVICE
WEB = Target("piha", "web")


def opened_at(open_after, *runs):
    """Return the minutes at which an episode opens; each run is its minute and its conclusions but for the time."""
    episodes, waits, minutes = {}, (), []
    for minute, rows, rest in runs:
        found = debounce(judged(*rows, as_of=NOON + minute * MINUTE, **rest), episodes, waits, open_after)
        changes = decide_transitions(episodes, found.judged, reminder_interval=DAY)
        episodes, waits = changes.episodes, found.waits
        minutes += [minute] * bool(changes.changes)
    return minutes


WAITING = (recommended(),)


def steady(*minutes, rows=WAITING):
    return [(minute, rows, {}) for minute in minutes]


@pytest.mark.parametrize(
    ("patience", "minute"),
    [
        (Patience(), 0),
        (Patience(run_count=1), 0),
        (Patience(run_count=3), 8),
        (Patience(duration=8 * MINUTE), 8),
        (Patience(duration=9 * MINUTE), 12),
    ],
)
def test_an_episode_opens_with_the_first_run_that_the_drift_has_lasted_to(patience, minute):
    assert opened_at({MISSING: patience}, *steady(0, 4, 8, 12)) == [minute]


def test_without_a_setting_nothing_waits():
    found = debounce(judged(recommended()), {}, (), {})

    assert (found.judged, found.waits) == (judged(recommended()), ())


def test_drift_that_was_gone_in_between_starts_anew():
    runs = [*steady(0, 1), (2, (), {}), *steady(3, 4, 5)]

    assert opened_at({MISSING: Patience(run_count=3)}, *runs) == [5]


@pytest.mark.parametrize(
    "unclear",
    [
        {"held": {WEB: {MISSING: HeldBy.OFFLINE_NODE}}},
        {"bad_entries": frozenset({WEB})},
        {"is_world_stale": True},
    ],
    ids=["held back", "entry unreadable", "stale world"],
)
def test_a_run_that_cannot_tell_neither_counts_nor_forgets(unclear):
    runs = [*steady(0, 1), (2, (), unclear), *steady(3)]

    assert opened_at({MISSING: Patience(run_count=3)}, *runs) == [3]


def test_a_kind_without_a_setting_opens_at_once_whatever_else_waits():
    both = recommended(kinds=(MISSING, DriftKind.UNRESOLVED_INCIDENT))

    assert opened_at({MISSING: Patience(run_count=9)}, *steady(0, rows=(both,))) == [0]


def test_a_target_with_an_open_episode_does_not_wait():
    runs = [*steady(0), *steady(1, rows=(recommended(kinds=(UNHEALTHY,)),))]

    assert opened_at({UNHEALTHY: Patience(run_count=9)}, *runs) == [0, 1]


def test_a_clock_that_was_set_back_counts_from_there():
    assert opened_at({MISSING: Patience(duration=5 * MINUTE)}, *steady(60, 0, 4, 5)) == [5]


@pytest.mark.parametrize(
    ("text", "patience"),
    [("3 runs", Patience(run_count=3)), ("10m", Patience(duration=10 * MINUTE)), (0, Patience())],
)
def test_patience_is_written_as_runs_or_as_a_duration(text, patience):
    assert parse_patience(text) == patience


@pytest.mark.parametrize("text", ["three runs", "-1m", None, "runs", True])
def test_other_patience_is_refused(text):
    with pytest.raises(ValueError, match="expected a duration"):
        parse_patience(text)


def test_the_time_that_drift_is_held_back_does_not_count():
    held = {"held": {WEB: {MISSING: HeldBy.SETTLING}}}
    runs = [*steady(0, 1), (2, (), held), (3, (), held), *steady(4, 5, 6)]

    assert opened_at({MISSING: Patience(duration=timedelta(minutes=4))}, *runs) == [6]

"""That nothing is judged is told once, after `run_ttl`, and once that it is over."""

from datetime import timedelta

from schemas.outage import News
from stages.blindness import tell_blindness
from tests.helpers.episodes import NOON

TTL = timedelta(minutes=30)


def told(*runs):
    """Return (minute, news, title) of what is said; a run is its minute and its problem."""
    known, said = None, []
    for minute, problem in runs:
        message, known = tell_blindness(known, problem, NOON + timedelta(minutes=minute), TTL)
        said += [(minute, message.news, message.title)] if message else []
    return said


def test_it_is_told_once_after_the_time_and_once_when_it_is_over():
    said = told((0, None), (5, "torn"), (34, "torn"), (35, "torn"), (600, "torn"), (605, None), (610, None))

    assert said == [
        (35, News.OPENED, "nothing is judged since 2026-05-01 12:05 UTC"),
        (605, News.RESOLVED, "everything is judged again, after 10 h"),
    ]


def test_a_short_one_is_not_told():
    assert told((0, "torn"), (29, "torn"), (30, None)) == []


def test_another_one_begins_anew():
    assert [minute for minute, *_ in told((0, "torn"), (20, None), (25, "torn"), (54, "torn"), (55, "torn"))] == [55]

"""OBSERVER 2.5: unknown is never down, and what is down is said after failures and time."""

import pytest

from schemas.look_words import HARD, NodeStatus, ReasonClass
from schemas.observed import NodeLook
from stages.node_state import judge_node


def looks(*moments_and_reasons, is_intermittent=False, has_engine=False):
    node = None
    for at, reason in moments_and_reasons:
        look = NodeLook(node="piha", ended_at=at, reason_class=reason, has_engine=has_engine)
        node = judge_node(node, look, is_intermittent=is_intermittent)
    return node


SOFT = ReasonClass.TIMEOUT


def test_a_good_look_is_online_and_its_end_is_when_it_was_seen():
    node = looks((100.0, None))

    assert (node.status, node.last_seen, node.online_since) == (NodeStatus.ONLINE, 100.0, None)


@pytest.mark.parametrize(
    ("failures", "status"),
    [
        pytest.param([30, 60], NodeStatus.ONLINE, id="two failures"),
        pytest.param([30, 60, 90], NodeStatus.ONLINE, id="three failures within a minute"),
        pytest.param([30, 200], NodeStatus.ONLINE, id="two failures in three minutes"),
        pytest.param([30, 60, 150], NodeStatus.UNREACHABLE, id="three failures, two minutes after the first"),
    ],
)
def test_silence_is_unreachable_after_three_failures_and_two_minutes(failures, status):
    node = looks((0.0, None), *((float(at), SOFT) for at in failures))

    assert (node.status, node.failures, node.failing_since, node.last_seen) == (status, len(failures), 30.0, 0.0)


def test_a_node_of_which_another_engine_answers_is_not_silent():
    failing = [(0.0, None), (30.0, SOFT), (60.0, SOFT), (150.0, SOFT)]

    assert looks(*failing, has_engine=True).status is NodeStatus.UNOBSERVABLE


def test_an_intermittent_node_has_an_hour():
    failing = [(0.0, None), (30.0, SOFT), (60.0, SOFT), (3629.0, SOFT)]

    assert looks(*failing, is_intermittent=True).status is NodeStatus.ONLINE
    assert looks(*failing, (3630.0, SOFT), is_intermittent=True).status is NodeStatus.UNREACHABLE


@pytest.mark.parametrize("reason", sorted(HARD))
def test_a_hard_reason_is_unobservable_at_once(reason):
    assert looks((0.0, None), (30.0, reason)).status is NodeStatus.UNOBSERVABLE


def test_a_node_that_was_never_seen_is_unobservable_whatever_the_reason():
    assert looks((0.0, SOFT)).status is NodeStatus.UNOBSERVABLE


def test_a_node_that_comes_back_says_since_when():
    gone = [(0.0, None), (30.0, SOFT), (60.0, SOFT), (150.0, SOFT)]

    back = looks(*gone, (180.0, None), (210.0, None))

    assert (back.status, back.online_since, back.failures, back.failing_since) == (NodeStatus.ONLINE, 180.0, 0, None)

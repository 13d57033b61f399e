"""An acknowledged recommendation is shown apart and does not raise the state, until the moment that it ends."""

from datetime import timedelta

import pytest
from polars.testing import assert_frame_equal

from schemas.acknowledgement import Acknowledgement
from stages.acknowledge import acknowledge
from tests.helpers import frames
from tests.helpers.frames import NOON

TICK = timedelta(microseconds=1)
ACK = Acknowledgement(
    node="piha", service="web", owner="anna", reason="known", acknowledged_at=NOON, until=NOON + timedelta(hours=1)
)


def acknowledged(*given, as_of=NOON):
    judgement = frames.judged(frames.desired("piha/web", "piha/db", "piha/ok"), frames.actual("piha/ok"))
    found = acknowledge(judgement.recommendations, given, as_of)
    assert found.standing.height + found.acknowledged.height == judgement.recommendations.height
    return found


def test_it_covers_its_target_alone():
    found = acknowledged(ACK)

    assert found.acknowledged["service"].to_list() == ["web"]
    assert found.standing["service"].to_list() == ["db"]


@pytest.mark.parametrize(("at", "holds"), [(ACK.until - TICK, True), (ACK.until, False), (ACK.until + TICK, False)])
def test_it_ends_at_its_moment_exactly(at, holds):
    found = acknowledged(ACK, as_of=at)

    assert (found.acknowledged.height, found.lapsed) == ((1, ()) if holds else (0, (ACK,)))


def test_one_that_matches_nothing_is_reported():
    other = ACK._replace(service="cache")

    assert acknowledged(other).unmatched == (other,)


def test_without_any_all_stands_as_beside_one_for_something_else():
    none, other = acknowledged(), acknowledged(ACK._replace(service="cache"))

    assert none.standing.height == 2
    assert_frame_equal(none.standing, other.standing)
    assert_frame_equal(none.acknowledged, other.acknowledged)
    assert (none.by, none.unmatched, none.lapsed) == ({}, (), ())


def broken_chain():
    needs = [{"node": "piha", "service": "web", "dependency": "db", "scope": "local"}]
    want = frames.desired("piha/web", "piha/db", "piha/ok", "vps/x", "vps/y", needs=needs)
    have = frames.actual("piha/ok", "vps/y", {"target": "piha/web", "status": "exited"})
    return frames.judged(want, have).recommendations


def covered_by(target):
    node, service = target.split("/")
    return sorted(
        "/".join(name) for name in acknowledge(broken_chain(), [ACK._replace(node=node, service=service)], NOON).by
    )


def test_that_of_a_node_covers_its_services():
    assert covered_by("piha/all") == ["piha/db", "piha/web"]


def test_what_waits_for_acknowledged_targets_alone_is_covered():
    assert covered_by("piha/db") == ["piha/db", "piha/web"]
    assert covered_by("piha/web") == ["piha/web"]

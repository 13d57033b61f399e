"""A sample of the crash sweep (`make crash-test` runs all of it), and a short crowd."""

import pytest

from tests.crash.crowd import crowd
from tests.crash.sweep import FAULTS, SCENES, check_point, find_points, has_strace

pytestmark = pytest.mark.crash

CHANGE = next(scene for scene in SCENES if scene.name == "opened, changed and resolved")


@pytest.mark.skipif(not has_strace(), reason="strace is missing, or may not trace here")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_run_struck_at_any_call_is_completed_by_the_next(fault):
    points = find_points(CHANGE)
    offset = FAULTS.index(fault)
    found = {point: check_point(CHANGE, point, fault) for point in points[offset :: len(FAULTS)]}

    assert {point: problems for point, problems in found.items() if problems} == {}


@pytest.mark.skipif(not has_strace(), reason="strace is missing, or may not trace here")
def test_a_run_killed_at_any_call_is_completed_before_another_input_is_judged():
    points = find_points(CHANGE)
    found = {point: check_point(CHANGE, point, "signal=KILL", ("db",)) for point in points[2::6]}

    assert {point: problems for point, problems in found.items() if problems} == {}


def test_two_supervisors_and_two_agents_share_a_log():
    written, problems = crowd(3)

    assert problems == []
    assert min(written.values()) > 10

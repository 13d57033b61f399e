"""A sample of the power cuts (`make power-test` makes all of them)."""

import pytest

from tests.crash.power import END, LOG, MOMENTS, can_mount, check_cut, find_flushes, make_disk
from tests.crash.sweep import SCENES, find_points, has_strace

pytestmark = [
    pytest.mark.crash,
    pytest.mark.skipif(not has_strace(), reason="strace is missing, or may not trace here"),
    pytest.mark.skipif(not can_mount(), reason="a file cannot be mounted as a disk here"),
]

CHANGE = next(scene for scene in SCENES if scene.name == "opened, changed and resolved")


@pytest.fixture(scope="module")
def disk():
    with make_disk(CHANGE) as made:
        yield made


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_run_whose_power_goes_at_any_call_is_completed_by_the_next(disk, moment):
    points = [*find_points(CHANGE)[MOMENTS.index(moment) :: 8], END]
    found = {point: check_cut(disk, point, moment) for point in points}

    assert {point: problems for point, problems in found.items() if problems} == {}


def test_a_log_that_is_not_flushed_is_seen(disk):
    [number] = [number for number, of in find_flushes(disk).items() if of == LOG]

    assert any("open in the log" in problem for problem in check_cut(disk, END, MOMENTS[0], omitted=number))

"""A sample of the sweep over deciding, acting and saying (`python -m tests.crash.acting` makes all of it)."""

import pytest

from tests.crash.acting import SCENES, sweep
from tests.crash.sweep import MISSED, has_strace

pytestmark = [
    pytest.mark.crash,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not has_strace(), reason="strace is missing, or may not trace here"),
]


@pytest.mark.parametrize(
    ("scene", "step"), [*zip(SCENES, (6, 12, 4, 4, 6), strict=True)], ids=lambda value: getattr(value, "name", "")
)
def test_who_is_killed_anywhere_does_nothing_twice_and_loses_nothing(scene, step):
    found = {(fault, point): problems for fault, point, problems in sweep(scene, ("signal=KILL",), step, first=1)}

    assert {case: problems for case, problems in found.items() if problems and problems != MISSED} == {}
    assert sum(problems != MISSED for problems in found.values()) >= len(found) / 2

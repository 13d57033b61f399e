"""A sample of the journals' crash sweep and power cuts (`python -m tests.crash.journals` makes all of them)."""

import pytest

from tests.crash.journals import LEDGERS, check_point, cut, find_points
from tests.crash.power import END, can_mount
from tests.crash.sweep import FAULTS, has_strace

pytestmark = [
    pytest.mark.crash,
    pytest.mark.skipif(not has_strace(), reason="strace is missing, or may not trace here"),
]

TORN = next(ledger for ledger in LEDGERS if ledger.name == "a torn line")
NONE = next(ledger for ledger in LEDGERS if ledger.name == "no ledger")


@pytest.mark.parametrize("fault", FAULTS)
def test_an_append_struck_at_any_call_loses_and_doubles_nothing(fault):
    cases = [(ledger, point) for ledger in (NONE, TORN) for point in find_points(ledger)]
    found = {
        (ledger.name, point): check_point(ledger, point, fault) for ledger, point in cases[FAULTS.index(fault) :: 5]
    }

    assert {case: problems for case, problems in found.items() if problems} == {}


@pytest.mark.skipif(not can_mount(), reason="a file cannot be mounted as a disk here")
def test_an_append_whose_power_goes_loses_and_doubles_nothing():
    found = {point: cut(TORN, point) for point in [*find_points(TORN)[::4], END]}

    assert {point: problems for point, problems in found.items() if problems} == {}


@pytest.mark.skipif(not can_mount(), reason="a file cannot be mounted as a disk here")
def test_a_journal_that_is_not_flushed_is_seen():
    flushes = [point for point in find_points(TORN) if point.call == "fsync"]

    assert any(cut(TORN, END, omitted=flush.number) for flush in flushes[-1:])

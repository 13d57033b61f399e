"""A sample of the power cuts (`make power-test` makes all of them)."""

from datetime import timedelta

import pytest

from flows.ledger.history_writer import compact
from flows.past.sources import open_snapshots
from flows.past.study import study_past
from flows.run.cycle import run_once
from flows.settings import Settings
from schemas.limits import Limits
from schemas.rules import PastRules
from tests.crash.power import (
    END,
    LOG,
    MOMENTS,
    can_mount,
    check_cut,
    copy_image,
    find_flushes,
    format_disk,
    make_disk,
    mounted,
)
from tests.crash.sweep import SCENES, find_points, has_strace
from tests.helpers.frames import NOON
from tests.helpers.past_worlds import inventory, world, write

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


@pytest.mark.parametrize("is_compacted", [False, True])
def test_the_past_of_runs_that_ended_outlives_the_power(tmp_path, is_compacted):
    image, place = format_disk(tmp_path)
    with mounted(image, place):
        for minutes in (0, 5):
            make_run(place, minutes)
        if is_compacted:
            assert compact(place / "state", NOON.date() + timedelta(days=1)) == 3
        copy_image(image, tmp_path / "after")
    with mounted(tmp_path / "after", place), open_snapshots(place / "state", Limits()) as archive:
        assert len(archive.list_snapshots()) == 2
        archive.close()
        assert study_past(place / "state", PastRules()).episodes["duration_s"].to_list() == [300.0]
        assert len((place / "log").read_bytes().splitlines()) == 1


def make_run(place, minutes):
    moment = NOON + timedelta(minutes=minutes)
    write(place / "home", inventory(piha=["web", "db"]))
    write(place / "world", world(moment, "piha/web"))
    paths = {"inventory": "home", "world": "world", "event_log": "log", "checkpoint": "point", "state_dir": "state"}
    run_once(Settings(**{name: place / path for name, path in paths.items()}), moment)

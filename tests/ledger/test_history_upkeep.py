"""Live runs keep the history at few files by themselves."""

from datetime import timedelta

import pytest

from flows.ledger.history_upkeep import RUNS_APART, is_due, join_days
from flows.ledger.history_writer import hold_lock_of, write_run
from flows.run import cycle
from flows.run.cycle import run_once
from flows.settings import Settings
from schemas.history import TABLES
from tests.helpers.frames import NOON
from tests.helpers.past_worlds import inventory, world, write
from tests.ledger.test_history import a_run, files, rows

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
IN_A_DAY = 24 * 60


@pytest.mark.parametrize(
    ("later", "generation", "is_to_join"),
    [
        (timedelta(minutes=5), 2, False),
        (timedelta(minutes=5), RUNS_APART, True),
        (HOUR, 2, True),
        (DAY, 2, True),
        (-HOUR, 2, True),
    ],
)
def test_the_first_run_of_an_hour_joins_and_now_and_then_one_more(later, generation, is_to_join):
    assert is_due(NOON, NOON + later, generation) is is_to_join


def test_days_come_to_a_file_for_each_table_and_say_the_same(tmp_path):
    for minutes in (0, 5, IN_A_DAY, IN_A_DAY + 5, 2 * IN_A_DAY, 2 * IN_A_DAY + 5):
        write_run(tmp_path, a_run(minutes))
    before = {table: rows(tmp_path, table) for table in TABLES}

    assert join_days(tmp_path, NOON + 2 * DAY + HOUR) == []

    assert {table: rows(tmp_path, table).equals(before[table]) for table in TABLES} == dict.fromkeys(TABLES, True)
    assert len(parquet(tmp_path)) == 3 * len(TABLES)


def test_older_days_wait_where_there_is_no_time(tmp_path):
    for day in range(4):
        write_run(tmp_path, a_run(day * IN_A_DAY))
        write_run(tmp_path, a_run(day * IN_A_DAY + 5))

    join_days(tmp_path, NOON + 3 * DAY + HOUR, longest_s=-1)
    assert len(parquet(tmp_path)) == (1 + 1 + 2 + 2) * len(TABLES)

    join_days(tmp_path, NOON + 3 * DAY + HOUR)
    assert len(parquet(tmp_path)) == 4 * len(TABLES)


def test_a_large_day_is_joined_once_it_is_over(tmp_path):
    write_run(tmp_path, a_run(0))
    write_run(tmp_path, a_run(5))

    join_days(tmp_path, NOON + HOUR, most_bytes=100)
    assert len(parquet(tmp_path)) == 2 * len(TABLES)

    join_days(tmp_path, NOON + DAY, most_bytes=100)
    assert len(parquet(tmp_path)) == len(TABLES)


def test_beside_a_process_that_replaces_days_nothing_happens(tmp_path):
    write_run(tmp_path, a_run(0))
    write_run(tmp_path, a_run(5))
    before = parquet(tmp_path)

    with hold_lock_of(tmp_path):
        assert join_days(tmp_path, NOON + HOUR) == []

    assert parquet(tmp_path) == before


def test_a_damaged_day_is_told_and_keeps_no_other_from_being_joined(tmp_path):
    for minutes in (0, 5, IN_A_DAY, IN_A_DAY + 5):
        write_run(tmp_path, a_run(minutes))
    damaged = next((tmp_path / "history" / "runs" / f"day={NOON.date()}").glob("*.parquet"))
    damaged.write_bytes(b"torn")

    faults = join_days(tmp_path, NOON + DAY + HOUR)

    assert len(faults) == 1
    assert str(damaged) in faults[0]
    assert len(parquet(tmp_path)) == 2 + 5


def test_a_live_run_joins_what_those_of_the_hour_before_left(tmp_path, monkeypatch):
    home = write(tmp_path / "home", inventory(piha=["web", "db"]))
    write(tmp_path / "world", world(NOON, "piha/web"))
    paths = {"event_log": tmp_path / "events.log", "checkpoint": tmp_path / "checkpoint.json"}
    settings = Settings(inventory=home, world=tmp_path / "world", state_dir=tmp_path / "state", **paths)
    left = []
    for minutes in (0, 5, 10, 60):
        monkeypatch.setattr(cycle, "read_now", lambda _, at=NOON + timedelta(minutes=minutes): at)
        assert run_once(settings).notes == ()
        left.append(len(parquet(settings.state_dir)))

    assert left == [3, 6, 9, 3]
    assert rows(settings.state_dir).height == 4


def parquet(root):
    return {name: data for name, data in files(root).items() if name.endswith(".parquet")}

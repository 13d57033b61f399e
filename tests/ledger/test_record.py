"""What a live run records: its history and its inputs."""

from datetime import timedelta

import pytest

from flows.files.lock import hold_lock
from flows.ledger.archive import FILE_NAME, INVENTORY, open_archive
from flows.ledger.history import ask_history, scan_history
from flows.past.day import group_days
from flows.past.make_days import Backfiller
from flows.past.replay import Replayer
from flows.past.sources import choose_inventories, make_judge, open_snapshots
from flows.past.study import study_past
from flows.run.cycle import run_once
from flows.settings import Settings
from tests.helpers.frames import NOON
from tests.helpers.past_worlds import inventory, world, write

MINUTE = timedelta(minutes=1)


@pytest.fixture
def settings(tmp_path):
    home = write(tmp_path / "home", inventory(piha=["web", "db"]))
    write(tmp_path / "world", world(NOON, "piha/web"))
    paths = {"event_log": tmp_path / "events.log", "checkpoint": tmp_path / "checkpoint.json"}
    return Settings(inventory=home, world=tmp_path / "world", state_dir=tmp_path / "state", **paths)


def runs(settings):
    return ask_history(
        lambda: scan_history(settings.history_root(), "runs").sort("as_of").collect(), settings.history_root()
    )


def test_a_run_is_in_the_history(settings):
    run_once(settings, NOON)
    run_once(settings, NOON + MINUTE)

    assert runs(settings).select("as_of", "generation", "source", "state").rows() == [
        (NOON, 1, "live", "degraded"),
        (NOON + MINUTE, 2, "live", "degraded"),
    ]
    assert study_past(settings.history_root(), settings.past_rules()).episodes["service"].to_list() == ["db"]


def test_a_dry_run_leaves_nothing(settings):
    run_once(settings, NOON, dry_run=True)

    assert not settings.state_dir.exists()


def test_a_run_at_the_same_moment_on_the_same_input_is_one_run(settings):
    run_once(settings, NOON)
    run_once(settings, NOON)

    assert runs(settings).height == 1


def test_the_inputs_are_in_the_archive_once(settings):
    for minutes in range(3):
        run_once(settings, NOON + minutes * MINUTE)

    with open_archive(settings.state_dir) as archive:
        assert (len(archive.list_entries()), len(archive.list_entries(INVENTORY))) == (1, 1)


def test_an_archive_that_cannot_be_written_stops_no_run(settings):
    settings.state_dir.mkdir(mode=0o700)
    (settings.state_dir / FILE_NAME).write_text("no archive " * 99)

    report = run_once(settings, NOON)

    assert report.state is not None
    assert any("is not in the archive" in note for note in report.notes)


def test_a_lost_checkpoint_does_not_start_the_generations_again(settings):
    for minutes in range(3):
        run_once(settings, NOON + minutes * MINUTE)
    for path in settings.checkpoint.parent.glob("checkpoint.json*"):
        path.unlink()

    run_once(settings, NOON + 5 * MINUTE)

    assert runs(settings)["generation"].to_list() == [1, 2, 3, 4]


def test_backfilling_what_was_live_finds_the_same_run(settings):
    run_once(settings, NOON)
    with open_snapshots(settings.state_dir, settings.limits) as snapshots:
        judge = make_judge(settings, snapshots, choose_inventories(settings, None, snapshots))
        [done] = Backfiller(judge, settings.history_root())(group_days(snapshots.list_snapshots()))
        judge.close()

    assert (done.judged_count, done.known_count) == (0, 1)


def test_a_lost_checkpoint_and_a_torn_history_do_not_keep_a_run_from_happening(settings):
    run_once(settings, NOON)
    settings.checkpoint.unlink()
    settings.checkpoint.with_name(f"{settings.checkpoint.name}.bak").unlink()
    [file] = (settings.state_dir / "history/runs").rglob("*.parquet")
    file.write_bytes(b"")

    report = run_once(settings, NOON + MINUTE)

    assert report.judgement is not None
    assert [note for note in report.notes if "numbered from 1 again" in note and str(file) in note]


def test_a_world_that_stood_still_is_replayed_as_old_as_each_run_found_it(settings):
    moments = [NOON + minutes * MINUTE for minutes in (0, 10, 20)]
    for moment in moments:
        run_once(settings, moment)

    with open_snapshots(settings.state_dir, settings.limits) as snapshots:
        judge = make_judge(settings, snapshots, choose_inventories(settings, None, snapshots))
        [day] = group_days(snapshots.list_snapshots())
        both = Replayer(judge, judge)(day)
        snapshots.close()
        judge.close()

    assert both.states["as_of"].to_list() == moments
    assert both.states["state_before"].cast(str).to_list() == runs(settings)["state"].to_list()
    assert "stale_world" in recorded_kinds(settings)


def recorded_kinds(settings):
    root = settings.history_root()
    return ask_history(lambda: scan_history(root, "drift").collect(), root)["kind"].to_list()


def test_the_world_of_a_run_that_is_killed_is_in_the_archive_all_the_same(settings, monkeypatch):
    """Wherever it is killed behind its intent: the next run completes what it promised, and its world can be replayed."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("flows.ledger.emit.Emitter._finish", die)
        with pytest.raises(KeyboardInterrupt):
            run_once(settings, NOON)
    write(settings.world, world(NOON + MINUTE, "piha/web", "piha/db"))
    run_once(settings, NOON + MINUTE)

    assert runs(settings)["as_of"].to_list() == [NOON, NOON + MINUTE]
    with open_archive(settings.state_dir) as archive:
        assert [entry.as_of for entry in archive.list_entries()] == [NOON, NOON + MINUTE]


def test_the_first_run_of_a_day_makes_one_file_of_the_day_before(settings, monkeypatch):
    day = timedelta(days=1)
    moments = iter([NOON, NOON + MINUTE, NOON + 2 * MINUTE, NOON + day, NOON + day + MINUTE])
    monkeypatch.setattr("flows.run.cycle.read_now", lambda _: next(moments))
    for _ in range(5):
        run_once(settings)

    found = sorted(path.parent.name for path in (settings.state_dir / "history/runs").rglob("*.parquet"))
    assert found == [f"day={NOON:%Y-%m-%d}", *2 * [f"day={NOON + day:%Y-%m-%d}"]]
    assert runs(settings)["as_of"].len() == 5


def test_a_day_that_another_process_is_replacing_is_left_to_it(settings, monkeypatch):
    moments = iter([NOON, NOON + MINUTE, NOON + timedelta(days=1)])
    monkeypatch.setattr("flows.run.cycle.read_now", lambda _: next(moments))
    run_once(settings)
    run_once(settings)
    with hold_lock(settings.state_dir / "history.lock", 1):
        assert run_once(settings).judgement is not None

    assert runs(settings)["as_of"].len() == 3
    assert len(list((settings.state_dir / "history/runs").rglob("*.parquet"))) == 3

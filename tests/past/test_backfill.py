"""Backfill: the history of a past that was kept as snapshots, however often and by however many it is made."""

import contextlib
import json
import multiprocessing
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from flows.errors import EmitError
from flows.ledger.archive_writer import edit_archive
from flows.ledger.history import ask_history, scan_history
from flows.ledger.history_writer import sweep_temporaries
from flows.past.day import group_days
from flows.past.events import write_events
from flows.past.make_days import Backfiller, DayDone, make_days
from flows.past.sources import choose_inventories, make_judge, open_snapshots
from flows.past.study import study_past
from flows.run.cycle import run_once
from flows.settings import Settings
from flows.sources.inventory.files import InventoryFiles
from flows.sources.world.files import WorldFiles
from schemas.rules import PastRules
from tests.helpers.frames import NOON
from tests.helpers.past_worlds import commit, inventory, world, write
from tests.helpers.thorough import IS_THOROUGH
from tests.ledger.test_history import Dying

pytestmark = pytest.mark.wide

STEP = timedelta(hours=6)
HOUR = timedelta(hours=1)


@pytest.fixture
def settings(tmp_path):
    home = write(tmp_path / "home", inventory(piha=["web", "db"]))
    paths = {"event_log": tmp_path / "events.log", "checkpoint": tmp_path / "checkpoint.json"}
    return Settings(inventory=home, state_dir=tmp_path / "state", **paths)


def keep(folder: Path, count: int, *, down: tuple[int, ...] = ()) -> Path:
    """Write snapshots six hours apart; in those that are down, web is not healthy."""
    for number in range(count):
        moment = NOON + number * STEP
        sick = ["piha/web"] if number in down else []
        write(folder / f"{moment:%Y-%m-%dT%H%M%SZ}", world(moment, "piha/web", "piha/db", sick=sick))
    return folder


def backfill(
    settings: Settings, source: Path, *, jobs: int = 1, git: Path | None = None, stop: int | None = None
) -> list[DayDone]:
    with open_snapshots(source, settings.limits) as snapshots:
        judge = make_judge(settings, snapshots, choose_inventories(settings, git, snapshots))
        days = group_days(snapshots.list_snapshots())
        snapshots.close()
        done = list(make_days(Backfiller(judge, settings.history_root()), days[:stop], jobs))
        judge.close()
    return done


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def table(settings: Settings, name: str) -> pl.DataFrame:
    return ask_history(
        lambda: scan_history(settings.history_root(), name).sort("as_of").collect(), settings.history_root()
    )


def test_each_snapshot_is_judged_at_its_own_moment(tmp_path, settings):
    backfill(settings, keep(tmp_path / "kept", 8, down=(2, 3)))

    assert table(settings, "runs")["as_of"].to_list() == [NOON + number * STEP for number in range(8)]
    assert table(settings, "runs")["state"].to_list() == ["nominal"] * 2 + ["degraded"] * 2 + ["nominal"] * 4
    assert table(settings, "drift")["kind"].to_list() == ["unhealthy_service"] * 2


def test_a_second_time_changes_nothing(tmp_path, settings):
    source = keep(tmp_path / "kept", 8, down=(2, 3))
    backfill(settings, source)
    before = files(settings.state_dir)

    again = backfill(settings, source)

    assert files(settings.state_dir) == before
    assert [(done.judged_count, done.known_count) for done in again] == [(0, 2), (0, 4), (0, 2)]


def by_other_rules(settings: Settings) -> Settings:
    return replace(settings, report_unexpected=True, node_ttl=timedelta(minutes=7))


def test_a_backfill_by_other_rules_takes_the_place_of_the_one_before(tmp_path, settings):
    source = keep(tmp_path / "kept", 8, down=(2, 3))
    other = replace(settings, state_dir=tmp_path / "other")
    backfill(by_other_rules(other), source)

    backfill(settings, source)
    backfill(by_other_rules(settings), source)

    assert files(settings.state_dir) == files(other.state_dir)


@pytest.mark.slow
def test_one_by_other_rules_that_is_killed_anywhere_is_completed(tmp_path, settings, monkeypatch):
    source = keep(tmp_path / "kept", 2, down=(0, 1))
    other = replace(settings, state_dir=tmp_path / "other")
    backfill(by_other_rules(other), source)
    backfill(settings, source)
    before = shutil.copytree(settings.state_dir, tmp_path / "before")
    for survives in range(0, 30, 1 if IS_THOROUGH else 3):
        shutil.rmtree(settings.state_dir)
        shutil.copytree(before, settings.state_dir)
        with monkeypatch.context() as patched:
            patched.setattr("flows.ledger.history_writer.open_storage", partial(Dying, survives=survives))
            with contextlib.suppress(KeyboardInterrupt):
                backfill(by_other_rules(settings), source)
        assert set(table(settings, "runs")["run_id"]) <= set(table(settings, "drift")["run_id"]), survives

        backfill(by_other_rules(settings), source)

        assert files(settings.state_dir) == files(other.state_dir), survives


def test_a_live_run_stays_beside_a_backfill_by_other_rules(tmp_path, settings):
    source = keep(tmp_path / "kept", 1)
    live = replace(settings, world=next(source.iterdir()))
    run_once(live, NOON)

    backfill(by_other_rules(settings), source)

    assert table(settings, "runs")["source"].sort().to_list() == ["backfill", "live"]


@pytest.mark.slow
def test_one_that_was_stopped_and_resumed_is_as_if_it_had_not_been(tmp_path, settings):
    source = keep(tmp_path / "kept", 12, down=(2, 3, 7))
    backfill(settings, source)
    other = replace(settings, state_dir=tmp_path / "other")

    backfill(other, source, stop=2)
    backfill(other, source)

    assert files(other.state_dir) == files(settings.state_dir)


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["drift", "recommendations", "runs"])
def test_a_day_that_was_killed_between_its_tables_is_completed(tmp_path, settings, lost):
    source = keep(tmp_path / "kept", 8, down=(2, 3))
    backfill(settings, source)
    whole = files(settings.state_dir)
    after = ["drift", "recommendations", "runs"]
    for name in after[after.index(lost) :]:
        for path in (settings.state_dir / "history" / name).rglob("*.parquet"):
            path.unlink()

    backfill(settings, source)

    assert files(settings.state_dir) == whole


@pytest.mark.parametrize("most_held_bytes", [700, 10**6])
def test_a_day_comes_out_the_same_whichever_days_are_judged_with_it(tmp_path, settings, monkeypatch, most_held_bytes):
    source = keep(tmp_path / "kept", 12, down=tuple(range(1, 11)))
    for file in source.rglob("services.json"):
        file.write_bytes(file.read_bytes().replace(b"exited", b"starting"))
    other = replace(settings, state_dir=tmp_path / "other")
    monkeypatch.setattr("flows.past.day.MOST_HELD_BYTES", most_held_bytes)

    backfill(settings, source, jobs=1)
    for day in range(1, 5):
        backfill(other, source, stop=day)

    assert files(other.state_dir) == files(settings.state_dir)
    assert table(settings, "drift")["held_by"].unique().len() == 2


@pytest.mark.slow
def test_in_parallel_it_is_the_same_as_one_after_the_other(tmp_path, settings):
    source = keep(tmp_path / "kept", 16, down=(2, 3, 9))
    backfill(settings, source)
    other = replace(settings, state_dir=tmp_path / "other")

    backfill(other, source, jobs=2)

    assert files(other.state_dir) == files(settings.state_dir)


def _backfill_slowly(settings: Settings, source: Path) -> None:
    backfill(settings, source)


@pytest.mark.slow
def test_one_that_was_killed_leaves_what_the_next_one_completes(tmp_path, settings):
    source = keep(tmp_path / "kept", 100, down=tuple(range(0, 100, 7)))
    backfill(settings, source)
    other = replace(settings, state_dir=tmp_path / "other")
    process = multiprocessing.get_context("spawn").Process(target=_backfill_slowly, args=(other, source))
    process.start()
    while process.is_alive() and len(list(other.state_dir.rglob("*.parquet"))) < 8:
        process.join(0.01)
    process.kill()
    process.join()
    assert len(list(other.state_dir.rglob("*.parquet"))) < len(files(settings.state_dir))

    backfill(other, source)

    sweep_temporaries(other.state_dir)
    assert files(other.state_dir) == files(settings.state_dir)


def test_a_bad_snapshot_is_reported_and_passed_over(tmp_path, settings):
    source = keep(tmp_path / "kept", 4)
    (source / f"{NOON + STEP:%Y-%m-%dT%H%M%SZ}" / "services.json").write_text('{"piha/web": {"stat')

    done = backfill(settings, source)

    assert [problem.as_of for one in done for problem in one.problems] == [NOON + STEP]
    assert table(settings, "runs").height == 3


def test_a_moment_without_an_inventory_is_reported_and_passed_over(tmp_path, settings):
    repository = tmp_path / "repository"
    commit(repository, NOON + STEP, inventory(piha=["web", "db"]))

    done = backfill(settings, keep(tmp_path / "kept", 2), git=repository)

    assert ["no commit is as old" in problem.problem for one in done for problem in one.problems] == [True]


@pytest.mark.parametrize("is_bare", [False, True])
def test_an_inventory_can_be_in_a_folder_of_its_repository_or_in_a_bare_one(tmp_path, settings, is_bare):
    prefix = "" if is_bare else "deep/home/"
    wanted = {f"{prefix}{name}": data for name, data in inventory(piha=["web", "db"]).items()}
    commit(tmp_path / "repository", NOON - HOUR, wanted)
    place = tmp_path / "repository" / prefix
    if is_bare:
        place = tmp_path / "bare.git"
        subprocess.run(["git", "clone", "--quiet", "--bare", tmp_path / "repository", place], check=True)

    done = backfill(settings, keep(tmp_path / "kept", 1), git=place)

    assert [(one.judged_count, one.problems) for one in done] == [(1, ())]


def test_each_moment_is_judged_against_the_inventory_as_it_was(tmp_path, settings):
    repository = tmp_path / "repository"
    commit(repository, NOON - HOUR, inventory(piha=["db"]))
    commit(repository, NOON + STEP - HOUR, inventory(piha=["db", "web"]))
    commit(repository, NOON + 2 * STEP - HOUR, inventory(piha=["db"], vps=["web"]))
    commit(repository, NOON + 3 * STEP - HOUR, inventory(piha=["db"]))
    for number, there in enumerate((["piha/db"], ["piha/db"], ["piha/db", "piha/web"], ["piha/db", "vps/web"])):
        moment = NOON + number * STEP
        write(tmp_path / "kept" / f"{moment:%Y%m%dT%H%M%SZ}", world(moment, *there))

    backfill(settings, tmp_path / "kept", git=repository)

    drift = table(settings, "drift").select("as_of", "kind", "node", "service", "held_by").sort("as_of", "kind").rows()
    assert drift == [
        (NOON + STEP, "missing_service", "piha", "web", None),
        (NOON + 2 * STEP, "misplaced_service", "vps", "web", "offline_node"),
        (NOON + 2 * STEP, "offline_node", "vps", "all", None),
        (NOON + 2 * STEP, "unexpected_service", "piha", "web", None),
        (NOON + 3 * STEP, "unexpected_node", "vps", "all", None),
        (NOON + 3 * STEP, "unexpected_service", "vps", "web", None),
    ]


def test_the_archive_knows_its_inventories(tmp_path, settings):
    with edit_archive(settings.state_dir) as archive:
        archive.add_inventory(NOON, InventoryFiles(inventory(piha=["web"])))
        archive.add_inventory(NOON + HOUR, InventoryFiles(inventory(piha=["web", "db"])))
        for moment in (NOON, NOON + HOUR):
            archive.add_world(WorldFiles(moment, world(moment, "piha/web"), moment))

    backfill(settings, settings.state_dir)

    assert table(settings, "drift").select("as_of", "service").rows() == [(NOON + HOUR, "db")]


def test_a_service_has_its_availability_from_when_it_was_asked_for(tmp_path, settings):
    repository = tmp_path / "repository"
    commit(repository, NOON - HOUR, inventory(piha=["db"]))
    commit(repository, NOON + 2 * STEP - HOUR, inventory(piha=["db", "web"]))
    backfill(settings, keep(tmp_path / "kept", 5), git=repository)

    reliability = study_past(settings.history_root(), PastRules(longest_span=STEP)).reliability

    assert dict(reliability.select("service", "observed_s").rows())["web"] == 2 * STEP.total_seconds()


def test_the_events_are_those_of_live_runs_and_the_live_log_is_left_alone(tmp_path, settings):
    source = keep(tmp_path / "kept", 6, down=(2, 3))
    with open_snapshots(source, settings.limits) as snapshots:
        judge = make_judge(settings, snapshots, choose_inventories(settings, None, snapshots))
        days = group_days(snapshots.list_snapshots())
        count = write_events(tmp_path / "past.log", judge, days, settings)

    events = [json.loads(line) for line in (tmp_path / "past.log").read_text().splitlines()]
    assert count == len(events)
    assert [event["type"] for event in events] == ["reconcile_required", "reconcile_resolved"]
    assert not settings.event_log.exists()
    assert not settings.checkpoint.exists()


def test_events_are_never_written_to_the_live_log(tmp_path, settings):
    with open_snapshots(keep(tmp_path / "kept", 1), settings.limits) as snapshots:
        judge = make_judge(settings, snapshots, choose_inventories(settings, None, snapshots))
        with pytest.raises(EmitError, match="name another file"):
            write_events(settings.event_log, judge, [], settings)

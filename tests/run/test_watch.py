"""When `supervisor watch` runs: on a change, when nothing changed for long, and not too often."""

import json
import os
import subprocess
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from flows.run.watch import is_input, watch_inputs
from flows.settings import Settings
from tests.helpers.homelab import environment
from tests.helpers.past_worlds import inventory, world, write
from tests.helpers.program import SUPERVISOR


@pytest.fixture
def stop():
    stop = threading.Event()
    yield stop
    stop.set()


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "hosts" / "piha").mkdir(parents=True)
    (tmp_path / "world").mkdir()
    quick = {"watch_min_interval": timedelta(0), "watch_max_interval": timedelta(seconds=20)}
    return Settings(inventory=tmp_path, world=tmp_path / "world", **quick)


def later(action, seconds=0.05):
    threading.Timer(seconds, action).start()


@pytest.mark.parametrize("name", ["world/services.json", "hosts/piha/services.yaml"])
def test_a_change_of_an_input_is_a_reason_to_run(tmp_path, settings, stop, name):
    runs = watch_inputs(settings, stop)

    assert next(runs) == "start"
    later(lambda: (tmp_path / name).write_text("{}"))
    assert next(runs) == "change"


def test_a_change_during_a_run_is_not_missed(tmp_path, settings, stop):
    runs = watch_inputs(settings, stop)
    next(runs)
    (tmp_path / "world" / "services.json").write_text("{}")

    assert next(runs) == "change"


@pytest.mark.parametrize("name", [b"world/services.json", b"hosts/\xff/services.yaml"])
def test_changes_are_noticed_where_a_folder_has_a_name_that_is_no_text(tmp_path, settings, stop, monkeypatch, name):
    monkeypatch.setattr("flows.run.watch.LOOK_AGAIN", timedelta(seconds=0.1))
    (tmp_path / "hosts" / os.fsdecode(b"\xff")).mkdir()
    runs = watch_inputs(replace(settings, watch_max_interval=timedelta(seconds=0.5)), stop)

    assert list(islice(runs, 3)) == ["start", "change", "interval"]
    later(lambda: (tmp_path / os.fsdecode(name)).write_text("{}"))
    assert next(runs) == "change"


def test_an_input_that_is_replaced_by_a_rename_is_noticed(tmp_path, settings, stop):
    new = tmp_path / "new.json"
    new.write_text("{}")
    runs = watch_inputs(settings, stop)
    next(runs)
    later(lambda: new.replace(tmp_path / "world" / "services.json"))

    assert next(runs) == "change"


def test_a_folder_that_is_replaced_as_a_whole_is_followed(tmp_path, settings, stop, monkeypatch):
    monkeypatch.setattr("flows.run.watch.LOOK_AGAIN", timedelta(seconds=0.1))
    runs = watch_inputs(settings, stop)
    next(runs)
    (tmp_path / "world").rename(tmp_path / "old")
    (tmp_path / "world").mkdir()
    assert next(runs) == "change"
    later(lambda: (tmp_path / "world" / "nodes.json").write_text("{}"))

    assert next(runs) == "change"


def test_a_world_that_is_not_there_yet_is_waited_for(tmp_path, settings, stop, monkeypatch):
    monkeypatch.setattr("flows.run.watch.LOOK_AGAIN", timedelta(seconds=0.1))
    (tmp_path / "world").rmdir()
    runs = watch_inputs(settings, stop)
    next(runs)
    later((tmp_path / "world").mkdir)

    assert next(runs) == "change"


def test_ages_grow_without_a_change_so_that_a_run_is_due_after_a_while(settings, stop):
    often = replace(settings, watch_max_interval=timedelta(seconds=0.1))

    assert list(islice(watch_inputs(often, stop), 3)) == ["start", "interval", "interval"]


def test_changes_that_follow_each_other_are_one_run_in_the_least_interval(tmp_path, settings, stop):
    seldom = replace(settings, watch_min_interval=timedelta(seconds=0.4))
    runs = watch_inputs(seldom, stop)
    next(runs)
    begun = time.monotonic()
    for number in range(3):
        later(lambda: (tmp_path / "world" / "services.json").write_text("{}"), 0.05 * (number + 1))

    assert next(runs) == "change"
    assert time.monotonic() - begun >= 0.36


def test_the_end_is_at_once(settings, stop):
    runs = watch_inputs(settings, stop)
    next(runs)
    begun = time.monotonic()
    later(stop.set)

    assert list(runs) == []
    assert time.monotonic() - begun < 2


def test_the_command_runs_on_a_change_and_ends_when_it_is_told_to(tmp_path):
    write(tmp_path / "home", inventory(piha=["web", "db"]))
    place = write(tmp_path / "world", world(datetime.now(UTC), "piha/web", "piha/db"))
    settings = {"INVENTORY": tmp_path / "home", "WORLD": place, "WORLD_TTL": "1h", "NODE_TTL": "1h"}
    given = environment(tmp_path, **{f"SUPERVISOR_{name}": str(value) for name, value in settings.items()})
    command = [*SUPERVISOR, "watch", "--format", "ndjson"]
    with subprocess.Popen(command, env=given, stdout=subprocess.PIPE) as process:
        before = next_state(process)
        write(place, world(datetime.now(UTC), "piha/web", sick=["piha/db"]))
        states = iter(lambda: next_state(process), "no state")
        after = next(state for state in states if state not in {before, None})
        process.terminate()

    events = [json.loads(line)["correlation_id"] for line in (tmp_path / "events.log").read_text().splitlines()]
    assert (before, after, process.returncode) == ("nominal", "degraded", 0)
    assert events == ["redeploy-piha-db"]


def next_state(process):
    """Return what the next run says of the fleet; none where it could not read the world."""
    records = (json.loads(line) for line in process.stdout)
    return next((record["summary"] or {}).get("state") for record in records if record["record"] == "run")


@pytest.mark.parametrize(
    ("path", "expected"),
    [("world/services.json", True), ("hosts/a/services.yaml", True), ("agent-events.log", False), (".x.tmp", False)],
)
def test_only_files_that_may_be_inputs_count(path, expected):
    assert is_input(path) is expected


@pytest.mark.parametrize("place", ["checkpoint", "event_log", "state_dir", "metrics_file"])
def test_what_a_run_of_ours_writes_beside_the_inputs_starts_no_run(tmp_path, settings, stop, place):
    inside = tmp_path / "world" / ("state" if place == "state_dir" else f"{place}.json")
    (tmp_path / "world" / "state").mkdir()
    settings = replace(settings, watch_max_interval=timedelta(seconds=0.3), **{place: inside})
    runs = watch_inputs(settings, stop)
    next(runs)
    written = inside / "a.json" if place == "state_dir" else inside
    written.write_text("{}")
    written.with_name(f"{written.name}.bak").write_text("{}")

    assert next(runs) == "interval"

"""Reading the world while its writer is at work: whole and of one moment, or skipped with the reason."""

import json
import os
import threading
import time
from datetime import timedelta

import pytest

from flows.errors import WorldUnreadableError
from flows.files import foreign as safe_file
from flows.sources.world import files as world_files
from flows.sources.world.actual import load_world, read_world
from schemas.limits import Limits
from tests.helpers.frames import NOON

FAST = Limits(retry_pause=timedelta(seconds=0))


@pytest.fixture
def world(tmp_path):
    (tmp_path / "nodes.json").write_text('{"piha": {"status": "online"}}')
    (tmp_path / "services.json").write_text('{"piha/web": {"status": "ok"}}')
    return tmp_path


def read(folder, limits=FAST, **other):
    return read_world(folder, NOON, {}, {"piha"}, limits, **other)


def test_optional_files_may_be_absent(world):
    actual = read(world)

    assert (actual.services.height, actual.deployments.height, actual.incidents.height) == (1, 0, 0)


def test_the_files_time_is_the_newest(world):
    os.utime(world / "nodes.json", (1_700_000_000, 1_700_000_000))
    os.utime(world / "services.json", (1_700_000_600, 1_700_000_600))

    assert read(world).snapshots["files_at"].item().timestamp() == 1_700_000_600


def test_the_runtime_summary_may_be_elsewhere(world, tmp_path):
    elsewhere = tmp_path / "state"
    elsewhere.mkdir()
    (elsewhere / "summary.json").write_text(json.dumps({"last_update": NOON.timestamp()}))

    assert read(world, runtime_summary=elsewhere / "summary.json").snapshots["last_update_at"].item() == NOON


def test_the_bytes_come_with_the_frames(world):
    loaded = load_world(world, NOON, {}, {"piha"}, FAST)

    assert sorted(loaded.files.contents) == ["nodes.json", "services.json"]


@pytest.mark.parametrize("name", ["nodes.json", "services.json"])
def test_an_absent_required_file_skips_the_run(world, name):
    (world / name).unlink()

    with pytest.raises(WorldUnreadableError, match=f"{name}: no such file"):
        read(world)


def test_an_absent_folder_is_named_with_what_to_do(tmp_path):
    with pytest.raises(WorldUnreadableError, match="world: no such folder; name the world's folder with --world"):
        read(tmp_path / "world")


def test_a_torn_optional_file_skips_the_run_as_well(world):
    (world / "incidents.json").write_text('{"inc-1": {')

    with pytest.raises(WorldUnreadableError, match=r"incidents\.json:1:12: not JSON"):
        read(world)


@pytest.mark.parametrize("name", ["services.json", "incidents.json"])
def test_what_is_no_plain_file_is_refused_at_once(world, name):
    (world / name).unlink(missing_ok=True)
    os.mkfifo(world / name)
    begun = time.monotonic()

    with pytest.raises(WorldUnreadableError, match="not a regular file but a named pipe"):
        read(world, Limits(retry_pause=timedelta(seconds=5)))
    assert time.monotonic() - begun < 1


def test_a_link_in_the_world_is_refused(world):
    (world / "services.json").unlink()
    (world / "services.json").symlink_to("/proc/self/environ")

    with pytest.raises(WorldUnreadableError, match="a symbolic link, which is not followed"):
        read(world)


def test_a_file_above_the_limit_is_refused(world):
    with pytest.raises(
        WorldUnreadableError, match=r"over the limit of 10; make it smaller, or raise limits\.max_world_file_bytes$"
    ):
        read(world, Limits(max_world_file_bytes=10))


def test_a_torn_file_that_is_completed_in_time_is_read(world):
    whole = (world / "services.json").read_text()
    (world / "services.json").write_text(whole[:10])
    writer = threading.Timer(0.05, (world / "services.json").write_text, [whole])
    writer.start()

    actual = read(world, Limits(retry_pause=timedelta(seconds=0.05), retries=20))

    writer.join()
    assert actual.services.height == 1


def test_a_file_that_changes_behind_the_reader_is_read_again(world, monkeypatch):
    generations = iter(["second", "third"])

    def change_then_read(*arguments, **options):
        content = read_file(*arguments, **options)
        if arguments[0].name == "services.json" and (status := next(generations, None)):
            (world / "services.json").write_text(json.dumps({"piha/web": {"status": status}}))
        return content

    read_file = safe_file.read_file
    monkeypatch.setattr(world_files, "read_file", change_then_read)

    assert read(world).services["status"].to_list() == ["third"]


def test_files_that_never_hold_still_skip_the_run(world, monkeypatch):
    monkeypatch.setattr(world_files, "stamp_file", lambda _: None)

    with pytest.raises(WorldUnreadableError, match="change while they are read, each of 5 times"):
        read(world)


def test_no_read_is_wrong_while_the_writer_is_at_work(world):
    stop = threading.Event()
    records = {f"piha/s{i}": {"status": "ok"} for i in range(100)}

    def write():
        while not stop.wait(0.02):
            (world / "services.json").write_text(json.dumps(records))

    (world / "services.json").write_text(json.dumps(records))
    writer = threading.Thread(target=write)
    writer.start()
    try:
        counts = [count_or_skip(world) for _ in range(100)]
    finally:
        stop.set()
        writer.join()
    # Where the writer is held up between its cutting and its writing, a read may give up; it is never another world.
    assert set(counts) - {None} == {100}
    assert counts.count(100) > 50


def count_or_skip(world):
    try:
        return read(world, Limits(retry_pause=timedelta(seconds=0.005), retries=20)).services.height
    except WorldUnreadableError:
        return None

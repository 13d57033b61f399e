"""OBSERVER 5: what is read through the manifest is one generation, never a mix, whatever the writer does meanwhile."""

import json
import os
import random
import signal
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from flows.errors import EmitError, WorldUnreadableError
from flows.observer.publish import ORDER, Publisher
from flows.run.watch import has_input
from flows.sources.world.files import read_world_files
from flows.sources.world.generations import follows_manifest
from schemas.limits import Limits


def documents(number):
    return {name: {"n": number} for name in ORDER}


def read(world):
    """Return the number in each of the five files, as the supervisor reads them."""
    often = Limits(retries=60, retry_pause=timedelta(seconds=0.01))
    files = read_world_files(world, datetime.now(UTC), often, lambda files: files)
    return {name: json.loads(data)["n"] for name, data in files.contents.items()}


def full(*_):
    raise OSError(28, "No space left on device")


@pytest.fixture
def publisher(tmp_path):
    made = Publisher(tmp_path / "world", "here", 1)
    assert made.open() == 0
    return made


def test_a_generation_is_a_folder_and_links_and_a_manifest(publisher):
    publisher.publish(1, documents(1), 5.0)

    world = publisher.world
    manifest = json.loads((world / "manifest.json").read_text())
    assert (manifest["generation"], manifest["folder"], set(manifest["files"])) == (1, "generations/1", set(ORDER))
    for name in ORDER:
        assert (world / name).samefile(world / "generations/1" / name)
    assert set(read(world).values()) == {1}


def test_three_generations_are_kept(publisher):
    for number in range(1, 6):
        publisher.publish(number, documents(number), 5.0)

    assert sorted(path.name for path in (publisher.world / "generations").iterdir()) == ["3", "4", "5"]
    assert Publisher(publisher.world, "here", 2).open() == 5


def test_top_level_files_of_mid_way_are_not_read(publisher):
    publisher.publish(1, documents(1), 5.0)
    (publisher.world / "services.json").unlink()
    (publisher.world / "services.json").write_text('{"n": 2}')

    assert set(read(publisher.world).values()) == {1}


def test_a_changed_file_of_a_generation_is_refused_by_name(publisher):
    publisher.publish(1, documents(1), 5.0)
    (publisher.world / "generations/1/nodes.json").write_text('{"n": 9}')

    with pytest.raises(WorldUnreadableError, match=r"nodes\.json: is not what the manifest says"):
        read(publisher.world)


def test_a_manifest_that_its_writer_left_behind_is_not_followed(publisher):
    publisher.publish(1, documents(1), 5.0)
    os.utime(publisher.world / "manifest.json", (1, 1))
    for name in ORDER:
        (publisher.world / name).unlink()
        (publisher.world / name).write_text('{"n": 7}')

    assert set(read(publisher.world).values()) == {7}


@pytest.mark.parametrize("manifest", ["", "{", "[]", '{"generation": 1, "folder": "../..", "files": {}}'])
def test_a_manifest_that_is_none_is_not_followed(publisher, manifest):
    for name in ORDER:
        (publisher.world / name).write_text('{"n": 7}')
    (publisher.world / "manifest.json").write_text(manifest)

    assert set(read(publisher.world).values()) == {7}


def test_a_full_disk_leaves_the_last_generation_whole(publisher, monkeypatch):
    publisher.publish(1, documents(1), 5.0)
    monkeypatch.setattr("flows.files.own.write_all", full)
    with pytest.raises(EmitError, match=f"{publisher.world}: the world cannot be written: No space left"):
        publisher.publish(2, documents(2), 5.0)
    monkeypatch.undo()

    assert set(read(publisher.world).values()) == {1}
    assert not list(publisher.world.rglob(".*.tmp"))
    publisher.publish(2, documents(2), 5.0)
    assert set(read(publisher.world).values()) == {2}


def test_a_disk_that_is_full_when_names_are_given_is_no_hindrance_later(publisher, monkeypatch):
    publisher.publish(1, documents(1), 5.0)
    monkeypatch.setattr("flows.observer.publish.Path.hardlink_to", full)
    with pytest.raises(EmitError, match="No space left"):
        publisher.publish(2, documents(2), 5.0)
    monkeypatch.undo()

    assert set(read(publisher.world).values()) == {1}
    assert [path.name for path in (publisher.world / "generations").iterdir()] == ["1"]
    publisher.publish(2, documents(2), 5.0)
    assert set(read(publisher.world).values()) == {2}


def test_a_generation_that_the_manifest_names_stays_whatever_fails_after_it(publisher, monkeypatch):
    monkeypatch.setattr("flows.observer.publish.Publisher._prune", full)
    with pytest.raises(EmitError, match="No space left"):
        publisher.publish(1, documents(1), 5.0)

    assert set(read(publisher.world).values()) == {1}


def test_what_a_killed_writer_left_is_swept(publisher):
    (publisher.world / ".nodes.json.tmp").write_text("x")
    (publisher.world / "generations/.7.tmp").mkdir()

    assert Publisher(publisher.world, "here", 2).open() == 0
    assert not list(publisher.world.rglob(".*.tmp"))


def test_readers_beside_a_writer_never_meet_a_mix(publisher):
    publisher.publish(1, documents(1), 5.0)
    stop = threading.Event()

    def write():
        number = 1
        while not stop.is_set():
            number += 1
            publisher.publish(number, documents(number), 5.0)

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    until = time.monotonic() + 60
    try:
        while len(seen) < 10:
            assert time.monotonic() < until
            seen.add(frozenset(read(publisher.world).values()))
    finally:
        stop.set()
        writer.join()

    assert all(len(numbers) == 1 for numbers in seen)


def write_for_ever(world):
    """Write generation after generation in a child process, until it is killed."""
    child = os.fork()
    if child:
        return child
    try:
        publisher = Publisher(world, "here", 1)
        number = publisher.open()
        while True:
            number += 1
            publisher.publish(number, {name: {"n": number, "pad": "x" * 3000} for name in ORDER}, 1.0)
    finally:
        os._exit(1)


@pytest.mark.slow
def test_150_kills_in_mid_write_never_show_a_mix(publisher):
    draw = random.Random(7)
    publisher.publish(1, documents(1), 5.0)
    left, last = 0, 1
    for _ in range(150):
        writer = write_for_ever(publisher.world)
        until = time.monotonic() + 20
        while min(read(publisher.world).values()) <= last:
            assert time.monotonic() < until
        time.sleep(draw.uniform(0, 0.03))
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        left += bool(list(publisher.world.rglob(".*.tmp")))
        numbers = set(read(publisher.world).values())
        assert len(numbers) == 1
        last = max(numbers)

    assert left > 20, "the kills came between two generations"


@pytest.mark.parametrize(
    ("names", "follows", "wakes"),
    [
        pytest.param(["services.json"], True, False, id="a file before its manifest"),
        pytest.param(["manifest.json"], True, True, id="the manifest"),
        pytest.param(["generations/2/services.json"], True, False, id="a generation"),
        pytest.param(["generations/2/services.json"], False, False, id="a generation before the first manifest"),
        pytest.param([".services.json"], False, False, id="a dot file"),
        pytest.param(["services.json"], False, True, id="a file without a manifest"),
        pytest.param(["../inv/hosts/a/services.yaml"], True, True, id="the inventory"),
    ],
)
def test_watch_waits_for_the_manifest_alone(tmp_path, names, follows, wakes):
    world = tmp_path / "world"
    publisher = Publisher(world, "here", 1)
    publisher.open()
    if follows:
        publisher.publish(1, documents(1), 5.0)
    assert follows_manifest(world) is follows

    assert has_input([os.path.normpath(world / name) for name in names], world) is wakes

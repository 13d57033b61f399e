"""What is kept in the process is what a new look would give."""

import json
import os
import threading
import time
from datetime import timedelta
from functools import partial

import pytest

from benchmarks.fleet import AS_OF, write_fleet
from flows.errors import InventoryError
from flows.files.foreign import Stamp, UnstableFileError
from flows.sources.fingerprint import inventory_fingerprint
from flows.sources.inventory import cache as inventory_cache
from flows.sources.inventory import cache_file
from flows.sources.inventory import keeper as inventory_keeper
from flows.sources.inventory import listing as inventory_listing
from flows.sources.inventory.cache import InventoryCache, KeptInventory
from flows.sources.inventory.desired import read_inventory
from flows.sources.inventory.keeper import is_settled, read_kept_inventory
from flows.sources.inventory.listing import InventoryLook, list_inventory, look_at_inventory
from flows.sources.world.actual import load_world
from flows.sources.world.memory import WorldMemory
from flows.sources.world.rows import WorldRows
from schemas.limits import Limits
from stages.link import with_cycles

LIMITS = Limits()


@pytest.fixture
def fleet(tmp_path):
    return write_fleet(tmp_path, nodes=4, services=5)


@pytest.fixture
def read(fleet, monkeypatch):
    monkeypatch.setattr(inventory_keeper, "is_settled", lambda look, looked_ns: True)
    return partial(read_kept_inventory, InventoryCache(fleet.inventory, LIMITS))


def test_an_unchanged_inventory_is_not_read_again(read):
    assert read() is read()


def test_a_read_that_failed_is_tried_again(fleet, read, monkeypatch):
    read_file = inventory_listing.read_file_in

    def fail_once(folders, path, **_):
        monkeypatch.setattr(inventory_listing, "read_file_in", read_file)
        raise UnstableFileError(folders.root / path, "cannot be read: Input/output error")

    monkeypatch.setattr(inventory_listing, "read_file_in", fail_once)

    assert not read().desired.unread.is_empty()
    assert read().desired.unread.is_empty()


def test_a_changed_inventory_is_read_again(fleet, read):
    read()
    (fleet.inventory / "hosts/node-00001/services.yaml").write_text("services: [only]\n")

    assert read().desired.services.filter(node="node-00001")["service"].to_list() == ["only"]


def test_a_change_that_keeps_size_and_time_is_seen(fleet, read):
    path = fleet.inventory / "hosts/node-00001/services.yaml"
    path.write_text("services: [aaa]\n")
    read()
    status = path.stat()
    path.write_text("services: [bbb]\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert "bbb" in read().desired.services["service"]


def test_an_added_and_a_removed_node_are_seen(fleet, read):
    read()
    (fleet.inventory / "hosts/new").mkdir()
    (fleet.inventory / "hosts/new/services.yaml").write_text("services: {}\n")

    assert "new" in read().desired.nodes["node"]


@pytest.fixture
def next_process(fleet, tmp_path, monkeypatch):
    """Return a function that reads as another process does, with what the first left in its folder."""
    monkeypatch.setattr(inventory_keeper, "is_settled", lambda look, looked_ns: True)

    def read():
        return read_kept_inventory(stored(fleet, tmp_path))

    read()
    return read


def stored(fleet, tmp_path):
    return InventoryCache(fleet.inventory, LIMITS, folder=tmp_path / "cache")


def has_seen(fleet, tmp_path):
    """Return whether another process finds the inventory by its stamps."""
    return stored(fleet, tmp_path).find_same_stamps(lambda: look_at_inventory(fleet.inventory, LIMITS)) is not None


def test_another_process_finds_an_unchanged_inventory_without_reading_it(fleet, next_process, monkeypatch):
    monkeypatch.setattr(inventory_keeper, "list_and_look", None)

    kept = next_process()

    plain = read_inventory(fleet.inventory, LIMITS)
    assert all(left.equals(right) for left, right in zip(kept.desired[:-1], plain[:-1], strict=True))
    assert kept.fingerprint == inventory_fingerprint(list_inventory(fleet.inventory, LIMITS))


def test_another_process_knows_the_cycles_of_an_unchanged_inventory_alone(fleet, tmp_path, monkeypatch):
    monkeypatch.setattr(inventory_keeper, "is_settled", lambda look, looked_ns: True)
    file = fleet.inventory / "hosts/node-00001/services.yaml"
    file.write_text("services:\n  a: {depends_on: [b]}\n  b: {depends_on: [a]}\n")

    first = read_kept_inventory(stored(fleet, tmp_path), complete=with_cycles).desired
    again = read_kept_inventory(stored(fleet, tmp_path), complete=None).desired
    file.write_text("services: [a, b]\n")
    changed = read_kept_inventory(stored(fleet, tmp_path), complete=with_cycles).desired

    assert first.cycles.select("node", "service").rows() == [("node-00001", "a"), ("node-00001", "b")]
    assert again.cycles.equals(first.cycles)
    assert changed.cycles.is_empty()


@pytest.mark.usefixtures("next_process")
def test_an_unchanged_inventory_needs_nothing_that_parses(fleet, tmp_path):
    cache = stored(fleet, tmp_path)

    read_kept_inventory(cache)
    assert "files" not in vars(cache)

    (fleet.inventory / "hosts/node-00001/services.yaml").write_text("services: [only]\n")
    read_kept_inventory(cache)
    assert "files" in vars(cache)


def test_what_is_written_beside_is_there_when_the_block_ends(fleet, tmp_path, monkeypatch):
    monkeypatch.setattr(inventory_keeper, "is_settled", lambda look, looked_ns: True)
    monkeypatch.setattr(inventory_cache, "BESIDE_ROWS", 0)
    cache = stored(fleet, tmp_path)

    with cache.writing_beside():
        read_kept_inventory(cache)

    assert has_seen(fleet, tmp_path)


def test_without_a_thread_it_is_written_at_once(fleet, tmp_path, monkeypatch):
    monkeypatch.setattr(inventory_keeper, "is_settled", lambda look, looked_ns: True)
    monkeypatch.setattr(inventory_cache, "BESIDE_ROWS", 0)
    cache = stored(fleet, tmp_path)

    with cache.writing_beside(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        read_kept_inventory(cache)

    assert has_seen(fleet, tmp_path)


def no_thread(_):
    raise RuntimeError("can't start new thread")


def test_what_is_written_afterwards_leaves_in_place_what_is_being_written_beside(fleet, tmp_path, monkeypatch):
    """Whoever writes sweeps away what no other process writes: this one's own file among it."""
    monkeypatch.setattr(inventory_keeper, "is_settled", lambda look, looked_ns: True)
    monkeypatch.setattr(inventory_cache, "BESIDE_ROWS", 0)
    put_in_place, is_in_place = cache_file.put_in_place, threading.Event()

    def put_late(temporary, path, *, is_durable):
        if path.suffix == ".pack":
            monkeypatch.setattr(inventory_cache, "BESIDE_ROWS", 1_000_000)
            is_in_place.wait(0.5)
        put_in_place(temporary, path, is_durable=is_durable)
        is_in_place.set()

    monkeypatch.setattr(cache_file, "put_in_place", put_late)
    cache = stored(fleet, tmp_path)

    with cache.writing_beside():
        read_inventory(fleet.inventory, LIMITS, cache)
        while inventory_cache.BESIDE_ROWS == 0:
            time.sleep(0.001)
        look = look_at_inventory(fleet.inventory, LIMITS)
        cache.keep_stamps(look, KeptInventory(read_inventory(fleet.inventory, LIMITS), "", lambda: None))

    assert sorted(path.suffix for path in (tmp_path / "cache").iterdir()) == [".pack", ".seen"]


@pytest.mark.parametrize("data", [b"\xef\xbb\xbfservices: [a]\r\n", b"services:\r\n  a:\r\n", b"services: [a]\n"])
@pytest.mark.parametrize("name", ["services.yaml", "compose.yaml"])
def test_what_is_known_of_files_makes_no_difference_to_the_fingerprint(fleet, read, name, data):
    (fleet.inventory / "hosts/node-00001" / name).write_bytes(data)

    assert read().fingerprint == inventory_fingerprint(list_inventory(fleet.inventory, LIMITS))


@pytest.mark.parametrize("text", ["services: [aaa]\n", "services: [", ""])
def test_another_process_sees_what_changed_since(fleet, next_process, text):
    (fleet.inventory / "hosts/node-00001/services.yaml").write_text(text)

    kept = next_process()

    plain = read_inventory(fleet.inventory, LIMITS)
    assert all(left.equals(right) for left, right in zip(kept.desired[:-1], plain[:-1], strict=True))


@pytest.mark.parametrize("place", [0, 40, 70, 300, -1])
def test_a_spoiled_look_is_none(fleet, next_process, tmp_path, place):
    assert has_seen(fleet, tmp_path)
    [path] = (tmp_path / "cache").glob("*.seen")
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)

    assert not has_seen(fleet, tmp_path)
    assert next_process().desired.services.height == 20


def test_files_that_changed_since_the_look_are_not_taken_for_those_that_were_judged(fleet, next_process):
    kept = next_process()
    (fleet.inventory / "hosts/node-00001/services.yaml").write_text("services: [aaa]\n")

    with pytest.raises(InventoryError, match="changed during the run"):
        kept.read_files()


def test_an_inventory_that_has_just_changed_is_not_kept_for_another_process(fleet, tmp_path):
    read_kept_inventory(stored(fleet, tmp_path))

    assert not has_seen(fleet, tmp_path)


@pytest.mark.parametrize(("age_s", "settled"), [(1, False), (3, True), (-5, False)])
def test_a_file_that_has_just_changed_is_not_trusted(age_s, settled):
    moment_ns = 10**18 - age_s * 10**9
    look = InventoryLook({"a": Stamp(1, 1, 1, moment_ns, moment_ns)}, {}, frozenset(), frozenset(), frozenset())

    assert is_settled(look, 10**18) is settled


def test_the_same_world_at_another_moment_is_what_a_new_reading_gives(fleet):
    memory = WorldMemory()
    names = [f"node-{n:05d}" for n in range(4)]
    load_world(fleet.world, AS_OF, {}, names, LIMITS, memory=memory)
    later = AS_OF + timedelta(minutes=1)

    recalled = load_world(fleet.world, later, {}, names, LIMITS, memory=memory).actual

    for left, right in zip(recalled, load_world(fleet.world, later, {}, names, LIMITS).actual, strict=True):
        assert left.equals(right)


def test_another_world_or_another_alias_is_read_anew(fleet):
    memory = WorldMemory()
    names = [f"node-{n:05d}" for n in range(4)]
    load_world(fleet.world, AS_OF, {}, names, LIMITS, memory=memory)
    aliases = {"node-00001": "node-00002"}

    aliased = load_world(fleet.world, AS_OF, aliases, names, LIMITS, memory=memory).actual
    (fleet.world / "services.json").write_text("{}")
    emptied = load_world(fleet.world, AS_OF, {}, names, LIMITS, memory=memory).actual

    assert "node-00001" not in aliased.nodes["node"]
    assert emptied.services.is_empty()


@pytest.mark.parametrize("end", ["", "\n", "\u00a0"])
def test_a_time_yet_to_come_is_recalled_at_its_moment_alone(fleet, monkeypatch, end):
    record = {"status": "healthy", "last_seen": (AS_OF + timedelta(hours=1)).isoformat() + end}
    (fleet.world / "services.json").write_text(json.dumps({"node-00001/web": record}))
    memory, moments = WorldMemory(), []
    add = WorldRows.add
    monkeypatch.setattr(WorldRows, "add", lambda rows, files: moments.append(files.as_of) or add(rows, files))
    later = AS_OF + timedelta(hours=2)

    for moment in (AS_OF, AS_OF, later):
        loaded = load_world(fleet.world, moment, {}, ["node-00001"], LIMITS, memory=memory).actual

    assert moments == [AS_OF, later]
    assert loaded.doubtful.is_empty()

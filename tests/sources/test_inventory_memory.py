"""A remembered inventory is the inventory; a cache that is lost, spoiled or shared makes no difference."""

import pytest

from benchmarks.fleet import write_fleet
from flows.sources.inventory import parse_pool
from flows.sources.inventory.cache_file import MAX_INVENTORIES
from flows.sources.inventory.content_cache import ParseCache
from flows.sources.inventory.desired import read_inventory
from flows.sources.inventory.memory import InventoryMemory
from flows.sources.inventory.parse_many import File, parse_many
from schemas.limits import Limits
from schemas.rules import Rules

LIMITS = Limits()
FAULTY = "services:\n  web:\n    depends_on: web\n"
WARNED = "services:\n  web:\n    monitored: false\n"


@pytest.fixture
def fleet(tmp_path):
    inventory = write_fleet(tmp_path / "fleet", nodes=12, services=10).inventory
    (inventory / "hosts/node-00003/services.yaml").write_text(FAULTY)
    (inventory / "hosts/node-00004/services.yaml").write_text(WARNED)
    (inventory / "hosts/node-00005/capabilities.yaml").write_text("operational: {connectivity: sometimes}\n")
    return inventory


@pytest.fixture
def cache(tmp_path, fleet):
    return ParseCache(tmp_path / "cache", fleet, LIMITS)


def remembered(fleet, cache):
    return read_inventory(fleet, LIMITS, InventoryMemory(LIMITS, cache))


def assert_same(one, other):
    for name, left, right in zip(one._fields, one, other, strict=True):
        assert left.equals(right), name


def test_a_cold_and_a_warm_cache_give_what_the_files_say(fleet, cache):
    plain = read_inventory(fleet, LIMITS)

    assert_same(remembered(fleet, cache), plain)
    assert_same(remembered(fleet, cache), plain)


def test_a_warm_cache_parses_only_what_is_faulty(fleet, cache, monkeypatch):
    remembered(fleet, cache)
    parsed = []
    monkeypatch.setattr(
        "flows.sources.inventory.memory.parse_on_all_cores",
        lambda files, *how: parsed.extend(files) or parse_many(files, *how),
    )

    remembered(fleet, cache)

    assert parsed == [(FAULTY.encode(), False)]


def test_a_change_of_files_is_seen_through_the_cache(fleet, cache):
    remembered(fleet, cache)
    (fleet / "hosts/node-00001/services.yaml").write_text("services: [new]\n")
    (fleet / "hosts/node-00002/services.yaml").unlink()
    (fleet / "hosts/node-00003/services.yaml").write_text("services: {}\n")

    assert_same(remembered(fleet, cache), read_inventory(fleet, LIMITS))


def test_a_memory_sees_a_change_of_files(fleet):
    memory = InventoryMemory(LIMITS)
    read_inventory(fleet, LIMITS, memory)
    (fleet / "hosts/node-00001/services.yaml").write_text(WARNED)

    assert_same(read_inventory(fleet, LIMITS, memory), read_inventory(fleet, LIMITS))


@pytest.mark.parametrize("place", [0, 40, 70, 100, 1000, -1])
def test_a_spoiled_cache_is_an_empty_one(fleet, cache, place):
    remembered(fleet, cache)
    data = bytearray(cache.path.read_bytes())
    data[place] ^= 1
    cache.path.write_bytes(data)

    assert cache.load().files.height == 0
    assert_same(remembered(fleet, cache), read_inventory(fleet, LIMITS))


@pytest.mark.parametrize("length", [0, 10, 80, 500])
def test_a_cut_cache_is_an_empty_one(fleet, cache, length):
    remembered(fleet, cache)
    cache.path.write_bytes(cache.path.read_bytes()[:length])

    assert cache.load().files.height == 0


def test_other_limits_have_a_cache_of_their_own(fleet, cache):
    remembered(fleet, cache)
    strict = Limits(max_name_length=12)
    other = ParseCache(cache.path.parent, fleet, strict)

    assert_same(read_inventory(fleet, strict, InventoryMemory(strict, other)), read_inventory(fleet, strict))


def test_a_cache_that_cannot_be_written_is_no_fault(fleet, tmp_path):
    (tmp_path / "cache").write_text("in the way")

    hindered = ParseCache(tmp_path / "cache", fleet, LIMITS)

    assert_same(remembered(fleet, hindered), read_inventory(fleet, LIMITS))


def test_a_cache_that_may_not_be_written_is_not(fleet, tmp_path):
    remembered(fleet, ParseCache(tmp_path / "cache", fleet, LIMITS, is_writable=False))

    assert not (tmp_path / "cache").exists()


def test_nothing_new_writes_nothing(fleet, cache):
    remembered(fleet, cache)
    written = cache.path.stat().st_mtime_ns, cache.path.stat().st_ino

    remembered(fleet, cache)

    assert (cache.path.stat().st_mtime_ns, cache.path.stat().st_ino) == written


def test_a_cache_is_this_users_alone_and_bounded(fleet, tmp_path):
    for number in range(MAX_INVENTORIES + 3):
        cache = ParseCache(tmp_path / "cache", tmp_path / f"copy-{number}", LIMITS)
        assert cache.save(cache.load())

    assert len(list((tmp_path / "cache").iterdir())) == MAX_INVENTORIES
    assert cache.path.stat().st_mode & 0o077 == 0


def test_workers_give_what_one_process_does(fleet, monkeypatch):
    monkeypatch.setattr(parse_pool, "POOL_BYTES", 0)
    monkeypatch.setattr(parse_pool, "_core_count", lambda: 3)
    files = [File(path.read_bytes(), False) for path in sorted(fleet.glob("hosts/*/services.yaml"))]

    assert parse_pool.parse_on_all_cores(files, LIMITS, Rules()) == parse_many(files, LIMITS, Rules())


def test_a_worker_that_cannot_be_had_is_done_without(fleet, monkeypatch):
    monkeypatch.setattr(parse_pool, "POOL_BYTES", 0)
    monkeypatch.setattr(parse_pool, "_core_count", lambda: 2)
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    files = [File(path.read_bytes(), False) for path in sorted(fleet.glob("hosts/*/services.yaml"))]

    assert parse_pool.parse_on_all_cores(files, LIMITS, Rules()) == parse_many(files, LIMITS, Rules())

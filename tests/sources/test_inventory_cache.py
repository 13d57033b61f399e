"""A remembered inventory is the inventory; a cache that is lost, spoiled or shared makes no difference."""

import os
import re
from importlib.util import spec_from_file_location

import pytest

from benchmarks.fleet import write_fleet
from flows.sources.inventory import cache_file, parse_pool
from flows.sources.inventory.cache import InventoryCache
from flows.sources.inventory.cache_file import MAX_INVENTORIES, READERS, ROOT, SealedFile
from flows.sources.inventory.desired import read_inventory
from flows.sources.inventory.parse_pool import File
from flows.sources.inventory.plain_services import PlainReader
from flows.sources.inventory.services_file import parse_services
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
def folder(tmp_path):
    return tmp_path / "cache"


def remembered(fleet, folder, **how):
    """Return the inventory as a new process reads it, with what those before it left in the folder."""
    return read_inventory(fleet, LIMITS, InventoryCache(fleet, LIMITS, folder=folder, **how))


def pack_of(folder):
    [path] = folder.glob("*.pack")
    return path


def count_parsed(monkeypatch):
    """Return a list that the bytes of each file go to which is parsed from now on, the plain reader being the first to try."""
    parsed, read = [], PlainReader.read
    monkeypatch.setattr(PlainReader, "read", lambda self, data: parsed.append(data) or read(self, data))
    return parsed


def assert_same(one, other):
    for name, left, right in zip(one._fields, one, other, strict=True):
        assert left is right is None or left.equals(right), name


def test_a_cold_and_a_warm_cache_give_what_the_files_say(fleet, folder):
    plain = read_inventory(fleet, LIMITS)

    assert_same(remembered(fleet, folder), plain)
    assert_same(remembered(fleet, folder), plain)


def test_a_warm_cache_parses_only_what_is_faulty(fleet, folder, monkeypatch):
    remembered(fleet, folder)
    parsed = count_parsed(monkeypatch)

    remembered(fleet, folder)

    assert parsed == [FAULTY.encode()]


def test_a_change_of_files_is_seen_through_the_cache(fleet, folder):
    remembered(fleet, folder)
    (fleet / "hosts/node-00001/services.yaml").write_text("services: [new]\n")
    (fleet / "hosts/node-00002/services.yaml").unlink()
    (fleet / "hosts/node-00003/services.yaml").write_text("services: {}\n")

    assert_same(remembered(fleet, folder), read_inventory(fleet, LIMITS))


def test_a_cache_without_a_folder_sees_a_change_of_files(fleet):
    cache = InventoryCache(fleet, LIMITS)
    read_inventory(fleet, LIMITS, cache)
    (fleet / "hosts/node-00001/services.yaml").write_text(WARNED)

    assert_same(read_inventory(fleet, LIMITS, cache), read_inventory(fleet, LIMITS))


@pytest.mark.parametrize("path", [b"hosts/\xff/services.yaml", b"hosts/node-00001/\xff/compose.yaml"])
def test_a_file_in_a_folder_whose_name_is_no_text_is_read_as_without_a_cache(fleet, folder, path):
    place = fleet / os.fsdecode(path)
    place.parent.mkdir()
    place.write_text("services:\n  new:\n    image: nginx\n")
    plain = read_inventory(fleet, LIMITS)

    assert_same(remembered(fleet, folder), plain)
    assert_same(remembered(fleet, folder), plain)


def test_a_fault_that_no_file_has_any_more_is_forgotten(fleet, monkeypatch):
    cache, path = InventoryCache(fleet, LIMITS), fleet / "hosts/node-00003/services.yaml"
    for text in (FAULTY, "services: {}\n"):
        path.write_text(text)
        read_inventory(fleet, LIMITS, cache)
    parsed = count_parsed(monkeypatch)
    path.write_text(FAULTY)

    read_inventory(fleet, LIMITS, cache)

    assert parsed == [FAULTY.encode()]


@pytest.mark.parametrize("place", [0, 40, 70, 100, 1000, -1])
def test_a_spoiled_cache_is_an_empty_one(fleet, folder, place, monkeypatch):
    remembered(fleet, folder)
    data = bytearray(pack_of(folder).read_bytes())
    data[place] ^= 1
    pack_of(folder).write_bytes(data)
    parsed = count_parsed(monkeypatch)

    assert_same(remembered(fleet, folder), read_inventory(fleet, LIMITS))
    assert len(parsed) == 12


@pytest.mark.parametrize("length", [0, 10, 80, 500])
def test_a_cut_cache_is_an_empty_one(fleet, folder, length, monkeypatch):
    remembered(fleet, folder)
    pack_of(folder).write_bytes(pack_of(folder).read_bytes()[:length])
    parsed = count_parsed(monkeypatch)

    assert_same(remembered(fleet, folder), read_inventory(fleet, LIMITS))
    assert len(parsed) == 12


def test_other_limits_have_a_cache_of_their_own(fleet, folder):
    remembered(fleet, folder)
    strict = Limits(max_name_length=12)
    other = InventoryCache(fleet, strict, folder=folder)

    assert_same(read_inventory(fleet, strict, other), read_inventory(fleet, strict))


def test_a_cache_that_cannot_be_written_is_no_fault(fleet, folder):
    folder.write_text("in the way")

    assert_same(remembered(fleet, folder), read_inventory(fleet, LIMITS))


def test_a_cache_that_may_not_be_written_is_not(fleet, folder):
    remembered(fleet, folder, is_writable=False)

    assert not folder.exists()


def test_nothing_new_writes_nothing(fleet, folder):
    remembered(fleet, folder)
    written = pack_of(folder).stat().st_mtime_ns, pack_of(folder).stat().st_ino

    remembered(fleet, folder)

    assert (pack_of(folder).stat().st_mtime_ns, pack_of(folder).stat().st_ino) == written


def test_a_cache_is_this_users_alone_and_bounded(folder, tmp_path):
    for number in range(MAX_INVENTORIES + 3):
        file = SealedFile(folder, tmp_path / f"copy-{number}", "pack", LIMITS, Rules(), is_writable=True)
        assert file.write({"part": b"what it holds"})

    assert file.read() == {"part": b"what it holds"}
    assert len(list(folder.iterdir())) == MAX_INVENTORIES
    assert file.path.stat().st_mode & 0o077 == 0


def test_what_a_killed_write_left_is_swept_by_the_next(folder, tmp_path):
    folder.mkdir(mode=0o700)
    (folder / f"inventory.pack.{2**22 + 1}-{'0' * 16}.tmp").write_bytes(b"half")
    file = SealedFile(folder, tmp_path, "pack", LIMITS, Rules(), is_writable=True)
    assert file.write({"part": b"whole"})

    assert list(folder.iterdir()) == [file.path]


def test_all_that_decides_how_an_inventory_is_read_is_in_the_version_of_its_cache():
    """Another release reads the same bytes anew: what `desired` imports, at any depth, is named or does not read."""
    readers = {path for pattern in READERS for path in ROOT.glob(pattern)}
    reached = {ROOT / f"{name.replace('.', '/')}.py" for name in _reach("flows.sources.inventory.desired")}

    assert all(list(ROOT.glob(pattern)) for pattern in READERS)
    paths = ("errors", "files/own", "files/processes", "sources/fingerprint", "text/values")
    writers = {f"flows/{path}.py" for path in paths}
    assert reached - readers == {ROOT / name for name in writers}


def test_another_release_of_the_parser_reads_an_inventory_anew(tmp_path, monkeypatch):
    other = tmp_path / "__init__.py"
    other.write_text("__version__ = '7.0'")
    before = cache_file.parser_version()
    monkeypatch.setattr(cache_file, "find_spec", lambda _: spec_from_file_location("yaml", other))
    cache_file.parser_version.cache_clear()

    assert cache_file.parser_version() != before
    cache_file.parser_version.cache_clear()


def _reach(module):
    """Return the names of our modules that a module imports, and that those import, with its own."""
    found, left = set(), [module]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            text = (ROOT / f"{name.replace('.', '/')}.py").read_text()
            left += re.findall(r"^from ((?:flows|schemas|stages)[\w.]*) import", text, re.MULTILINE)
    return found


def test_workers_give_what_one_process_does(fleet, monkeypatch):
    monkeypatch.setattr(parse_pool, "POOL_BYTES", 0)
    monkeypatch.setattr(parse_pool, "count_cores", lambda: 3)
    files = [File(path.read_bytes(), False) for path in sorted(fleet.glob("hosts/*/services.yaml"))]

    assert parse_pool.parse_on_all_cores(files, LIMITS, Rules()) == [
        parse_services(file.data, LIMITS) for file in files
    ]


def test_a_worker_that_cannot_be_had_is_done_without(fleet, monkeypatch):
    monkeypatch.setattr(parse_pool, "POOL_BYTES", 0)
    monkeypatch.setattr(parse_pool, "count_cores", lambda: 2)
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    files = [File(path.read_bytes(), False) for path in sorted(fleet.glob("hosts/*/services.yaml"))]

    assert parse_pool.parse_on_all_cores(files, LIMITS, Rules()) == [
        parse_services(file.data, LIMITS) for file in files
    ]


@pytest.mark.parametrize(("limits", "rules"), [
    pytest.param(Limits(max_key_length=10**30), Rules(), id="a limit"),
    pytest.param(Limits(), Rules(max_restarts=10**30), id="a rule"),
])  # fmt: skip
def test_a_worker_is_done_without_where_a_number_is_too_large_to_tell_it(fleet, monkeypatch, limits, rules):
    monkeypatch.setattr(parse_pool, "POOL_BYTES", 0)
    monkeypatch.setattr(parse_pool, "count_cores", lambda: 2)
    files = [File(path.read_bytes(), False) for path in sorted(fleet.glob("hosts/*/services.yaml"))]

    assert parse_pool.parse_on_all_cores(files, limits, rules) == [parse_services(file.data, limits) for file in files]


def test_entries_that_are_spelled_otherwise_and_say_the_same_have_one_hash_with_their_service_file(tmp_path, folder):
    inventory = tmp_path / "inventory"
    for path, text in {
        "hosts/a/services.yaml": "services:\n  web:\n    role: app\n",
        "hosts/b/services.yaml": "services:\n  db:\n  web:\n    role: app  # as on a\n",
        "services/db/service.yaml": "service: {ports: [5432]}\n",
        "services/web/service.yaml": "service: {ports: [80]}\n",
    }.items():
        (inventory / path).parent.mkdir(parents=True)
        (inventory / path).write_text(text)

    wanted = remembered(inventory, folder)

    on_a, of_db, on_b = wanted.services["desired_hash"]
    assert on_a == on_b != of_db
    assert_same(wanted, read_inventory(inventory, LIMITS))

"""Of a large inventory not all files are held: what is learned as they are read is what they say."""

import pytest

from benchmarks.fleet import write_fleet
from flows.errors import InventoryError
from flows.sources.fingerprint import inventory_fingerprint
from flows.sources.inventory import keeper, listing, plain_files
from flows.sources.inventory.cache import InventoryCache
from flows.sources.inventory.desired import read_inventory
from flows.sources.inventory.keeper import read_kept_inventory
from flows.sources.inventory.listing import list_and_look, list_inventory
from flows.sources.inventory.plain_services import PlainReader
from schemas.limits import Limits

LIMITS = Limits()
OTHERS = {
    "hosts/node-00003/services.yaml": "services:\n  web:\n    depends_on: web\n",
    "hosts/node-00004/services.yaml": "services:\r\n  web:\r\n    role: app\r\n",
    "hosts/node-00005/services.yaml": "\ufeffservices:\n  web:\n    role: app\n",
    "hosts/node-00006/compose.yaml": "services:\n  web:\n    image: nginx\n",
    "hosts/node-00007/services.yaml": "services:\n  web: {run: once}\n",
    "hosts/node-00008/Services.yaml": "services:\n  web:\n",
}
PLAIN = "services:\n  new:\n    depends_on:\n      local: [other]\n  other:\n"


@pytest.fixture
def inventory(tmp_path):
    """Return an inventory of twelve nodes, of which two say the same, and six hold what is not taken."""
    root = write_fleet(tmp_path / "fleet", nodes=12, services=10).inventory
    for path, text in OTHERS.items():
        (root / path).write_bytes(text.encode())
    for node in ("node-00001", "node-00002"):
        (root / f"hosts/{node}/services.yaml").write_text(PLAIN)
        (root / f"hosts/{node}/capabilities.yaml").unlink()
    return root


@pytest.fixture(params=[0, 1000, 5000], ids="of {} bytes".format)
def held_bytes(request, monkeypatch):
    """Offer the files as soon as they have more bytes, and hold not all of them."""
    for module in (listing, keeper):
        monkeypatch.setattr(module, "HELD_BYTES", request.param)
    monkeypatch.setattr(keeper, "is_settled", lambda look, looked_ns: True)
    return request.param


@pytest.fixture
def read(inventory, tmp_path, held_bytes):
    """Return what reads the inventory as a new process does, which knows what the one before it kept."""
    return lambda limits=LIMITS: read_kept_inventory(InventoryCache(inventory, limits, folder=tmp_path / "cache"))


def assert_as_held(kept, inventory):
    plain = read_inventory(inventory, LIMITS)
    for name, one, other in zip(plain._fields, kept.desired, plain, strict=True):
        assert one is other is None or one.equals(other), name
    assert kept.fingerprint == inventory_fingerprint(list_inventory(inventory, LIMITS))
    assert kept.read_files() == list_inventory(inventory, LIMITS)


def count_read(monkeypatch):
    """Return a list of the files that are parsed from now on."""
    read, found = PlainReader.read, []
    monkeypatch.setattr(PlainReader, "read", lambda self, data: found.append(data) or read(self, data))
    return found


def test_it_comes_to_what_an_inventory_comes_to_that_is_held(read, inventory):
    assert_as_held(read(), inventory)
    assert_as_held(read(), inventory)


def test_its_files_can_be_had_again_though_they_changed_just_now(read, inventory, monkeypatch):
    monkeypatch.setattr(keeper, "is_settled", lambda look, looked_ns: False)

    assert_as_held(read(), inventory)


def test_its_files_can_be_had_again_though_one_of_them_cannot_be_read(read, inventory):
    (inventory / "hosts/node-00001/capabilities.yaml").mkdir()

    assert_as_held(read(), inventory)


def test_all_plain_files_of_services_that_were_offered_are_taken_and_no_others(inventory, held_bytes):
    files, _ = list_and_look(inventory, LIMITS, InventoryCache(inventory, LIMITS).files.take)

    assert files.count_bytes() == sum(map(len, list_inventory(inventory, LIMITS).contents.values()))
    plain = {f"hosts/node-{number:05}/services.yaml" for number in range(12)} - OTHERS.keys()
    assert files.taken
    assert files.taken.keys() <= plain
    assert files.taken.keys() == plain or held_bytes


def test_each_file_is_parsed_once_and_one_of_those_that_say_the_same(read, monkeypatch):
    parsed = count_read(monkeypatch)

    read()

    assert len(parsed) == len(set(parsed)) == 12  # two of the twelve nodes ask for the same, and one has a second file


def test_what_was_learned_in_several_parts_is_the_same(read, inventory, monkeypatch):
    monkeypatch.setattr(plain_files, "MOST_ENTRIES", 3)

    assert_as_held(read(), inventory)


def test_the_next_process_parses_what_is_new_alone(read, inventory, monkeypatch):
    read()
    parsed = count_read(monkeypatch)
    (inventory / "hosts/node-00009/services.yaml").write_text("services:\n  fresh:\n")

    assert_as_held(read(), inventory)
    assert set(parsed) == {b"services:\n  fresh:\n", OTHERS["hosts/node-00003/services.yaml"].encode()}


def test_a_file_that_changes_while_the_others_are_read_says_what_it_says_in_the_end(read, inventory, monkeypatch):
    path, read_file = inventory / "hosts/node-00000/services.yaml", listing.read_file_in
    changes = ["services:\n  second:\n", "services:\n  third: {}\n"]

    def read_and_change(folders, name, **how):
        if name == "hosts/node-00011/services.yaml" and changes:
            path.write_text(changes.pop(0))
        return read_file(folders, name, **how)

    monkeypatch.setattr(listing, "read_file_in", read_and_change)
    kept = read()

    assert not changes
    assert_as_held(kept, inventory)


def test_a_reading_that_was_given_up_leaves_nothing_wrong_behind(inventory, held_bytes, monkeypatch):
    cache = InventoryCache(inventory, LIMITS)
    monkeypatch.setattr(
        listing, "look_at_inventory", lambda root, limits: listing.InventoryLook({}, {}, *[frozenset()] * 3)
    )
    with pytest.raises(InventoryError, match="change while they are read"):
        read_kept_inventory(cache)
    monkeypatch.undo()
    (inventory / "hosts/node-00001/services.yaml").write_text("services:\n  later:\n")

    assert_as_held(read_kept_inventory(cache), inventory)

"""Inputs on object storage: the copy is what is there, and nothing that did not change is fetched."""

import shutil

import fsspec
import pytest

from benchmarks.fleet import AS_OF, write_sites
from flows.errors import WorldUnreadableError
from flows.run.exchange import ask_site, find_sites, run_site
from flows.sources.fetched import INDEX, fetch_inputs
from schemas.shown import join_shown
from schemas.words import Outcome

MOST = 10_000
THERE = {"inventory/hosts/piha/services.yaml": b"services: {}\n", "world/nodes.json": b"{}", "secret.txt": b"no"}


@pytest.fixture
def store():
    """A bucket in memory, by the interface that object storage has here."""
    files = fsspec.filesystem("memory")
    files.pipe({f"/bucket/site/{name}": data for name, data in THERE.items()})
    yield files
    files.rm("/bucket", recursive=True)


def copied(folder):
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != INDEX)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_both_folders_are_copied_and_nothing_else(store, tmp_path):
    fetch_inputs("memory://bucket/site", tmp_path / "copy", MOST)

    assert copied(tmp_path / "copy") == {name: data for name, data in THERE.items() if "/" in name}


def test_what_is_gone_there_goes_and_what_did_not_change_is_left_alone(store, tmp_path):
    fetch_inputs("memory://bucket/site", tmp_path, MOST)
    before = (tmp_path / "inventory/hosts/piha/services.yaml").stat()
    store.rm("/bucket/site/world/nodes.json")
    store.pipe("/bucket/site/world/services.json", b"{}")

    fetch_inputs("memory://bucket/site", tmp_path, MOST)

    assert sorted(copied(tmp_path)) == ["inventory/hosts/piha/services.yaml", "world/services.json"]
    assert (tmp_path / "inventory/hosts/piha/services.yaml").stat() == before


@pytest.mark.parametrize(
    ("address", "most", "said"),
    [
        ("memory://bucket/other", MOST, "other"),
        ("memory://bucket/site", 3, "more than 3"),
        ("nothing://x", MOST, "nothing"),
    ],
)
def test_what_cannot_be_fetched_is_told_and_the_copy_stays(store, tmp_path, address, most, said):
    fetch_inputs("memory://bucket/site", tmp_path, MOST)

    with pytest.raises(WorldUnreadableError, match=said):
        fetch_inputs(address, tmp_path, most)

    assert len(copied(tmp_path)) == 2


def test_a_name_that_no_system_has_is_told_as_what_cannot_be_fetched(store, tmp_path):
    store.pipe("/bucket/site/inventory/\0", b"")

    with pytest.raises(WorldUnreadableError, match="no name of a file"):
        fetch_inputs("memory://bucket/site", tmp_path, MOST)


def test_a_file_that_is_a_folder_now_is_one_in_the_copy(store, tmp_path):
    store.pipe("/bucket/site/inventory/hosts/saturn", b"")
    fetch_inputs("memory://bucket/site", tmp_path, MOST)
    store.rm("/bucket/site/inventory/hosts/saturn")
    store.pipe("/bucket/site/inventory/hosts/saturn/services.yaml", b"services: {}\n")

    fetch_inputs("memory://bucket/site", tmp_path, MOST)

    assert "inventory/hosts/saturn/services.yaml" in copied(tmp_path)


@pytest.mark.parametrize("said", ["[", "[]"])
def test_what_was_fetched_before_is_fetched_anew_where_that_is_not_known(store, tmp_path, said):
    fetch_inputs("memory://bucket/site", tmp_path, MOST)
    (tmp_path / INDEX).write_text(said)
    (tmp_path / "world/nodes.json").write_text("torn")

    fetch_inputs("memory://bucket/site", tmp_path, MOST)

    assert copied(tmp_path)["world/nodes.json"] == THERE["world/nodes.json"]


@pytest.mark.slow
def test_a_site_is_judged_by_what_object_storage_holds(store, tmp_path):
    site = write_sites(tmp_path / "sites", sites=1, nodes=40, services=12)[0].inventory
    for name in ("hosts", "inventory", "services", "world"):
        place = "world" if name == "world" else f"inventory/{name}"
        store.put(f"{site / name}/", f"/bucket/north/{place}/", recursive=True)
        shutil.rmtree(site / name)
    with (site / "supervisor.yaml").open("a") as file:
        file.write("inputs: memory://bucket/north\n")
    (file,) = find_sites(str(tmp_path / "sites/*/supervisor.yaml"))

    asked = ask_site(file, AS_OF)
    end = run_site(file, AS_OF, join_shown([]), AS_OF)

    assert (end.outcome, end.problem) == (Outcome.COMPLETED, None)
    assert end.event_count > 0
    assert isinstance(asked, tuple)

"""The inventory as it was: from a real repository, with no checkout touched."""

from datetime import timedelta

import pytest

from flows.errors import HistoryError, InventoryError
from flows.sources.inventory.desired import build_desired
from flows.sources.snapshots.inventories import GitInventories
from schemas.limits import Limits
from tests.helpers.frames import NOON
from tests.helpers.past_worlds import commit, commit_all, inventory

HOUR = timedelta(hours=1)
LIMITS = Limits()


@pytest.fixture
def repository(tmp_path):
    """Return a repository in which web is added to piha at 13:00, moved to vps at 14:00 and removed at 15:00."""
    commit(tmp_path, NOON, inventory(piha=["db"], vps=["mail"]))
    commit(tmp_path, NOON + HOUR, inventory(piha=["db", "web"], vps=["mail"]))
    commit(tmp_path, NOON + 2 * HOUR, inventory(piha=["db"], vps=["mail", "web"]))
    commit(tmp_path, NOON + 3 * HOUR, inventory(piha=["db"], vps=["mail"]) | {"README": b"by the way"})
    return tmp_path


@pytest.fixture
def inventories(repository):
    opened = GitInventories(repository, LIMITS)
    yield opened
    opened.close()


def services(inventories, moment):
    desired = build_desired(inventories.read_version(inventories.version_at(moment)), LIMITS)
    return [f"{node}/{service}" for node, service in desired.services.select("node", "service").rows()]


@pytest.mark.parametrize(
    ("hours", "web"),
    [
        pytest.param(0.0, [], id="before it was added"),
        pytest.param(1.0, ["piha/web"], id="at the moment of its commit"),
        pytest.param(1.9, ["piha/web"], id="as long as it stayed"),
        pytest.param(2.5, ["vps/web"], id="where it was moved to"),
        pytest.param(9.0, [], id="after it was removed"),
    ],
)
def test_the_inventory_is_that_of_the_newest_commit_not_after_the_moment(inventories, hours, web):
    assert [name for name in services(inventories, NOON + hours * HOUR) if name.endswith("/web")] == web


def test_before_the_first_commit_there_is_no_inventory(inventories):
    with pytest.raises(InventoryError, match="no commit is as old"):
        inventories.version_at(NOON - HOUR)


def test_a_commit_that_changed_nothing_of_it_is_the_same_version(inventories):
    assert inventories.version_at(NOON) == inventories.version_at(NOON + 9 * HOUR)


def test_no_checkout_is_touched(repository, inventories):
    (repository / "hosts/piha/services.yaml").write_text("services: {uncommitted: {}}\n")
    before = {path: path.stat().st_mtime_ns for path in repository.rglob("*")}

    assert "piha/uncommitted" not in services(inventories, NOON + 9 * HOUR)
    assert {path: path.stat().st_mtime_ns for path in repository.rglob("*")} == before


def test_a_commit_with_an_older_time_than_its_parent_hides_the_parent(tmp_path):
    commit(tmp_path, NOON, inventory(piha=["a"]))
    commit(tmp_path, NOON + 5 * HOUR, inventory(piha=["b"]))
    commit(tmp_path, NOON + HOUR, inventory(piha=["c"]))
    inventories = GitInventories(tmp_path, LIMITS)

    assert services(inventories, NOON + 9 * HOUR) == ["piha/c"]
    inventories.close()


def test_a_commit_without_hosts_is_a_clear_error(tmp_path):
    commit(tmp_path, NOON, {"README": b"empty"})
    inventories = GitInventories(tmp_path, LIMITS)

    with pytest.raises(InventoryError, match="has no hosts/"):
        inventories.version_at(NOON)
    inventories.close()


def test_what_is_no_repository_is_a_clear_error(tmp_path):
    with pytest.raises(HistoryError, match="in no Git repository"):
        GitInventories(tmp_path, LIMITS).version_at(NOON)


def test_a_link_in_a_commit_is_a_fault_and_not_followed(tmp_path):
    commit(tmp_path, NOON, inventory(piha=["a"]))
    (tmp_path / "hosts/vps").mkdir()
    (tmp_path / "hosts/vps/services.yaml").symlink_to("/etc/passwd")
    commit_all(tmp_path, NOON + HOUR)
    inventories = GitInventories(tmp_path, LIMITS)

    files = inventories.read_version(inventories.version_at(NOON + HOUR))
    inventories.close()

    assert "hosts/vps/services.yaml" in files.unreadable
    assert list(files.contents) == ["hosts/piha/services.yaml"]

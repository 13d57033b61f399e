"""A world that another process decodes while the inventory is read is the one that this process would decode."""

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from benchmarks.fleet import AS_OF, write_fleet
from flows.files.processes import spell_worker
from flows.run.gather import InputReader
from flows.sources import ahead
from flows.sources.foresee import foresee_nodes
from flows.sources.inventory.desired import read_inventory
from flows.sources.world.rows import WorldRows
from schemas.limits import Limits
from schemas.rules import Rules
from tests.helpers.real_run import settings_of

LIMITS, RULES = Limits(), Rules()


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setattr(ahead, "AHEAD_BYTES", 0)
    monkeypatch.setattr(ahead, "count_cores", lambda: 2)
    fleet = write_fleet(tmp_path, nodes=60, services=10)
    return settings_of(tmp_path, node_alias_map=fleet.rules["node_alias_map"])


@pytest.fixture
def decoded(monkeypatch):
    """Return a list that gets an item for each world which this process decodes."""
    found, add = [], WorldRows.add
    monkeypatch.setattr(WorldRows, "add", lambda *how: found.append(1) or add(*how))
    return found


def read(settings):
    return InputReader(settings, is_caching=False).read_inputs(settings, AS_OF)


def assert_same(one, other):
    for name, left, right in zip(one._fields, one, other, strict=True):
        assert left.equals(right), name


def test_another_process_decodes_what_this_one_would(settings, decoded, monkeypatch):
    found = read(settings)

    assert not decoded
    monkeypatch.setattr(ahead, "count_cores", lambda: 1)
    assert_same(found.actual, read(settings).actual)
    assert decoded


def test_a_worker_that_cannot_be_had_is_done_without(settings, decoded, monkeypatch):
    monkeypatch.setattr("sys.executable", "/nowhere/python")

    assert read(settings).actual.services.height
    assert decoded


def test_a_worker_is_done_without_where_a_number_is_too_large_to_tell_it(settings, decoded):
    assert read(replace(settings, max_restarts=10**30)).actual.services.height
    assert decoded


def test_a_worker_that_no_thread_can_listen_to_is_done_without(settings, decoded, monkeypatch):
    begun, begin = [], subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *how, **more: begun.append(begin(*how, **more)) or begun[-1])
    monkeypatch.setattr(ThreadPoolExecutor, "submit", no_thread)

    assert read(settings).actual.services.height
    assert decoded
    assert [process.returncode is not None and process.stdout.closed for process in begun] == [True]


def no_thread(*_):
    raise RuntimeError("can't start new thread")


def test_the_nodes_are_foreseen_as_the_inventory_has_them(tmp_path):
    write_fleet(tmp_path, nodes=12, services=3)
    (tmp_path / "hosts/README").mkdir()
    (tmp_path / "hosts/Upper").mkdir()
    (tmp_path / "hosts/Upper/node.yaml").write_text("monitor: false\n")
    (tmp_path / "hosts/upper").mkdir()
    (tmp_path / "hosts/stacked/one").mkdir(parents=True)
    (tmp_path / "hosts/stacked/one/compose.yaml").write_text("services: {}\n")
    (tmp_path / "hosts/no name").mkdir()
    (tmp_path / "hosts/no name/services.yaml").write_text("services: {}\n")
    (tmp_path / "hosts/node-00003/services.yaml").write_text("services: [")
    rules = Rules(ignore_hosts=frozenset({"node-00004"}))

    nodes = foresee_nodes(tmp_path, LIMITS, rules)

    assert nodes == frozenset(read_inventory(tmp_path, LIMITS, rules=rules).nodes["node"])
    assert {"stacked", "upper", "spare"} < nodes


def test_without_a_topology_the_nodes_are_those_of_the_folders(tmp_path):
    write_fleet(tmp_path, nodes=2, services=1)
    shutil.rmtree(tmp_path / "inventory")

    assert foresee_nodes(tmp_path, LIMITS, RULES) == {"node-00000", "node-00001"}


def test_another_process_begins_as_lightly_as_a_command_does(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "of_ours.py").write_text("import gc\n\ndef main(): print(gc.get_threshold()[0])\n")
    command, environment = spell_worker("of_ours")

    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert told == "200000\n"

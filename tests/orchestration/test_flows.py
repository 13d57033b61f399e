"""The flows, called from Python as a client of a real server, find what the process finds."""

from datetime import datetime

import pytest

from flows.ledger.history import ask_history, scan_history
from flows.run.cycle import run_once
from flows.settings import load_settings
from tests.helpers.past_worlds import inventory, write
from tests.orchestration.supervised import EVENING, HOMELAB
from tests.past.test_backfill import keep

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.usefixtures("client")]

WORLDS = sorted(path.name for path in HOMELAB.glob("world*") if (path / "services.json").exists())


@pytest.mark.parametrize("world", WORLDS)
def test_the_flow_finds_what_the_process_finds(world):
    from flows.reconcile import reconcile

    moment = datetime.fromisoformat(EVENING)
    alone = run_once(load_settings({"world": HOMELAB / world}).settings, moment, dry_run=True)
    state = reconcile(world=HOMELAB / world, as_of=moment, dry_run=True, return_state=True)
    report = state.result(raise_on_failure=False)

    assert report.outcome is alone.outcome
    assert (report.judgement is None) == (alone.judgement is None)
    for mine, theirs in zip(report.judgement or (), alone.judgement or (), strict=True):
        assert mine.equals(theirs)


def test_a_world_that_cannot_be_read_ends_the_run_as_skipped(tmp_path):
    from flows.reconcile import reconcile

    state = reconcile(world=tmp_path, return_state=True)

    assert (state.name, state.type.value) == ("Skipped", "COMPLETED")
    assert "services.json" in state.message or "nodes.json" in state.message


def test_an_inventory_that_cannot_be_read_ends_the_run_as_failed(tmp_path):
    from flows.reconcile import reconcile

    assert reconcile(inventory=tmp_path, return_state=True).is_failed()


def test_a_run_that_finds_the_lock_held_ends_as_busy(tmp_path, monkeypatch):
    from flows.reconcile import reconcile
    from flows.run.cycle import _emitter

    monkeypatch.setenv("SUPERVISOR_LOCK_TIMEOUT", "0.2s")
    with _emitter(load_settings().settings):
        state = reconcile(return_state=True)

    assert (state.name, state.type.value) == ("Busy", "CANCELLED")


@pytest.mark.dask
@pytest.mark.filterwarnings("ignore")
def test_shards_on_dask_find_what_one_process_finds(tmp_path):
    pytest.importorskip("prefect_dask")
    from benchmarks.fleet import write_fleet
    from flows.fleet import reconcile_fleet

    fleet = write_fleet(tmp_path / "fleet", 40, 12)
    alone = run_once(
        load_settings({"inventory": fleet.inventory, "world": fleet.world}).settings, fleet.as_of, dry_run=True
    )
    report = reconcile_fleet(inventory=fleet.inventory, world=fleet.world, as_of=fleet.as_of, dry_run=True)

    assert alone.judgement.root_causes.height
    for mine, theirs in zip(report.judgement, alone.judgement, strict=True):
        assert mine.equals(theirs)


@pytest.mark.dask
@pytest.mark.filterwarnings("ignore")
def test_nobody_without_its_key_speaks_to_the_cluster():
    pytest.importorskip("prefect_dask")
    from distributed import Client, LocalCluster
    from distributed.security import Security

    from flows.fleet import make_task_runner

    options = make_task_runner(load_settings({"dask_workers": 1}).settings).cluster_kwargs
    with LocalCluster(**options) as cluster:
        places = [cluster.scheduler_address, *(worker.address for worker in cluster.workers.values())]
        with Client(cluster) as friend:
            assert friend.submit(sum, [1, 2]).result() == 3
        assert {place.partition("://")[0] for place in places} == {"tls"}
        for place in places:
            for address, key in ((place, Security.temporary()), (place.replace("tls", "tcp"), None)):
                with pytest.raises(OSError, match="Timed out|refused|closed|does not match"):
                    Client(address, security=key, timeout=2)


def test_a_scheduler_without_tls_is_refused():
    pytest.importorskip("prefect_dask")
    from flows.errors import SettingsError
    from flows.fleet import make_task_runner

    with pytest.raises(SettingsError, match="tls://"):
        make_task_runner(load_settings({"dask_address": "tcp://10.0.0.1:8786"}).settings)


@pytest.mark.filterwarnings("ignore")
def test_a_backfill_makes_the_history_and_shows_how_far_it_is(served, tmp_path):
    from flows.backfill import backfill

    home = write(tmp_path / "home", inventory(piha=["web", "db"]))
    source = keep(tmp_path / "kept", 6, down=(2, 3))

    assert backfill(source=source, inventory=home) == 6
    assert backfill(source=source, inventory=home) == 0

    root = load_settings().settings.history_root()
    assert ask_history(lambda: scan_history(root, "runs").collect(), root).height == 6
    shown = served.api("/artifacts/filter", {"artifacts": {"key": {"any_": ["backfill"]}}})
    assert [(one["type"], one["data"]) for one in shown] == [("progress", 100.0)] * 2


def test_a_flow_keeps_what_it_read_of_the_inventory_and_how_long_its_steps_took():
    from flows.ledger.checkpoint import read_known
    from flows.reconcile import reconcile

    moment = datetime.fromisoformat(EVENING)
    assert reconcile(as_of=moment, return_state=True).is_completed()

    settings = load_settings().settings
    assert list((settings.state_dir / "cache").iterdir())
    known = read_known(settings.checkpoint)
    assert known is not None
    assert known.last_run is not None
    assert {"read_inputs", "recommend"} <= set(known.last_run.taken_s)

"""Sites with a world each that know of each other: what one process comes to on all of it, and none falls with another."""

import json
import shutil
import threading
import time
from datetime import timedelta

import pytest

from benchmarks.fleet import AS_OF, write_sites
from benchmarks.peers.plain import judge as judge_plainly
from flows.errors import SettingsError
from flows.ledger.elsewhere import FILE, read_elsewhere
from flows.run.cycle import run_once
from flows.run.exchange import ask_site, find_sites, join_sites, run_site, show_site
from flows.settings import load_settings
from flows.views.now import read_last
from schemas.words import Outcome

pytestmark = pytest.mark.slow

RECORDS = ("nodes", "services", "deployments", "incidents")


@pytest.fixture
def fleet(tmp_path):
    """Three sites, whose gateways lean on each other in chains over all of them."""
    return write_sites(tmp_path / "sites", sites=3, nodes=40, services=12)


def settings_files(fleet):
    return find_sites(str(fleet[0].inventory.parent / "*/supervisor.yaml"))


def judge_as_one(fleet, folder):
    """Return what the independent script says of the same fleet as one inventory and one world."""
    world = folder / "world"
    world.mkdir(parents=True)
    for site in fleet:
        for name in ("hosts", "services"):
            shutil.copytree(site.inventory / name, folder / name, dirs_exist_ok=True)
    for name in RECORDS:
        parts = [json.loads((site.world / f"{name}.json").read_text()) for site in fleet]
        (world / f"{name}.json").write_text(json.dumps({key: row for part in parts for key, row in part.items()}))
    shutil.copy(fleet[0].world / "runtime-summary.json", world)
    (folder / "inventory").mkdir()
    topologies = [(site.inventory / "inventory/topology.yaml").read_text().partition("\n")[2] for site in fleet]
    (folder / "inventory/topology.yaml").write_text("".join(["nodes:\n", *topologies]))
    aliases = {alias: node for site in fleet for alias, node in site.rules["node_alias_map"].items()}
    return judge_plainly(folder, world, AS_OF, {"node_alias_map": aliases}, "c")["recommendations"]


def run_all(sites):
    """Do by hand what the flow does on its workers."""
    asked = sorted({name for site in sites for name in ask_site(site, AS_OF)})
    joined = join_sites(show_site(site, AS_OF, asked) for site in sites)
    ends = [run_site(site, AS_OF, told, AS_OF) for site, told in zip(sites, joined.tell(), strict=True)]
    return ends, joined.twice


def open_episodes(site):
    return [one for one in read_last(load_settings(config=site).settings).episodes.values() if one.is_open]


def advice_of(sites):
    return sorted(
        (one.node, one.service, one.action.value, one.severity.value, list(one.root_causes or ()))
        for site in sites
        for one in open_episodes(site)
    )


def far_causes(site, fleet_of_site):
    own = {path.name for path in (fleet_of_site.inventory / "hosts").iterdir()}
    return [cause for one in open_episodes(site) for cause in one.root_causes or () if cause.split("/")[0] not in own]


def test_sites_apart_come_to_what_one_process_comes_to_on_all_of_them(fleet, tmp_path):
    sites = settings_files(fleet)

    run_all(sites)

    plain = judge_as_one(fleet, tmp_path / "whole")
    keys = ("node", "service", "action", "severity", "root_causes")
    assert advice_of(sites) == sorted(tuple(row[key] for key in keys) for row in plain)
    assert far_causes(sites[1], fleet[1])
    assert far_causes(sites[2], fleet[2])


def test_a_site_that_cannot_be_read_is_skipped_and_the_others_stand(fleet):
    sites = settings_files(fleet)
    (fleet[1].world / "services.json").write_text('{"torn": ')

    ends, _ = run_all(sites)

    assert [end.outcome for end in ends] == [Outcome.COMPLETED, Outcome.SKIPPED, Outcome.COMPLETED]
    assert "services.json" in ends[1].problem
    assert all(end.event_count for end in (ends[0], ends[2]))


@pytest.mark.parametrize("written", [b"world: [", b"inventory: \xff", b"wrld: /srv/world"])
def test_a_site_whose_settings_cannot_be_read_has_failed_and_the_others_stand(fleet, written):
    (fleet[1].inventory / "supervisor.yaml").write_bytes(written)

    ends, _ = run_all(settings_files(fleet))

    assert [end.outcome for end in ends] == [Outcome.COMPLETED, Outcome.FAILED, Outcome.COMPLETED]
    assert ends[1].problem.startswith(f"{fleet[1].inventory / 'supervisor.yaml'}:")
    assert all(end.event_count for end in (ends[0], ends[2]))


def tear(fleet_of_site):
    file = fleet_of_site.world / "services.json"
    whole = file.read_text()
    file.write_text('{"torn": ')
    return lambda: file.write_text(whole)


def count_events(ends):
    return [end.event_count for end in ends]


def test_a_site_that_cannot_be_read_any_more_is_no_news_to_the_others_nor_to_itself(fleet):
    sites = settings_files(fleet)
    run_all(sites)
    mend = tear(fleet[1])

    torn, _ = run_all(sites)
    mend()
    own = run_once(load_settings(config=sites[1]).settings, AS_OF)
    again, _ = run_all(sites)

    assert torn[1].outcome is Outcome.SKIPPED
    assert count_events(torn) == [len(own.events)] * 3 == count_events(again) == [0, 0, 0]


def test_what_a_site_last_showed_stands_for_it_as_long_as_a_world_may_be_old(fleet):
    sites = settings_files(fleet)
    run_all(sites)
    tear(fleet[1])
    ttl = load_settings(config=sites[1]).settings.world_ttl
    later = AS_OF + ttl / 2

    told = show_site(sites[1], later, ())
    run_site(sites[2], later, told, later)

    assert {*told.drift["as_of"]} == {AS_OF}
    assert read_elsewhere(load_settings(config=sites[2]).settings.places.state_dir).shown_at == AS_OF
    assert show_site(sites[1], AS_OF + ttl + timedelta(seconds=1), ()) is None


def test_a_site_whose_inputs_cannot_be_fetched_asks_for_what_its_copy_needs(fleet):
    sites = settings_files(fleet)
    asked = ask_site(sites[2], AS_OF)
    copy = load_settings(config=sites[2]).settings.state_dir / "inputs"
    for name in ("hosts", "services", "inventory"):
        shutil.copytree(fleet[2].inventory / name, copy / "inventory" / name)
    shutil.copytree(fleet[2].world, copy / "world")
    with sites[2].open("a") as file:
        file.write(f"inputs: file://{fleet[2].inventory}/gone\n")

    assert ask_site(sites[2], AS_OF) == asked != ()


def test_what_other_sites_showed_is_used_for_as_long_as_a_world_may_be_old(fleet):
    sites = settings_files(fleet)
    ends, _ = run_all(sites)
    place = load_settings(config=sites[2]).settings.places.state_dir
    told = read_elsewhere(place)

    again = run_site(sites[2], AS_OF, told.shown, AS_OF)
    aged = run_site(sites[2], AS_OF, told.shown, AS_OF.replace(hour=1))

    assert ends[2].event_count > 0 == again.event_count
    assert aged.event_count > 0
    assert not far_causes(sites[2], fleet[2])


@pytest.mark.parametrize(
    ("said", "problem"),
    [('{"version": 2, "shown_at": "2026-05-12T12:00:00Z", "frames": {}}', "newer"), ("[", "remove it")],
)
def test_a_file_of_elsewhere_that_cannot_be_used_is_told_and_judged_without(fleet, said, problem):
    settings = load_settings(config=settings_files(fleet)[0]).settings
    (settings.places.state_dir / FILE).write_text(said)

    report = run_once(settings, AS_OF)

    assert report.outcome is Outcome.COMPLETED
    assert any(problem in note and FILE in note for note in report.notes)


def test_two_sites_that_keep_their_state_in_one_place_are_refused(fleet):
    second = fleet[1].inventory / "supervisor.yaml"
    second.write_text(second.read_text().replace("site-001/state", "site-000/state"))

    with pytest.raises(SettingsError, match=r"site-001/supervisor\.yaml: its state is kept in .*site-000"):
        settings_files(fleet)


def test_a_node_of_two_sites_is_told_of_once(fleet):
    host = "node-00045"  # its gateway is broken, and others lean on it
    shutil.copytree(fleet[1].inventory / "hosts" / host, fleet[0].inventory / "hosts" / host)

    _, twice = run_all(settings_files(fleet))

    assert host in twice


def run_on_dask(folder, monkeypatch):
    """Run all sites by the flow, on two workers, and return the state that it ends in."""
    from flows.fleet import make_task_runner, reconcile_sites

    for name in ("EVENT_LOG", "CHECKPOINT", "STATE_DIR", "INVENTORY", "WORLD"):
        monkeypatch.delenv(f"SUPERVISOR_{name}")  # each site has its own
    monkeypatch.setenv("SUPERVISOR_FLEET_SITES", str(folder / "*/supervisor.yaml"))
    runner = make_task_runner(load_settings({"dask_workers": 2}).settings)
    return reconcile_sites.with_options(task_runner=runner)(as_of=AS_OF, return_state=True)


@pytest.mark.dask
@pytest.mark.server
@pytest.mark.filterwarnings("ignore")
def test_on_dask_each_event_comes_once_though_a_worker_is_killed_in_the_middle(fleet, tmp_path, monkeypatch, client):
    pytest.importorskip("prefect_dask")
    killed = threading.Event()
    threading.Thread(target=kill_a_worker, args=(tmp_path / "sites", killed), daemon=True).start()

    ended = run_on_dask(tmp_path / "sites", monkeypatch)

    assert killed.wait(1), ended
    assert (ended.name, {end.outcome for end in ended.result()}) == ("Unstable", {Outcome.COMPLETED})
    for site in settings_files(fleet):
        events = [
            json.loads(line)["payload"]["event_id"]
            for line in (site.parent / "state/events.log").read_text().splitlines()
        ]
        assert len(events) == len(set(events)) == len(list(open_episodes(site))) > 0


def kill_a_worker(sites, killed):
    """Kill one of the workers as soon as the first site is told what the others show."""
    import psutil

    while not any(sites.glob(f"*/state/{FILE}")):
        time.sleep(0.01)
    workers = [one for one in psutil.Process().children(recursive=True) if "spawn_main" in " ".join(one.cmdline())]
    workers[0].kill()
    killed.set()

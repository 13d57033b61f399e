"""`supervisor serve`, from the schedule to the page, with a real Prefect server."""

import json
import stat
import threading
import urllib.error
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from flows.run import run_once
from flows.settings import load_settings
from tests.browser import CHROMIUM, open_browser
from tests.orchestration.supervised import EVENING, HOMELAB, Served, event_ids

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with Served(tmp_path_factory.mktemp("served")) as served:
        yield served


@pytest.fixture(scope="module")
def evening(served):
    """The first run: its whole evening is news."""
    return served.finish(served.start_run(as_of=EVENING))


def test_a_run_ends_with_its_state_and_its_count_for_a_name(evening):
    assert (evening["state_type"], evening["state_name"]) == ("COMPLETED", "Completed")
    assert evening["name"] == evening["state"]["message"]
    assert evening["name"].startswith("unstable · ")
    assert {"runtime-supervisor", "unstable"} <= set(evening["tags"])


def test_a_run_shows_its_artifacts_under_stable_keys(served, evening):
    artifacts = served.artifacts(evening["id"])

    assert set(artifacts) == {"reconcile-summary", "reconcile-drift", "reconcile-recommendations", "reconcile-history"}
    rows = json.loads(artifacts["reconcile-recommendations"]["data"])
    assert [row["id"] for row in rows] == recommended()


def recommended():
    settings = load_settings({"inventory": HOMELAB, "world": HOMELAB / "world"}).settings
    report = run_once(settings, datetime.fromisoformat(EVENING), dry_run=True)
    return report.judgement.recommendations["recommendation_id"].to_list()


@pytest.fixture
def client(served, tmp_path, monkeypatch):
    """This process as a client of the server, with an event log of its own."""
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    own = {"EVENT_LOG": tmp_path / "log", "CHECKPOINT": tmp_path / "checkpoint", "STATE_DIR": tmp_path / "state"}
    for name, value in {**own, "INVENTORY": HOMELAB, "WORLD": HOMELAB / "world"}.items():
        monkeypatch.setenv(f"SUPERVISOR_{name}", str(value))
    monkeypatch.setattr("flows.tasks.READ_PAUSES_S", [0.0])
    with temporary_settings({PREFECT_API_URL: f"{served.url}/api", PREFECT_API_AUTH_STRING: served.auth}):
        yield


WORLDS = sorted(path.name for path in HOMELAB.glob("world*") if (path / "services.json").exists())


@pytest.mark.usefixtures("client")
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


@pytest.mark.usefixtures("client")
def test_a_world_that_cannot_be_read_ends_the_run_as_skipped(tmp_path):
    from flows.reconcile import reconcile

    state = reconcile(world=tmp_path, return_state=True)

    assert (state.name, state.type.value) == ("Skipped", "COMPLETED")
    assert "services.json" in state.message or "nodes.json" in state.message


@pytest.mark.usefixtures("client")
def test_an_inventory_that_cannot_be_read_ends_the_run_as_failed(tmp_path):
    from flows.reconcile import reconcile

    assert reconcile(inventory=tmp_path, return_state=True).is_failed()


@pytest.mark.usefixtures("client")
def test_a_run_that_finds_the_lock_held_ends_as_busy(tmp_path, monkeypatch):
    from flows.reconcile import reconcile
    from flows.run import _emitter

    monkeypatch.setenv("SUPERVISOR_LOCK_TIMEOUT", "0.2s")
    with _emitter(load_settings().settings):
        state = reconcile(return_state=True)

    assert (state.name, state.type.value) == ("Busy", "CANCELLED")


@pytest.mark.dask
@pytest.mark.usefixtures("client")
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


def test_each_event_of_the_log_is_a_prefect_event_with_its_node_and_service(served, evening):
    written = [json.loads(line) for line in served.event_log.read_text().splitlines()]
    events = served.wait(lambda: len(found := served.events(evening["id"])) == len(written) and found)

    assert {event["payload"]["event"]["payload"]["event_id"] for event in events} == set(event_ids(served.event_log))
    one = next(event for event in events if event["payload"]["event"]["service"] == "mosquitto")
    assert one["event"].startswith("runtime-supervisor.reconcile.")
    roles = {related["prefect.resource.role"]: related["prefect.resource.id"] for related in one["related"]}
    assert roles["node"] == f"runtime-supervisor.node.{one['payload']['event']['node']}"
    assert roles["service"] == f"runtime-supervisor.service.{one['payload']['event']['node']}/mosquitto"


def test_a_run_repeated_on_the_same_input_adds_no_event(served, evening):
    before = served.event_log.read_bytes()

    again = served.finish(served.start_run(as_of=EVENING))

    assert again["state_type"] == "COMPLETED"
    assert served.event_log.read_bytes() == before


def test_a_run_that_would_overlap_another_is_cancelled(served, evening):
    runs = [served.start_run(as_of=EVENING) for _ in range(3)]

    states = sorted(served.finish(run)["state_type"] for run in runs)

    assert "COMPLETED" in states
    assert "CANCELLED" in states


@pytest.mark.parametrize("parameters", [{"world": "/etc"}, {"inventory": "../.."}])
def test_a_parameter_that_leads_out_of_the_configured_folder_fails_the_run(served, parameters):
    run = served.finish(served.start_run(**parameters))

    assert run["state_type"] == "FAILED"
    assert "is not inside" in run["state"]["message"]


def test_a_parameter_of_the_wrong_type_is_refused(served):
    with pytest.raises(urllib.error.HTTPError, match=r"409|422"):
        served.start_run(as_of="yesterday", dry_run=17)


def test_the_api_wants_a_password_and_a_token(served):
    with pytest.raises(urllib.error.HTTPError, match="401"):
        served.api("/admin/version", auth="supervisor:guess")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        served.api("/flow_runs/filter", {}, **{"Prefect-Csrf-Token": "guess"})


def test_the_api_answers_no_other_origin(served):
    import urllib.request

    request = urllib.request.Request(f"{served.url}/api/health", headers={"Origin": "http://elsewhere.example"})
    with urllib.request.urlopen(request) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] is None


def test_the_server_is_reached_from_this_machine_alone(served):
    listening = [
        line.split()[1]
        for line in Path("/proc/net/tcp").read_text().splitlines()
        if f":{served.port:04X} " in line and " 0A " in line
    ]
    assert listening == [f"0100007F:{served.port:04X}"]


def test_what_the_server_keeps_is_for_us_alone_and_holds_no_pickle(served, evening):
    home = served.output.parent / "state" / "prefect"

    modes = {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in [home, *home.glob("prefect.db*"), home / "auth"]}
    assert modes == {0}
    assert [path.name for path in home.glob("storage/**/*") if path.is_file()] == []


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_the_run_page_shows_the_summary(served, evening, tmp_path):
    summary = served.artifacts(evening["id"])["reconcile-summary"]
    with open_browser(tmp_path) as page:
        page.log_in(f"{served.url}/v2/runs/flow-run/{evening['id']}", served.auth)
        page.wait_for(evening["name"])
        page.log_in(f"{served.url}/v2/artifacts/artifact/{summary['id']}", served.auth)
        shown = page.wait_for("container restart")
        page.screenshot(tmp_path / "summary.png")

    assert "mosquitto" in shown
    assert "held back" in shown


class Inbox(BaseHTTPRequestHandler):
    """Keeps what is posted to it."""

    received: list[str] = []  # noqa: RUF012 - of the class, since each request is an instance

    def do_POST(self):
        self.received.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.mark.usefixtures("client")
def test_the_example_automation_notifies(served, evening):
    import runpy

    inbox = HTTPServer(("127.0.0.1", 0), Inbox)
    threading.Thread(target=inbox.serve_forever, daemon=True).start()
    try:
        script = runpy.run_path(str(HOMELAB.parent / "prefect" / "notify.py"))
        script["main"](f"http://127.0.0.1:{inbox.server_port}/")
        served.event_log.with_name("checkpoint.json")
        served.finish(served.start_run(world=str(HOMELAB / "world"), as_of="2026-03-01T00:00:00Z"))
        served.wait(lambda: Inbox.received)
    finally:
        inbox.shutdown()
        inbox.server_close()

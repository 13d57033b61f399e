"""The Prefect side: an API that goes away in the middle of a run, and one that others can reach."""

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, HTTPServer

import psutil
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from flows.orchestration.server import run_server, server_environment
from tests.faults.cases import case
from tests.helpers.browser import CHROMIUM, open_browser
from tests.helpers.homelab import environment, reconcile, supervisor
from tests.orchestration.killer import Killer
from tests.orchestration.supervised import EVENING, Served, event_ids, events_of_one_run, free_port

AUTH = "operator:of-the-test"
IMPATIENT = {"PREFECT_CLIENT_MAX_RETRIES": "0"}
"""A client waits four minutes for an API that has gone, which is right for a restart and long for a test."""
FLOW = f"""
from datetime import datetime
from flows.reconcile import reconcile
reconcile(as_of=datetime.fromisoformat("{EVENING}"))
"""


def has_each_event_once(folder):
    """Run again on the same input, and compare with a run that nobody disturbed."""
    ran = reconcile(folder, SUPERVISOR_LOCK_TIMEOUT="5m")
    ids = event_ids(folder / "events.log")
    assert ran.returncode == 2, ran.stderr
    return len(ids) == len(set(ids)) == events_of_one_run(folder / "alone")


@pytest.mark.server
@pytest.mark.slow
@case("PRE-005")
def test_a_server_that_ends_during_a_run_ends_serve_and_the_next_run_completes_the_events(tmp_path):
    killer = Killer(tmp_path)
    with Served(tmp_path, {**killer.environment, **IMPATIENT}) as served:
        (server,) = psutil.Process(served.process.pid).children()
        killer.arm(4, server.pid)
        served.start_run(as_of=EVENING)
        code = served.process.wait(180)
        psutil.wait_procs(runs_of(served))

    assert killer.has_struck()
    assert code == 1
    assert "error: the Prefect server ended with code -9" in served.said()
    assert has_each_event_once(tmp_path)


def runs_of(served):
    """Return the processes that write where it writes: a run may outlive whoever started it."""
    ours = str(served.event_log)
    found = psutil.process_iter(["environ"])
    return [one for one in found if (one.info["environ"] or {}).get("SUPERVISOR_EVENT_LOG") == ours]


@pytest.mark.server
@pytest.mark.slow
@case("PRE-005")
def test_a_run_whose_api_goes_away_before_it_writes_writes_all_the_same(tmp_path):
    killer, port = Killer(tmp_path), free_port()
    prefect = server_environment(tmp_path / "prefect", "127.0.0.1", port, environment(tmp_path))
    with run_server(prefect, "127.0.0.1", port) as server:
        killer.arm(1, server.pid)
        command = [sys.executable, "-c", FLOW]
        ran = subprocess.run(
            command, env={**prefect, **killer.environment, **IMPATIENT}, capture_output=True, text=True, check=False
        )

    assert killer.has_struck()
    assert "the run is recorded, but Prefect could not be told all of it" in ran.stderr
    assert len(event_ids(tmp_path / "events.log")) == events_of_one_run(tmp_path / "before")
    assert has_each_event_once(tmp_path)


@case("PRE-014")
def test_serve_refuses_an_address_that_others_reach_without_a_password(tmp_path):
    ran = supervisor(tmp_path, "serve", "--host", "0.0.0.0")

    assert ran.returncode == 1
    assert "PREFECT_SERVER_API_AUTH_STRING" in ran.stderr
    assert not (tmp_path / "state").exists()


@pytest.fixture(scope="module")
def reachable(tmp_path_factory):
    """Return the address of a server that others can reach, with a password, and with itself as the only origin."""
    port = free_port()
    own = f"http://127.0.0.1:{port}"
    given = {"PREFECT_SERVER_API_AUTH_STRING": AUTH, "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": own}
    folder = tmp_path_factory.mktemp("reachable")
    prefect = server_environment(folder / "prefect", "0.0.0.0", port, environment(folder) | given)
    with run_server(prefect, "0.0.0.0", port):
        yield own


def basic(auth):
    return {"Authorization": f"Basic {b64encode(auth.encode()).decode()}"}


def ask(url, body=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer), answer.headers


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.parametrize("headers", [{}, basic("operator:guess")], ids=["no password", "a wrong one"])
@pytest.mark.parametrize("path", ["admin/version", "csrf-token?client=x"])
@case("PRE-014")
def test_a_request_without_the_password_is_refused(reachable, path, headers):
    with pytest.raises(urllib.error.HTTPError, match="401"):
        ask(f"{reachable}/api/{path}", **headers)

    assert ask(f"{reachable}/api/{path}", **basic(AUTH))


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.parametrize("path", ["events/in", "events/out", "logs/out"])
@case("PRE-014")
def test_a_websocket_without_the_password_is_closed(reachable, path):
    assert greet(reachable, path, None) == greet(reachable, path, "operator:guess") == 1008
    assert greet(reachable, path, AUTH) == "auth_success"


def greet(url, path, auth):
    """Return what a websocket answers to a password: the type of its message, or the code that it closes with."""
    with connect(f"{url.replace('http', 'ws')}/api/{path}", subprotocols=["prefect"]) as socket:
        try:
            socket.send(json.dumps({"type": "auth", "token": auth}))
            return json.loads(socket.recv(timeout=60))["type"]
        except ConnectionClosed as closed:
            return closed.rcvd.code


@pytest.mark.server
@pytest.mark.slow
@case("PRE-015")
def test_a_post_needs_a_token_beside_the_password(reachable):
    with pytest.raises(urllib.error.HTTPError, match="403"):
        ask(f"{reachable}/api/flow_runs/filter", {}, **basic(AUTH))


@pytest.fixture
def elsewhere():
    """Return the address of a page of another origin."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title>")

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


ATTEMPTS = {
    "read": {},
    "read with the password": {"headers": basic(AUTH)},
    "post": {"method": "POST", "headers": {"Content-Type": "application/json"}, "body": "{}"},
    "post with the password": {"method": "POST", "headers": basic(AUTH), "body": '{"name": "planted"}'},
}
BLIND = {"method": "POST", "mode": "no-cors", "headers": {"Content-Type": "text/plain"}, "body": '{"name": "planted"}'}


def fetch(page, url, options):
    """Return the status that a page's script gets, or the name of its error."""
    code = f"fetch({json.dumps(url)}, {json.dumps(options)}).then(found => found.status, error => error.name)"
    return page.evaluate(code)


@pytest.mark.server
@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@case("PRE-015")
def test_a_web_page_of_another_origin_can_neither_read_nor_post(reachable, elsewhere, tmp_path):
    with open_browser(tmp_path) as page:
        page.open(elsewhere)
        seen = {name: fetch(page, f"{reachable}/api/flows/", options) for name, options in ATTEMPTS.items()}
        fetch(page, f"{reachable}/api/flows/", BLIND)
        page.open(f"{reachable}/api/health")
        own = fetch(page, f"{reachable}/api/admin/version", ATTEMPTS["read with the password"])

    token = ask(f"{reachable}/api/csrf-token?client=tests", **basic(AUTH))[0]["token"]
    known = {"Prefect-Csrf-Client": "tests", "Prefect-Csrf-Token": token}
    assert set(seen.values()) == {"TypeError"}
    assert own == 200
    assert ask(f"{reachable}/api/flows/filter", {}, **basic(AUTH), **known)[0] == []

"""`supervisor serve`, from the schedule to what the API tells of a run, with a real Prefect server."""

import json
import runpy
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from flows.files.lock import hold_lock
from flows.orchestration.prefect_events import to_prefect_event
from flows.run.cycle import run_once
from flows.settings import load_settings
from tests.orchestration.supervised import EVENING, HOMELAB, PAGE

pytestmark = [pytest.mark.server, pytest.mark.slow]

LATER = "2026-06-04T19:42:00Z"
"""A day after the evening nobody has seen anything: the world is stale."""


def test_a_run_ends_with_its_state_and_its_count_for_a_name(evening):
    assert (evening["state_type"], evening["state_name"]) == ("COMPLETED", "Unstable")
    assert evening["name"] == evening["state"]["message"]
    assert evening["name"].startswith("unstable · ")
    assert {"runtime-supervisor", "unstable"} <= set(evening["tags"])


def test_a_run_shows_its_artifacts_under_stable_keys(served, evening):
    artifacts = served.artifacts(evening["id"])
    names = ("summary", "drift", "recommendations", "history", "page")

    assert set(artifacts) == {f"reconcile-{name}" for name in names}
    assert PAGE in artifacts["reconcile-page"]["data"]
    rows = json.loads(artifacts["reconcile-recommendations"]["data"])
    assert [row["id"] for row in rows] == recommended()


def recommended():
    settings = load_settings({"inventory": HOMELAB, "world": HOMELAB / "world"}).settings
    report = run_once(settings, datetime.fromisoformat(EVENING), dry_run=True)
    return report.judgement.recommendations["recommendation_id"].to_list()


def test_each_event_of_the_log_is_a_prefect_event_with_its_node_and_service(served, news):
    ids = [str(to_prefect_event(line)["id"]) for line in news]
    served.wait(lambda: len(served.events_of(ids)) == len(news), 120)
    events = served.events_of(ids)

    told = {event["payload"]["event"]["payload"]["event_id"]: event for event in events}
    assert set(told) == {line["payload"]["event_id"] for line in news}
    line = next(line for line in news if line["service"] == "mosquitto")
    event = told[line["payload"]["event_id"]]
    roles = {related["prefect.resource.role"]: related["prefect.resource.id"] for related in event["related"]}
    assert event["event"] == f"runtime-supervisor.{line['type'].replace('_', '.')}"
    assert roles["node"] == f"runtime-supervisor.node.{line['node']}"
    assert roles["service"] == f"runtime-supervisor.service.{line['node']}/mosquitto"


def test_a_run_repeated_on_the_same_input_adds_no_event(served, evening):
    before = served.event_log.read_bytes()

    again = served.finish(served.start_run(as_of=EVENING))

    assert again["state_type"] == "COMPLETED"
    assert served.event_log.read_bytes() == before


def test_a_run_that_would_overlap_another_is_cancelled_and_not_queued(served, evening):
    with hold_lock(served.state_dir / "lock", timeout_s=60):
        first = served.start_run(as_of=EVENING)
        served.wait(lambda: served.run(first)["state_type"] == "RUNNING")
        second = served.finish(served.start_run(as_of=EVENING))

    assert second["state_type"] == "CANCELLED"
    assert second["run_count"] == 0
    assert served.finish(first)["state_type"] == "COMPLETED"


class Inbox(BaseHTTPRequestHandler):
    """Keeps what is posted to it."""

    def do_POST(self):
        self.server.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def inbox():
    """Return the messages that are posted to its address."""
    server = HTTPServer(("127.0.0.1", 0), Inbox)
    server.received = []
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("client")
def test_the_example_automation_notifies_of_what_is_blocked_or_required(served, news, inbox):
    script = runpy.run_path(str(HOMELAB.parent / "prefect" / "notify.py"))
    script["main"](f"http://127.0.0.1:{inbox.server_port}/")

    served.finish(served.start_run(world=str(HOMELAB / "world"), as_of=LATER))

    told = [line for line in served.logged()[len(news) :] if line["severity"] in {"error", "critical"}]
    wanted = [line for line in told if line["type"] in {"reconcile_blocked", "reconcile_required"}]
    served.wait(lambda: len(inbox.received) == len(wanted))
    assert wanted
    assert {message["title"] for message in inbox.received} <= {
        "runtime-supervisor.reconcile.blocked",
        "runtime-supervisor.reconcile.required",
    }
    assert {message["message"] for message in inbox.received} == {
        f"{line['payload']['recommendation_id']}: {line['payload']['reason']}" for line in wanted
    }

"""The page: what it shows is what a run would say, and nobody acts on it who is not signed in here."""

import json
import re
import time
from xml.etree import ElementTree as ET

import pytest
from starlette.testclient import TestClient

from flows.run.cycle import run_once
from flows.settings import Settings
from flows.web.app import make_app

HOSTILE = "<img src=x onerror=alert(1)>\u202e"
DEED = {"target": "piha/db", "reason": "because", "until": "3d"}


def write_world(folder, **statuses):
    """Put a world of now in the place of the one before."""
    world = folder / "world"
    world.mkdir(exist_ok=True)
    now = time.time()
    (world / "nodes.json").write_text(json.dumps({"piha": {"status": "online", "last_seen": now}}))
    services = {f"piha/{name}": {"status": status, "last_seen": now} for name, status in statuses.items()}
    whole = world / "services.json.new"
    whole.write_text(json.dumps(services))
    whole.replace(world / "services.json")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "hosts/piha").mkdir(parents=True)
    services = "services:\n  mosquitto:\n  web:\n    depends_on: [mosquitto]\n  db:\n"
    (tmp_path / "hosts/piha/services.yaml").write_text(services)
    write_world(tmp_path, mosquitto="ok", web="ok", db="ok")
    return tmp_path


def settings_of(folder, **web):
    return Settings(
        inventory=folder,
        world=folder / "world",
        event_log=folder / "events.log",
        checkpoint=folder / "checkpoint.json",
        state_dir=folder / "state",
        web=web,
    )


@pytest.fixture
def open_page(folder):
    """Return what opens the page of the folder as a browser on this machine sees it."""
    opened = []

    def open_with(**web):
        settings = settings_of(folder, **web)
        app = make_app(settings)
        client = TestClient(app, base_url="http://localhost:8300", follow_redirects=False)
        opened.append(client)
        client.__enter__()
        return client

    yield open_with
    for client in opened:
        client.__exit__(None, None, None)


def sign_in(client, folder):
    """Sign in, and return what forms must send back."""
    answer = client.post("/sign-in", data={"password": (folder / "state/web/password").read_text().strip()})
    assert answer.status_code == 303
    return re.search(r'name="csrf" value="([^"]+)"', client.get("/do/ack?target=piha/web").text)[1]


def acknowledged(folder):
    file = folder / "state/acknowledgements.json"
    return json.loads(file.read_text())["acknowledgements"] if file.exists() else []


def test_the_page_says_what_a_run_says_and_of_how_much(open_page, folder):
    write_world(folder, mosquitto="exited", web="exited", db="ok")

    shown = open_page().get("/").text

    assert "Unstable" in shown
    assert "1 of 3 services" in shown
    assert "piha/mosquitto" in shown
    assert "explains 1 more" in shown


def test_a_change_of_the_world_is_shown(open_page, folder):
    client = open_page()
    write_world(folder, mosquitto="ok", web="ok", db="exited")

    deadline = time.monotonic() + 20
    while not (advice := client.get("/api/v1/fleet").json()["recommendations"]):
        assert time.monotonic() < deadline
        time.sleep(0.05)

    assert [row["recommendation_id"] for row in advice] == ["redeploy-piha-db"]


def test_health_is_bad_where_no_run_is_recorded_and_good_after_one(open_page, folder):
    client = open_page()
    assert client.get("/healthz").status_code == 503

    run_once(settings_of(folder))

    deadline = time.monotonic() + 20
    while client.get("/healthz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_hostile_world_adds_no_markup_to_any_page(open_page, folder):
    now = time.time()
    world = folder / "world"
    (world / "nodes.json").write_text(json.dumps({"piha": {"status": HOSTILE, "last_seen": now}}))
    services = {"piha/web": {"status": HOSTILE, "last_seen": now}, f"piha/{HOSTILE}": {"status": HOSTILE}}
    (world / "services.json").write_text(json.dumps(services))
    client = open_page()

    for path in ("/", "/wall", "/target/piha/web", "/target/piha/all", "/past", "/actions", f"/target/piha/{HOSTILE}"):
        shown = client.get(path).text
        assert "<img" not in shown, path
        assert "\u202e" not in shown, path


def test_the_badge_is_a_picture_that_says_the_state(open_page, folder):
    run_once(settings_of(folder))

    badge = open_page().get("/badge.svg")

    assert badge.headers["content-type"].startswith("image/svg+xml")
    assert ET.fromstring(badge.text).get("aria-label") == "fleet: nominal"


def test_nothing_is_loaded_from_elsewhere_and_no_script_stands_in_a_page(open_page):
    client = open_page()
    for path in ("/", "/wall", "/past", "/sign-in", "/target/piha/web"):
        answer = client.get(path)
        assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', answer.text), path
        assert not re.findall(r"<script(?![^>]* src=)|\son\w+=", answer.text), path
        assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_an_unreadable_world_is_said(open_page, folder):
    (folder / "world/services.json").write_text('{"piha/web": {"stat')

    assert "Nothing can be said of the present" in open_page().get("/").text


def test_the_interface_is_described(open_page):
    described = open_page().get("/api/v1/openapi.json").json()

    assert set(described["paths"]) == {
        "/healthz",
        "/metrics",
        "/badge.svg",
        "/api/v1/status",
        "/api/v1/fleet",
        "/api/v1/targets/{node}/{service}",
        "/api/v1/actions",
    }


# who may do what


def test_nobody_acts_without_signing_in(open_page, folder):
    answer = open_page().post("/do/ack", data={"csrf": "x", **DEED})

    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert acknowledged(folder) == []


def test_who_is_signed_in_acknowledges_through_the_command(open_page, folder):
    client = open_page()

    answer = client.post("/do/ack", data={"csrf": sign_in(client, folder), **DEED})

    assert answer.status_code == 200, answer.text
    (row,) = acknowledged(folder)
    assert (row["node"], row["service"], row["reason"]) == ("piha", "db", "because")


@pytest.mark.parametrize("csrf", ["x", "x" * 43])
def test_a_form_of_another_page_does_nothing(open_page, folder, csrf):
    client = open_page()
    sign_in(client, folder)

    assert client.post("/do/ack", data={"csrf": csrf, **DEED}).status_code == 403
    assert acknowledged(folder) == []


@pytest.mark.parametrize(
    "field",
    [
        {"target": "--help"},
        {"target": "piha/db;reboot"},
        {"target": "../../etc"},
        {"reason": "x"},
        {"reason": "two\nlines"},
        {"until": "--state-dir=/"},
    ],
)
def test_what_is_no_target_reason_or_moment_reaches_no_command(open_page, folder, field):
    client = open_page()

    assert client.post("/do/ack", data={"csrf": sign_in(client, folder), **DEED, **field}).status_code == 422
    assert acknowledged(folder) == []


def test_a_session_that_was_ended_is_no_session(open_page, folder):
    client = open_page()
    csrf = sign_in(client, folder)
    token = client.cookies["supervisor_session"]

    client.post("/sign-out", data={"csrf": csrf})

    answer = client.get("/do/ack", headers={"cookie": f"supervisor_session={token}"})
    assert answer.headers["location"] == "/sign-in"


def test_guessing_is_slowed_down(open_page, folder):
    client = open_page()

    codes = [client.post("/sign-in", data={"password": f"guess {n}"}).status_code for n in range(7)]
    right = client.post("/sign-in", data={"password": (folder / "state/web/password").read_text().strip()})

    assert codes == [401] * 5 + [429] * 2
    assert right.status_code == 429


def test_the_password_is_its_owners_alone(open_page, folder):
    open_page()

    file = folder / "state/web/password"
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_text().strip()) >= 20


@pytest.mark.parametrize(
    ("host", "code"),
    [("localhost:8300", 200), ("evil.example", 421), ("localhost.evil.example", 421), ("@", 421)],
)
def test_a_name_that_is_not_ours_is_not_answered(open_page, host, code):
    assert open_page().get("/", headers={"host": host}).status_code == code


def test_a_name_of_the_settings_is_ours(open_page):
    client = open_page(hosts=["fleet.example.net"])

    assert client.get("/sign-in", headers={"host": "fleet.example.net"}).status_code == 200


def test_what_another_page_sends_is_refused(open_page, folder):
    client = open_page()
    form = {"csrf": sign_in(client, folder), **DEED}

    assert client.post("/do/ack", data=form, headers={"origin": "http://evil.example"}).status_code == 403
    assert acknowledged(folder) == []


def test_beyond_this_machine_looking_needs_signing_in_as_well(open_page):
    client = open_page(host="0.0.0.0", hosts=["fleet.example.net"])
    here = {"host": "fleet.example.net"}

    seen, asked = client.get("/", headers=here), client.get("/api/v1/fleet", headers=here)

    assert (seen.status_code, seen.headers["location"]) == (303, "/sign-in")
    assert asked.status_code == 401
    assert client.get("/healthz", headers=here).status_code == 503


def test_the_user_that_a_header_names_counts_only_from_a_trusted_address(open_page):
    client = open_page(read="signed", proxies=["10.0.0.1"])

    assert client.get("/", headers={"remote-user": "ada"}).status_code == 303


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/part/../../etc/passwd", "/part/head"],
)
def test_no_path_leads_out_of_the_static_files(open_page, path):
    answer = open_page().get(path)

    assert answer.status_code == 404
    assert "import" not in answer.text


def test_a_body_that_is_too_large_is_refused(open_page):
    assert open_page().post("/sign-in", data={"password": "x" * 100_000}).status_code == 413

"""The page: what it shows is what a run would say, of how much, and how old it is."""

import json
import re
import time
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from flows.run.cycle import run_once
from flows.web import pages
from flows.web.operator import PLACES
from tests.helpers.homelab import supervisor
from tests.helpers.paged import browse, settings_of, write_home, write_world

pytestmark = pytest.mark.wide

HOSTILE = "<img src=x onerror=alert(1)>\u202e"
PAGES = ("/", "/wall", "/services", "/past", "/actions", "/policy", "/target/piha/web", "/target/piha/all")


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
    incident = {
        "node": "piha",
        "service": "web",
        "status": "open",
        "severity": HOSTILE,
        "started_at": now,
        "title": HOSTILE,
    }
    deployment = {"node": "piha", "service": "web", "status": HOSTILE, "commit": HOSTILE, "started_at": now}
    for name, record in (("incidents", incident), ("deployments", deployment)):
        (world / f"{name}.json").write_text(json.dumps({HOSTILE: record}))
    ack = ("ack", "piha/web", "--reason", HOSTILE, "--until", "3d", "--owner", HOSTILE)
    run_once(settings_of(folder))
    assert supervisor(folder, *ack).returncode == 0
    (folder / "hosts/piha/notes.yaml").write_text(f"x: {HOSTILE}\n")
    client = open_page()

    for path in (*PAGES, f"/services?q={HOSTILE}", f"/target/piha/{HOSTILE}"):
        shown = client.get(path).text
        assert "<img" not in shown, path
        assert "&lt;img src=x onerror" in shown or path not in {"/", "/wall", "/target/piha/web"}, path
        assert "\u202e" not in shown, path


def test_the_badge_is_a_picture_that_says_the_state(open_page, folder):
    run_once(settings_of(folder))

    badge = open_page().get("/badge.svg")

    assert badge.headers["content-type"].startswith("image/svg+xml")
    assert ET.fromstring(badge.text).get("aria-label") == "fleet: nominal"


def test_nothing_is_loaded_from_elsewhere_and_no_script_stands_in_a_page(quiet_page):
    for path in (*PAGES, "/sign-in"):
        answer = quiet_page.get(path)
        assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', answer.text), path
        assert not re.findall(r"<script(?![^>]* src=)|\son\w+=", answer.text), path
        assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_an_unreadable_world_is_said(open_page, folder):
    (folder / "world/services.json").write_text('{"piha/web": {"stat')

    assert "Nothing can be said of the present" in open_page().get("/").text


@pytest.fixture(scope="module", params=[True, False], ids=["after a run", "before any"])
def client(request, tmp_path_factory):
    """Return the page of a fleet in drift."""
    folder = tmp_path_factory.mktemp("drift")
    write_home(folder)
    write_world(folder, mosquitto="exited", web="ok", db="ok")
    if request.param:
        run_once(settings_of(folder))
    with browse(settings_of(folder)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("path", "given"),
    [
        pytest.param("/api/v1/status", None, id="status"),
        pytest.param("/api/v1/fleet", None, id="fleet"),
        pytest.param("/api/v1/targets/{node}/{service}", ("piha", "mosquitto"), id="a service"),
        pytest.param("/api/v1/targets/{node}/{service}", ("piha", "all"), id="a node"),
        pytest.param("/api/v1/targets/{node}/{service}", ("piha", "nobody"), id="nothing of that name"),
        pytest.param("/api/v1/actions", None, id="actions, with automation off"),
    ],
)
def test_each_answer_is_as_the_interface_describes_it(client, path, given):
    described = client.get("/api/v1/openapi.json").json()

    answer = client.get(path.format(**dict(zip(("node", "service"), given or (), strict=False))))

    schema = described["paths"][path]["get"]["responses"][str(answer.status_code)]["content"]["application/json"][
        "schema"
    ]
    Draft202012Validator({**schema, "components": described["components"]}).validate(answer.json())


def without_numbers(document):
    return re.sub(r"\d+(\.\d+)?", "0", json.dumps(document, sort_keys=True))


def test_the_interface_gives_what_the_commands_print(open_page, folder):
    write_world(folder, mosquitto="exited", web="ok", db="ok")
    run_once(settings_of(folder))
    client = open_page()
    home = {"SUPERVISOR_" + name.upper(): str(getattr(settings_of(folder), name)) for name in PLACES}

    for path, command in (("status", ["status"]), ("targets/piha/mosquitto", ["explain", "piha/mosquitto"])):
        told = json.loads(supervisor(folder, *command, "--json", **home).stdout)
        answer = client.get(f"/api/v1/{path}").json()
        assert without_numbers(answer) == without_numbers(told)  # ages grew between the two


def test_the_interface_is_described(quiet_page):
    described = quiet_page.get("/api/v1/openapi.json").json()

    assert set(described["paths"]) == {
        "/healthz",
        "/metrics",
        "/badge.svg",
        "/api/v1/status",
        "/api/v1/fleet",
        "/api/v1/targets/{node}/{service}",
        "/api/v1/actions",
    }


def test_the_opening_line_says_how_old_the_last_run_is_and_when_the_next_is_due(open_page, folder):
    settings = settings_of(folder)
    for ago_s in (130, 90, 50):
        write_world(folder, ago_s, mosquitto="ok", web="ok", db="ok")
        run_once(settings, datetime.now(UTC) - timedelta(seconds=ago_s))

    shown = re.sub(r"<[^>]*>", "", open_page().get("/").text)

    assert "3 of 3 services, 1 of 1 node as asked" in shown
    assert re.search(r"last run 5\d s ago, next in \d+ s|last run 5\d s ago, next is due", shown), shown


def test_where_nothing_was_recorded_for_long_the_head_is_grey_without_script_too(open_page, folder):
    client = open_page()
    assert "No run was recorded yet" in client.get("/").text
    old = datetime.now(UTC) - timedelta(hours=1)
    write_world(folder, 3600, mosquitto="ok", web="ok", db="ok")
    run_once(settings_of(folder), old)

    deadline = time.monotonic() + 20
    while "Nobody records runs any more" not in (shown := client.get("/").text):
        assert time.monotonic() < deadline
        time.sleep(0.1)

    assert re.search(r'<header class="\w+ old"', shown)


def test_a_skipped_run_leaves_the_last_known_state(open_page, folder):
    run_once(settings_of(folder))
    (folder / "world/services.json").write_text('{"piha/web": {"stat')
    run_once(settings_of(folder))

    client = open_page()

    assert "Last known: nominal" in client.get("/").text
    assert client.get("/healthz").text == "the last run was skipped\n"


def test_a_service_that_is_not_seen_is_not_green(open_page, folder):
    write_world(folder, 3600, mosquitto="ok", web="ok", db="ok")

    client = open_page()
    shown, service = client.get("/").text, client.get("/target/piha/db").text

    assert "0 of 3 services, 0 of 1 node as asked" in shown
    assert '<div class="node unknown">' in shown
    assert '<header class="unknown">' in service
    assert "nothing is seen of piha" in service


def test_of_more_services_than_a_page_holds_the_troubled_are_shown(open_page, folder, monkeypatch):
    monkeypatch.setattr(pages, "MOST_SERVICES", 1)
    write_world(folder, mosquitto="ok", web="exited", db="ok")

    shown = open_page().get("/services").text

    assert re.findall(r'<td><a href="/target/piha/(\w+)">', shown) == ["web"]
    assert "and 2 more" in shown


def test_a_target_is_told_in_the_words_of_the_terminal_and_leads_to_its_root_cause(open_page, folder):
    write_world(folder, mosquitto="exited", web="exited", db="ok")

    shown = open_page().get("/target/piha/web").text

    for line in (
        "needs mosquitto (",
        "status exited, last seen 20",
        "observed &#39;exited&#39;, ",
        "judged <span",
    ):
        assert line in shown
    assert 'Root cause: <a href="/target/piha/mosquitto">' in shown


def test_each_service_has_a_row_of_its_days_and_can_be_found(open_page, folder):
    write_world(folder, mosquitto="exited", web="ok", db="ok")
    run_once(settings_of(folder))
    client = open_page()

    found = client.get("/services", params={"q": "PIHA/mos"}).text

    assert re.findall(r'href="/target/piha/(\w+)"', found) == ["mosquitto"]
    assert 'class="error" style="flex:1 0 0"' in found
    assert "1 of 3" in found


@pytest.mark.parametrize(
    "asked",
    [
        "since=7d",
        "since=2026-01-01&until=2026-01-31",
        "since=never",
        "until=%00",
        "until=9999-12-31",
        "until=0001-01-01",
    ],
)
def test_every_range_of_the_past_is_answered(quiet_page, asked):
    answer = quiet_page.get(f"/past?{asked}")

    assert answer.status_code == 200
    assert "Nothing is told of that time" in answer.text


@pytest.mark.parametrize("path", ["/services?q=a%26b", "/target/piha/web", "/actions", "/policy"])
def test_a_page_of_now_asks_for_itself_when_the_fleet_was_judged_anew(quiet_page, path):
    shown = quiet_page.get(path).text
    renewed = {row: re.findall(f'{row}="([^"]*)"', shown) for row in ("hx-get", "hx-select", "sse-connect")}

    assert renewed["hx-get"] == [path.replace("&", "&amp;")]
    assert renewed["hx-select"] == ["#part"]
    assert re.fullmatch(r"/changes\?since=\d+", renewed["sse-connect"][0])
    assert shown.count('id="part"') == 1


def test_a_command_to_copy_names_the_settings_that_the_page_was_started_with(folder):
    write_world(folder, mosquitto="exited", web="ok", db="ok")
    file = folder / "my lab.yaml"
    file.write_text("{}")

    with browse(settings_of(folder), file) as client:
        named = client.get("/target/piha/mosquitto").text
    with browse(settings_of(folder)) as client:
        plain = client.get("/target/piha/mosquitto").text

    assert f"<code>supervisor explain piha/mosquitto --config &#39;{file}&#39;</code>" in named
    assert "<code>supervisor explain piha/mosquitto</code>" in plain


def test_a_mistyped_address_leads_back(newcomer):
    lost = newcomer.get("/servcies")

    assert (lost.status_code, '<a class="button" href="/">' in lost.text) == (404, True)
    assert newcomer.get("/api/v1/servcies").json() == {"detail": "Not Found"}


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_whole_without_script(quiet_page, path):
    shown = quiet_page.get(path).text

    assert shown.count("<main>") == shown.count("</main>") == 1
    assert "None" not in re.sub(r"<[^>]*>", "", shown)

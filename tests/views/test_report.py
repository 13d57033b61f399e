"""The report shows the present and the past, escapes what others wrote, and loads nothing."""

import base64
import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from flows.render.figures import draw_causes
from flows.render.html import MOST_NODES_IN_FULL, draw_past, to_html
from flows.render.plots import Scale, Slots, draw_heat, draw_openings, draw_states, draw_timeline
from flows.settings import load_settings
from flows.text.spoken import spoken_target
from flows.views.fleet_page import gather_page
from tests.helpers import fleet_on_disk
from tests.helpers.browser import CHROMIUM, PATIENCE_S, open_browser
from tests.helpers.examples import HOMELAB
from tests.helpers.homelab import EVENING, reconcile, supervisor

MOMENT = datetime.fromisoformat(EVENING)
HOSTILE = '</title><script>alert(1)</script><img src="http://192.0.2.1/x">'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of a supervisor with a short past and a report."""
    folder = tmp_path_factory.mktemp("report")
    begun = MOMENT - timedelta(minutes=30)
    calm = write_calm(tmp_path_factory.mktemp("calm"), begun)
    for minute, world in ((0, calm), (10, HOMELAB / "world"), (20, HOMELAB / "world")):
        reconcile(folder, as_of=(begun + timedelta(minutes=minute)).isoformat(), SUPERVISOR_WORLD=str(world))
    ran = supervisor(folder, "report", "--as-of", EVENING, "--since", "2h", "-o", str(folder / "report.html"))
    assert ran.returncode == 0, ran.stderr
    return folder


def write_calm(folder, moment):
    """Write a world in which all is as asked, seen at that moment."""
    for name in ("nodes", "services"):
        records = json.loads((HOMELAB / "world-nominal" / f"{name}.json").read_text())
        seen = {key: record | {"last_seen": moment.isoformat()} for key, record in records.items()}
        (folder / f"{name}.json").write_text(json.dumps(seen))
    return folder


class Elements(HTMLParser):
    """Collects the elements, and the addresses that any of them names."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.addresses += [value for name, value in attributes if name in {"src", "href", "data", "action", "srcset"}]


def test_it_shows_the_present_and_the_past(folder):
    text = (folder / "report.html").read_text()

    for part in ("Unstable", "failover review", "What explains what", "Availability", "saturn", "striped"):
        assert part in text
    assert (folder / "report.html").stat().st_mode & 0o777 == 0o644


def test_it_names_no_address_and_runs_one_script_that_its_policy_allows(folder):
    text = (folder / "report.html").read_text()
    found = Elements(text)

    assert found.addresses == ["data:,"]
    [script] = re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'\"" in text
    assert not re.search(r"https?://|url\(|@import", text)


def test_without_a_history_it_says_so(tmp_path):
    settings = load_settings({"inventory": HOMELAB, "world": HOMELAB / "world", "state_dir": tmp_path}).settings

    assert "There is no history of this period yet" in to_html(gather_page(settings, MOMENT, timedelta(days=30)))


def test_without_a_readable_world_it_shows_the_past_alone(folder):
    world = str(HOMELAB / "world-torn")
    asked = ["report", "--as-of", EVENING, "--since", "2h", "-o", str(folder / "torn.html")]
    ran = supervisor(folder, *asked, SUPERVISOR_WORLD=world)
    text = (folder / "torn.html").read_text()

    assert ran.returncode == 3
    assert "Nothing can be said of the present" in text
    assert "Availability" in text


def test_foreign_text_is_escaped(tmp_path):
    world = tmp_path / "world"
    world.mkdir()
    service = {"piha/mosquitto": {"status": HOSTILE + "\x1b[31m\u202e", "last_seen": EVENING}}
    (world / "services.json").write_text(json.dumps(service))
    (world / "nodes.json").write_text(json.dumps({"piha": {"status": "online", "last_seen": EVENING}}))
    settings = load_settings({"inventory": HOMELAB, "world": world, "state_dir": tmp_path / "state"}).settings
    text = to_html(gather_page(settings, MOMENT, timedelta(days=1)))

    assert "alert(1)" in text
    assert (text.count("<script"), "img" in Elements(text).tags) == (1, False)
    assert not {"\x1b", "\u202e"} & set(text)


def test_a_period_that_has_not_begun_is_refused(tmp_path):
    assert supervisor(tmp_path, "report", "--since", "2100-01-01T00:00:00Z").returncode == 1


def test_a_moment_has_its_place_and_one_outside_is_at_the_edge():
    scale = Scale(datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 11, tzinfo=UTC))

    assert [scale.at(datetime(2026, month, 6, tzinfo=UTC)) for month in (4, 5, 6)] == [0, 50, 100]
    assert [tick["text"] for tick in scale.ticks()] == ["May 2", "May 4", "May 6", "May 8", "May 10"]


@pytest.mark.parametrize(
    ("days", "name", "count", "first"),
    [
        (1, "hour", 25, datetime(2026, 5, 31, 7, tzinfo=UTC)),
        (30, "day", 31, datetime(2026, 5, 2, tzinfo=UTC)),
        (200, "week", 30, datetime(2025, 11, 10, tzinfo=UTC)),
    ],
)
def test_a_period_has_hours_days_or_weeks_that_fill_the_width(days, name, count, first):
    until = datetime(2026, 6, 1, 7, 30, tzinfo=UTC)
    slots = Slots(until - timedelta(days=days), until)
    columns = list(slots.columns().values())

    assert (slots.name, len(columns), slots.all[0]) == (name, count, first)
    assert columns[-1]["x"] + columns[-1]["width"] == pytest.approx(100, abs=0.1)
    assert 1 < len(slots.ticks()) <= 7


def test_a_root_cause_has_a_curve_to_each_that_it_explains():
    (picture,) = draw_causes([("piha/mqtt", [(f"piha/s{number}", "waits") for number in range(15)])])

    assert (len(picture["ends"]), picture["more"]) == (12, 3)
    assert len({end["path"] for end in picture["ends"]}) == 12


@pytest.mark.parametrize(
    ("cause", "name", "shown"),
    [
        ("saturn/all", "saturn/immich", "immich"),
        ("saturn/all", "solaria/immich-ml", "solaria/immich-ml"),
        ("piha/mqtt", "rack-1-worker-12/service-7", "rack-1-wo…/service-7"),
    ],
)
def test_a_pill_says_what_tells_it_from_others(cause, name, shown):
    (picture,) = draw_causes([(cause, [(name, "waits")])])

    assert (picture["ends"][0]["name"], picture["ends"][0]["whole"]) == (shown, name)


def test_the_first_day_is_told_by_the_hour(tmp_path):
    hosts, settings = {"a": "services: [web]"}, {"inventory": tmp_path, "world": tmp_path / "world"}
    for minute in (0, 20, 40):
        at = fleet_on_disk.NOON + timedelta(minutes=minute)
        fleet_on_disk.reconcile(tmp_path, hosts, {"a/web": fleet_on_disk.OK}, as_of=at, dry_run=False)
    loaded = load_settings({**settings, "state_dir": tmp_path / "state"}).settings
    page = gather_page(loaded, fleet_on_disk.NOON + timedelta(minutes=45), timedelta(days=30))

    past = draw_past(page)["past"]

    assert past["states"]["slot"] == past["openings"]["slot"] == "hour"
    assert [part["height"] for column in past["states"]["columns"] for part in column["parts"]] == [66.67]
    assert f"since {fleet_on_disk.NOON:%Y-%m-%d}" in to_html(page)


@pytest.mark.parametrize(
    ("seen_at", "said"),
    [
        pytest.param("2026-06-01T00:00:00Z", "No service could be judged in this time.", id="a stale world"),
        pytest.param(None, "the least available first", id="a world of now"),
    ],
)
def test_availability_says_so_where_nothing_could_be_judged(tmp_path, seen_at, said):
    files = {"world/runtime-summary.json": {"last_update": seen_at}} if seen_at else {}
    records = {"a/web": fleet_on_disk.OK}
    for minute in (0, 20):
        at = fleet_on_disk.NOON + timedelta(minutes=minute)
        fleet_on_disk.reconcile(tmp_path, fleet_on_disk.WEB, records, as_of=at, dry_run=False, files=files)
    places = {"inventory": tmp_path, "world": tmp_path / "world", "state_dir": tmp_path / "state"}
    text = to_html(gather_page(load_settings(places).settings, at, timedelta(days=1)))

    both = ("No service could be judged in this time.", "the least available first")
    assert [one for one in both if one in text] == [said]


def test_in_a_large_fleet_what_agrees_is_counted(tmp_path):
    nodes = [f"node-{number:02}" for number in range(MOST_NODES_IN_FULL + 1)]
    told = {f"{node}/{name}": fleet_on_disk.OK for node in nodes for name in ("web", "db")}
    fleet_on_disk.reconcile(
        tmp_path, dict.fromkeys(nodes, "services: [web, db]"), told | {"node-00/web": fleet_on_disk.BAD}
    )
    places = {"inventory": tmp_path, "world": tmp_path / "world", "state_dir": tmp_path / "state"}
    text = to_html(gather_page(load_settings(places).settings, fleet_on_disk.NOON, timedelta(days=1)))

    assert text.count('<div class="node ') == 2
    assert f"{MOST_NODES_IN_FULL} nodes" in text
    assert "1 as asked" in text


def test_the_shares_of_the_states_add_up(folder):
    settings = load_settings({"inventory": HOMELAB, "world": HOMELAB / "world", "state_dir": folder / "state"}).settings
    page = gather_page(settings, MOMENT, timedelta(hours=2))
    drawn = draw_states(page.past, page.since, page.as_of)

    assert sum(part["share"] for part in drawn["shares"]) == pytest.approx(1)
    assert [part["tone"] for column in drawn["columns"] for part in column["parts"]] == ["nominal", "unstable"]
    assert [part["height"] for part in drawn["columns"][-1]["parts"]] == [16.67, 16.67]  # ten minutes of the hour


def test_every_episode_is_in_each_picture_of_them(folder):
    settings = load_settings({"inventory": HOMELAB, "world": HOMELAB / "world", "state_dir": folder / "state"}).settings
    page = gather_page(settings, MOMENT, timedelta(hours=2))
    period = (page.past, page.since, page.as_of)
    timeline = draw_timeline(*period)
    bars = [bar for row in timeline["rows"] for bar in row["bars"]]
    shown = {row["name"] for row in timeline["rows"]}
    names = [spoken_target(*aim) for aim in page.past.episodes.select("node", "service").iter_rows()]
    opened = draw_openings(*period)
    cells = [cell for row in draw_heat(*period)["rows"] for cell in row["cells"]]

    assert len(bars) == sum(name in shown for name in names)
    assert len(set(names)) == len(shown) + timeline["rest"]
    assert page.past.episodes.height == opened["most"]
    of_nodes = [name for name in names if name != "fleet"]
    assert sum(int(cell["text"].split()[-2]) for cell in cells) == len(of_nodes)
    first_s = (page.past.episodes["opened_at"].min() - page.since).total_seconds()
    assert min(bar["x"] for bar in bars) == pytest.approx(100 * first_s / 7200, abs=0.001)
    assert max(cell["share"] for cell in cells) == 100


def test_each_picture_says_in_words_what_it_shows(folder):
    text = (folder / "report.html").read_text()
    pictures = re.findall(r'role="img" aria-label="([^"]*)"', text)

    assert len(pictures) == text.count('role="img"')
    assert all(pictures)
    assert any("saturn explains saturn/immich (held back)" in words for words in pictures)
    assert set(re.findall(r'aria-labelledby="(\w+)"', text)) == set(re.findall(r'<h2 id="(\w+)"', text))


def test_every_run_writes_the_report_file_and_a_browser_looks_again(tmp_path):
    file = tmp_path / "fleet.html"
    for world in ("world", "world-torn"):
        reconcile(tmp_path, as_of=EVENING, SUPERVISOR_WORLD=str(HOMELAB / world), SUPERVISOR_REPORT_FILE=str(file))
        text = file.read_text()
        assert ("<h1>Unstable</h1>" in text) == (world == "world")
        assert '<meta http-equiv="refresh" content="60">' in text

    assert "Last known: unstable" in text
    assert file.stat().st_mode & 0o777 == 0o644


def test_a_report_file_that_cannot_be_written_is_a_note_and_fails_no_run(tmp_path):
    ran = reconcile(tmp_path, as_of=EVENING, SUPERVISOR_REPORT_FILE=str(tmp_path / "nowhere" / "fleet.html"))

    assert "report: " in ran.stdout + ran.stderr
    assert (tmp_path / "checkpoint.json").exists() or list(tmp_path.glob("*checkpoint*"))


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
def test_no_request_leaves_the_page_and_it_fits_and_is_readable_wide_and_narrow_light_and_dark(folder, tmp_path):
    backgrounds, requests, contrasts = set(), [], []
    measure = (Path(__file__).parents[1] / "helpers" / "contrast.js").read_text()
    with open_browser(tmp_path) as page:
        page.call("Network.enable")
        page.call("Page.enable")
        for width in (1240, 390):
            for theme in ("light", "dark"):
                page.call(
                    "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
                )
                page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
                requests += visit(page, f"file://{folder}/report.html")
                probe = "[document.documentElement.scrollWidth, getComputedStyle(document.body).backgroundColor]"
                found = page.call("Runtime.evaluate", expression=probe, returnByValue=True)["result"]["value"]
                assert found[0] <= width
                backgrounds.add(found[1])
                contrasts.append(
                    page.call("Runtime.evaluate", expression=measure, returnByValue=True)["result"]["value"]
                )

    assert {address.split(":")[0] for address in requests} <= {"file", "data"}
    assert len([address for address in requests if address.startswith("file:")]) == 4
    assert len(backgrounds) == 2
    assert min(contrasts)[0] >= 4.5, min(contrasts)


def visit(page, address):
    """Open a page, and return the addresses of the requests that it made until it was loaded and quiet."""
    page._connection.send(json.dumps({"id": 10**6, "method": "Page.navigate", "params": {"url": address}}))
    asked, is_loaded = [], False
    while True:
        try:
            event = json.loads(page._connection.recv(timeout=1.5 if is_loaded else PATIENCE_S))
        except TimeoutError:
            assert is_loaded, address
            return asked
        is_loaded = is_loaded or event.get("method") == "Page.loadEventFired"
        if event.get("method") == "Network.requestWillBeSent":
            asked.append(event["params"]["request"]["url"])

"""The report shows the present and the past, escapes what others wrote, and loads nothing."""

import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from flows.page import gather_page
from flows.render.figures import Scale, draw_causes, draw_states
from flows.render.html import to_html
from flows.settings import load_settings
from tests.browser import CHROMIUM, PATIENCE_S, open_browser
from tests.examples import HOMELAB
from tests.homelab import EVENING, reconcile, supervisor

MOMENT = datetime.fromisoformat(EVENING)
HOSTILE = '</title><script>alert(1)</script><img src="http://192.0.2.1/x">'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of a supervisor with a short past and a report."""
    folder = tmp_path_factory.mktemp("report")
    for minute, world in ((0, "world-nominal"), (10, "world"), (20, "world")):
        moment = MOMENT + timedelta(minutes=minute - 30)
        reconcile(folder, as_of=moment.isoformat(), SUPERVISOR_WORLD=str(HOMELAB / world))
    ran = supervisor(folder, "report", "--as-of", EVENING, "--since", "2h", "-o", str(folder / "report.html"))
    assert ran.returncode == 0, ran.stderr
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

    for part in ("Unstable", "failover review", "What explains what", "Availability", "saturn/all", "striped"):
        assert part in text
    assert (folder / "report.html").stat().st_mode & 0o777 == 0o644


def test_it_names_no_address_and_runs_nothing(folder):
    text = (folder / "report.html").read_text()
    found = Elements(text)

    assert found.addresses == ["data:,"]
    assert "script" not in found.tags
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
    assert {"script", "img"} & Elements(text).tags == set()
    assert not {"\x1b", "\u202e"} & set(text)


def test_a_period_that_has_not_begun_is_refused(tmp_path):
    assert supervisor(tmp_path, "report", "--since", "2100-01-01T00:00:00Z").returncode == 1


def test_a_moment_has_its_place_and_one_outside_is_at_the_edge():
    scale = Scale(datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 11, tzinfo=UTC), 100, 1000)

    assert [scale.at(datetime(2026, month, 6, tzinfo=UTC)) for month in (4, 5, 6)] == [100, 600, 1100]
    assert [tick["text"] for tick in scale.ticks()] == ["May 2", "May 4", "May 6", "May 8", "May 10"]


def test_a_root_cause_has_a_curve_to_each_that_it_explains():
    (picture,) = draw_causes([("piha/mqtt", [(f"piha/s{number}", "waits") for number in range(15)])])

    assert (len(picture["ends"]), picture["more"]) == (12, 3)
    assert len({end["path"] for end in picture["ends"]}) == 12


def test_the_shares_of_the_states_add_up(folder):
    settings = load_settings({"inventory": HOMELAB, "world": HOMELAB / "world", "state_dir": folder / "state"}).settings
    page = gather_page(settings, MOMENT, timedelta(hours=2))
    drawn = draw_states(page.past, page.since, page.as_of)

    assert sum(part["share"] for part in drawn["shares"]) == pytest.approx(1)
    assert [part["state"] for part in drawn["stretches"]] == ["nominal", "unstable"]


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
def test_no_request_leaves_the_page_and_it_fits_wide_and_narrow_light_and_dark(folder, tmp_path):
    backgrounds, requests = set(), []
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

    assert {address.split(":")[0] for address in requests} <= {"file", "data"}
    assert len([address for address in requests if address.startswith("file:")]) == 4
    assert len(backgrounds) == 2


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

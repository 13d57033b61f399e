"""Other sites: each is shown as its own supervisor left it, is never written to, and hides no other."""

import csv
import json
from datetime import UTC, datetime, timedelta

import pytest

from flows.cli import _run
from flows.render.html import to_html
from flows.run.cycle import run_once
from flows.setting_sections import Site
from flows.settings import Settings
from flows.text.values import read_as
from flows.views.fleet_page import gather_page
from flows.views.sites import find_worst, read_sites
from tests.helpers.paged import browse, settings_of, write_home, write_world

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder with two sites that were judged just now: one is well, of the other a service is down."""
    place = tmp_path_factory.mktemp("sites")
    for name in ("calm", "sick"):
        site = place / name
        write_home(site)
        write_world(site, mosquitto="ok", web="exited" if name == "sick" else "ok", db="ok")
        run_once(settings_of(site))
    return place


@pytest.fixture
def copied(place, tmp_path):
    """Return the checkpoint of a copy of the calm site, to be spoiled."""
    file = tmp_path / "copy" / "checkpoint.json"
    file.parent.mkdir()
    file.write_bytes((place / "calm/checkpoint.json").read_bytes())
    return file


def look(now=None, **sites):
    return read_sites(read_as(Settings, {"sites": sites}), now or datetime.now(UTC))


def snapshot(folder):
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(folder.rglob("*"))}


def test_each_site_has_the_state_that_its_own_supervisor_gave_it(place):
    calm, sick = look(
        calm=place / "calm/state", sick={"state_dir": place / "sick/state", "url": "https://sick.example"}
    )

    assert (calm.tone, sick.tone, calm.problem, sick.url) == ("nominal", "degraded", None, "https://sick.example")
    assert sick.status.last_run.counts["well_service_count"] == 2


def spoil_version(file):
    file.write_bytes(file.read_bytes().replace(b'"version":1', b'"version":9', 1))


@pytest.mark.parametrize(
    ("spoil", "later", "says", "is_known"),
    [
        pytest.param(lambda file: file.unlink(), 0, "no run of it is here", False, id="no checkpoint"),
        pytest.param(lambda file: (file.unlink(), file.parent.rmdir()), 0, "no such folder", False, id="no folder"),
        pytest.param(lambda file: file.write_bytes(file.read_bytes()[:300]), 0, "it is cut", False, id="cut"),
        pytest.param(lambda file: file.write_bytes(bytes(400)), 0, "it is cut or not JSON", False, id="no JSON"),
        pytest.param(spoil_version, 0, "was written by a newer supervisor", False, id="a newer supervisor's"),
        pytest.param(lambda _: None, 7200, "nothing new for 2 h", True, id="old"),
        pytest.param(lambda _: None, -7200, "lies in the future", True, id="of the future"),
    ],
)
def test_a_site_whose_files_do_not_speak_for_now_is_unknown_and_hides_no_other(
    copied, place, spoil, later, says, is_known
):
    spoil(copied)
    now = datetime.now(UTC) + timedelta(seconds=later)

    spoiled, sick = look(now, spoiled=copied.parent, sick=place / "sick/state")

    last = spoiled.status.last_run if spoiled.status else None
    assert (spoiled.tone, last is not None) == ("unknown", is_known)
    assert says in spoiled.problem
    assert sick.status.state == "degraded"


def test_the_worst_site_is_the_overview_and_an_unknown_one_may_be_bad(place):
    assert find_worst(look(calm=place / "calm/state", gone=place / "gone")) == "unknown"
    assert find_worst(look(calm=place / "calm/state", sick=place / "sick/state")) == "degraded"


def test_the_overview_reads_alone_and_needs_no_inventory_here(place, tmp_path):
    before = snapshot(place)
    sites = {"calm": place / "calm/state", "<i>": place / "sick/state", "gone": place / "gone"}
    own = {"inventory": tmp_path, "state_dir": tmp_path / "state", "checkpoint": tmp_path / "none"}
    settings = read_as(Settings, {**own, "sites": sites})
    page = gather_page(settings, datetime.now(UTC), DAY)
    text = to_html(page)

    assert (page.problem, page.is_overview) == (None, True)
    assert "1 of 3 sites nominal; there is no inventory here" in text
    assert "2 of 3 services as asked" in text
    assert "&lt;i&gt;" in text
    assert snapshot(place) == before


def test_the_live_page_begins_with_the_sites(place, tmp_path):
    write_home(tmp_path)
    with browse(settings_of(tmp_path, sites={"sick": Site(state_dir=place / "sick/state")})) as client:
        shown = client.get("/").text

    assert "Nominal" in shown
    assert shown.index("each judged by its own supervisor") < shown.index("What to do first")


@pytest.fixture
def say(place, tmp_path, monkeypatch, capsys):
    """Return what runs a command line where the sites are set, and gives the exit code and both outputs."""
    lines = [f"  {name}: {place / name / 'state'}" for name in ("calm", "sick")]
    (tmp_path / "supervisor.yaml").write_text("\n".join(["sites:", *lines, "  gone: nowhere"]))
    monkeypatch.chdir(tmp_path)

    def run(line):
        return (_run(line.split()), *capsys.readouterr())

    return run


def test_the_history_of_sites_names_the_site_of_each_row_and_those_that_cannot_be_read(say):
    code, out, error = say("history --format csv")
    rows = list(csv.DictReader(out.splitlines()))

    assert (code, [(row["site"], row["service"]) for row in rows]) == (1, [("sick", "web")])
    assert "gone: " in error
    assert "nowhere: no such folder" in error


def test_the_history_of_one_site_is_asked_by_its_name(say):
    code, out, error = say("history --site sick --format json")

    assert (code, error) == (0, "")
    assert [(row["site"], row["run_count"]) for row in json.loads(out)["sites"]] == [("sick", 1)]
    assert "did you mean 'sick'" in say("history --site sik")[2]


@pytest.mark.parametrize("way", ["table", "markdown"])
def test_people_read_the_site_in_front_of_each_row(say, way):
    out = say(f"history --format {way} --site calm --site sick")[1]

    assert "site" in out
    assert any(line.strip("| ").startswith("sick") and "piha/web" in line for line in out.splitlines())

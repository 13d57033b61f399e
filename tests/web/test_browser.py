"""The page in a browser: nobody is shut out of it, nothing leaves it, it fits, and it changes when the fleet does."""

import subprocess
import tarfile

import pytest

from tests.helpers.browser import CHROMIUM, open_browser
from tests.helpers.paged import write_world
from tests.helpers.watched import watch_with_page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
AXE = "axe-core@4.14.1"
PATHS = ("/", "/wall", "/services", "/past", "/actions", "/policy", "/target/piha/db", "/target/piha/all", "/sign-in")
LOOKS = [(390, "light"), (1400, "dark"), (1920, "light")]


@pytest.fixture(scope="module")
def axe(tmp_path_factory):
    """Return the source of axe-core, fetched here: a tool of this test alone."""
    folder = tmp_path_factory.mktemp("axe")
    try:
        subprocess.run(["npm", "pack", AXE, "--silent"], cwd=folder, check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        pytest.skip(f"npm does not fetch {AXE}")
    with tarfile.open(next(folder.glob("*.tgz"))) as package:
        source = package.extractfile("package/axe.min.js")
        assert source is not None
        return source.read().decode()


def look(page, width, theme):
    page.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("is_well", [True, False], ids=["nominal", "unstable"])
def test_axe_finds_no_violation_and_nothing_is_wider_than_the_screen(folder, axe, tmp_path_factory, is_well):
    write_world(folder, mosquitto="ok" if is_well else "exited", web="ok", db="ok" if is_well else "exited")
    found = []
    with watch_with_page(folder) as (address, _), open_browser(tmp_path_factory.mktemp("profile")) as page:
        for width, theme in LOOKS:
            look(page, width, theme)
            for path in PATHS:
                page.open(f"{address}{path}")
                page.evaluate(axe)
                told = page.evaluate(
                    "axe.run(document).then(({violations, passes}) => [passes.length, violations.map(v =>"
                    " `${v.id}: ${v.nodes.map(n => n.html.slice(0, 200) + ' ' + n.failureSummary.slice(0, 200)).join(' | ')}`)])"
                )
                assert told[0] > 5, path
                found += [(path, width, theme, violation) for violation in told[1]]
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)

    assert found == []


def test_an_open_page_changes_with_the_fleet_and_asks_nobody_else(folder, tmp_path_factory):
    with watch_with_page(folder) as (address, _), open_browser(tmp_path_factory.mktemp("profile")) as page:
        page.call("Network.enable")
        page.open(f"{address}/")
        page.wait_for("Nominal")
        page.evaluate("document.querySelector('#part a[href=\"/target/piha/db\"]').focus()")
        write_world(folder, mosquitto="exited", web="ok", db="ok")
        page.wait_for(["piha/mosquitto", "redeploy"][0])
        page.wait_for("Degraded")
        names = page.evaluate("performance.getEntriesByType('resource').map(e => e.name)")
        title = page.evaluate("document.title")
        focused = page.evaluate("document.activeElement.getAttribute('href')")

    assert (title, focused) == ("degraded · 2 of 3", "/target/piha/db")
    assert names
    assert [name for name in names if not name.startswith(address)] == []


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("/target/piha/db", "it is as asked", "redeploy"),
        ("/services?q=db", "as asked", "unhealthy service"),
    ],
)
def test_every_page_of_now_changes_with_the_fleet(folder, tmp_path_factory, path, before, after):
    with watch_with_page(folder) as (address, _), open_browser(tmp_path_factory.mktemp("profile")) as page:
        page.open(f"{address}{path}")
        page.wait_for(before)
        assert after not in page.text()
        page.evaluate("window.isTheSame = true")
        write_world(folder, mosquitto="ok", web="ok", db="exited")
        page.wait_for(after)
        assert page.evaluate("window.isTheSame")
        assert page.evaluate("document.querySelectorAll('main, #part').length") == 2


def test_a_page_without_its_server_says_so_and_turns_grey(folder, tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp("profile")) as page:
        with watch_with_page(folder) as (address, _):
            page.open(f"{address}/")
            page.wait_for("Nominal")
        page.wait_for("This page has lost its server")
        assert page.evaluate("document.title") == "no answer · nominal · 3 of 3"
        assert page.evaluate("document.querySelector('[role=status]').textContent") == "no answer · nominal · 3 of 3"
        assert page.evaluate("document.querySelector('header').classList.contains('cut')")


def test_an_operator_signs_in_and_acknowledges(folder, tmp_path_factory):
    write_world(folder, mosquitto="exited", web="ok", db="ok")
    with watch_with_page(folder) as (address, _), open_browser(tmp_path_factory.mktemp("profile")) as page:
        page.open(f"{address}/sign-in")
        password = (folder / "state" / "web" / "password").read_text().strip()
        send(page, password=password)
        page.wait_for("sign out")
        page.open(f"{address}/do/ack?target=piha/mosquitto")
        send(page, reason="known", until="2h")
        page.wait_for("Done")

    assert "known" in (folder / "state" / "acknowledgements.json").read_text()


def send(page, **values):
    """Fill in the form of the page, and press its button."""
    for name, value in values.items():
        page.evaluate(f"document.querySelector('form.deed [name={name}]').value = '{value}'")
    page.evaluate("document.querySelector('form.deed button.main').click()")

"""The run's pages, as a browser shows them."""

import pytest

from tests.helpers.browser import CHROMIUM, open_browser

pytestmark = [
    pytest.mark.server,
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


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

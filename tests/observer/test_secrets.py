"""A secret of a container is in nothing that anybody can read: no file, screen, report, page, metric, log or message."""

import json
import subprocess

import pytest

from flows.cli import _run
from flows.settings import load_settings
from tests.helpers.fake_engine import FakeEngine, composed
from tests.helpers.inbox import open_inbox
from tests.helpers.paged import browse
from tests.helpers.program import SUPERVISOR

MARKER = "s3cr3t-marker"
PASSWORD = "pr0be-password"
"""In an address of the inventory, which is the operator's own and is kept as it is."""
SCREENS = [
    *(["reconcile", "--format", name] for name in ("table", "json", "markdown", "sarif", "junit")),
    ["observe", "--check"],
    ["status"],
    ["explain", "piha/web"],
    ["check", "--json"],
    ["history"],
    ["log", "tail"],
    ["metrics"],
    ["doctor", "--json"],
    ["actions", "list"],
]
PAGES = ["/", "/wall", "/nodes/piha", "/services/piha/web", "/past", "/actions", "/policy", "/metrics", "/api/v1/status", "/badge.svg"]  # fmt: skip


@pytest.fixture
def home(tmp_path):
    node = tmp_path / "inv/hosts/piha"
    node.mkdir(parents=True)
    (node / "services.yaml").write_text(
        f'services: {{web: , probed: {{runtime: {{probe: "http://user:{PASSWORD}@127.0.0.1:9/"}}}}}}\n'
    )
    settings = tmp_path / "supervisor.yaml"
    names = {"inventory": "inv", "world": "world", "state_dir": "state", "event_log": "log", "checkpoint": "checkpoint"}
    more = {"keep_archive": True, "metrics_file": "metrics.prom", "actions": {"automation": "observe"}}
    settings.write_text(json.dumps(names | more))
    (tmp_path / "state").mkdir(mode=0o700)
    return tmp_path


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_secret_of_a_container_is_in_no_file_screen_page_or_message(home, capfd, monkeypatch):
    secret = composed(
        "shop", "web", env=[f"PASSWORD={MARKER}"], cmd=["sh", MARKER], labels={"auth": MARKER},
        health="unhealthy", health_log=MARKER, error=MARKER,
    )  # fmt: skip
    told = ""
    config = ["--config", str(home / "supervisor.yaml")]
    with FakeEngine([secret], home / "e") as fake, open_inbox() as inbox:
        (home / "inv/hosts/piha/node.yaml").write_text(json.dumps({"observe": {"docker": fake.url}}))
        monkeypatch.setenv("SUPERVISOR_NOTIFY_URLS", inbox.address)
        for command in [["observe", "--once"], ["observe", "--once"]]:
            assert _run([*command, *config]) == 0
        judged = subprocess.run([*SUPERVISOR, "reconcile", *config], capture_output=True, text=True, check=False)
        told += judged.stdout + judged.stderr
        for command in SCREENS:
            code, (out, err) = _run([*command, *config]), capfd.readouterr()
            assert code in {0, 2} or "error:" not in err, (command, err)
            told += out + err
        assert _run(["report", "--output", str(home / "report.html"), *config]) in {0, 2}, capfd.readouterr()
        with browse(load_settings({}, home / "supervisor.yaml").settings) as browser:
            pages = [browser.get(page).text for page in PAGES]
        messages = json.dumps(inbox.posts)

    files = [path for path in home.rglob("*") if path.is_file() and path.name != "services.yaml"]
    assert "unhealthy" in told
    assert "web" in messages
    assert len(files) > 15
    assert [path for path in files if MARKER.encode() in path.read_bytes()] == []
    assert PASSWORD.encode() not in b"".join(path.read_bytes() for path in files if "world" in path.parts)
    assert PASSWORD not in (home / "state/observer.json").read_text()
    assert PASSWORD not in told + "".join(pages) + messages
    assert MARKER not in told + "".join(pages) + messages

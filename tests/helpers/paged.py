"""A small home with a page: what is in it, how to look at it, and how to sign in."""

import json
import re
import time
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from flows.setting_sections import WebSettings
from flows.settings import Settings
from flows.text.values import read_as
from flows.web.app import make_app

DEED = {"target": "piha/db", "reason": "because", "until": "3d"}


def write_world(folder: Path, age_s: float = 0, **statuses: str) -> None:
    """Put a world of now, or of so long ago, in the place of the one before."""
    world = folder / "world"
    world.mkdir(exist_ok=True)
    seen = time.time() - age_s
    (world / "nodes.json").write_text(json.dumps({"piha": {"status": "online", "last_seen": seen}}))
    services = {f"piha/{name}": {"status": status, "last_seen": seen} for name, status in statuses.items()}
    whole = world / "services.json.new"
    whole.write_text(json.dumps(services))
    whole.replace(world / "services.json")


def write_home(folder: Path) -> None:
    """Write an inventory of three services, and a world in which all is as asked."""
    (folder / "hosts/piha").mkdir(parents=True)
    services = "services:\n  mosquitto:\n  web:\n    depends_on: [mosquitto]\n  db:\n"
    (folder / "hosts/piha/services.yaml").write_text(services)
    write_world(folder, mosquitto="ok", web="ok", db="ok")


def settings_of(folder: Path, web: dict[str, Any] | None = None, **others: Any) -> Settings:
    """Return the home's settings."""
    return Settings(
        inventory=folder,
        world=folder / "world",
        event_log=folder / "events.log",
        checkpoint=folder / "checkpoint.json",
        state_dir=folder / "state",
        web=read_as(WebSettings, web or {}),
        **others,
    )


def browse(settings: Settings, config: Path | None = None, address: str = "127.0.0.1") -> TestClient:
    """Return a browser at that address, which sees the page as one on this machine does; enter it to start the page."""
    app = make_app(settings, config)
    return TestClient(app, base_url="http://localhost:8300", follow_redirects=False, client=(address, 50000))


def sign_in(client: TestClient, state_dir: Path) -> str:
    """Sign in, and return what forms must send back."""
    answer = client.post("/sign-in", data={"password": (state_dir / "web/password").read_text().strip()})
    assert answer.status_code == 303
    return find_csrf(client.get("/do/ack?target=piha/web").text)


def find_csrf(text: str) -> str:
    """Return the token of a form."""
    found = re.search(r'name="csrf" value="([^"]+)"', text)
    assert found is not None
    return found[1]

"""The image of examples/container, built and run by its compose file on a real engine; `make test-engines` makes what it needs first."""

import hashlib
import http.client
import os
import subprocess
import time
import urllib.parse
from contextlib import closing
from pathlib import Path

import pytest

from tests.lab.base import BASE_IMAGE
from tests.lab.node import until
from tests.lab.places import CACHE

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/container"
IMAGE = "runtime-supervisor"
NAME = "runtime-supervisor-watch-1"
PORT = 8300
LAB = """
services:
  watch:
    network_mode: host
    hostname: !reset
    ports: !reset
    environment: {SUPERVISOR_NOTIFY_URLS: ""}
"""
"""The lab's engines have no network of their own: the page is on the node's."""

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(300)]


class Compose:
    """`docker compose` with the example's file, on a node."""

    def __init__(self, node, folder):
        self.node, self.files = node, ["-f", EXAMPLE / "compose.yaml", "-f", folder / "lab.yaml"]
        (folder / "lab.yaml").write_text(LAB)
        group = node.socket.stat().st_gid
        self.environment = {**os.environ, "NODE": node.name, "DOCKER_GID": str(group), "INVENTORY": str(folder / "inv")}

    def __call__(self, *arguments):
        command = ["docker", "-H", self.node.url, "compose", *self.files, *arguments]
        ran = subprocess.run(command, env=self.environment, check=False, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr[-2000:]
        return ran.stdout

    def ask(self, method, path, body=None, headers=None):
        """Ask the page as somebody on the node would; return the status, the text and the cookie."""
        with closing(http.client.HTTPConnection(self.node.ip, PORT, timeout=10)) as link:
            link.request(method, path, body, {"Host": f"localhost:{PORT}", **(headers or {})})
            answer = link.getresponse()
            return answer.status, answer.read().decode(), (answer.headers["set-cookie"] or "").partition(";")[0]


def docker(node, *arguments, **streams):
    return subprocess.run(["docker", "-H", node.url, *arguments], check=True, **(streams or {"capture_output": True}))


def build(node):
    """Build the image; what the Containerfile installs before the program is kept for the next lab."""
    if not BASE_IMAGE.exists() or not (ROOT / "build/wheelhouse").exists():
        pytest.skip("needs what `make test-engines` makes first: python -m tests.lab.base, make wheelhouse")
    kept = CACHE / f"packages-{sum_of_packages()}.tar"
    if kept.exists():
        with kept.open("rb") as images:
            docker(node, "load", stdin=images, stdout=subprocess.DEVNULL)
    else:
        with BASE_IMAGE.open("rb") as layer:
            docker(node, "import", "-", "base:1", stdin=layer, stdout=subprocess.DEVNULL)
        make_image(node, "packages:1", "--target", "packages")
        for older in CACHE.glob("packages-*.tar"):
            older.unlink()
        docker(node, "save", "-o", kept.with_suffix(".new"), "base:1", "packages:1")
        kept.with_suffix(".new").rename(kept)
    make_image(node, IMAGE, "--cache-from", "packages:1")


def make_image(node, name, *choices):
    choices = [*choices, "--build-arg", "BASE=base:1", "--build-arg", "PIP_NO_INDEX=1", "--network", "none", "-t", name]
    command = ["docker", "-H", node.url, "build", "-f", EXAMPLE / "Containerfile", *choices, ROOT]
    without_plugin = {**os.environ, "DOCKER_BUILDKIT": "0"}
    built = subprocess.run(command, env=without_plugin, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]


def sum_of_packages():
    """Return what changes with anything that the stage `packages` is made of."""
    files = [EXAMPLE / "Containerfile", EXAMPLE / "requirements.lock", ROOT / "requirements.lock"]
    wheels = sorted(path.name for path in (ROOT / "build/wheelhouse").iterdir())
    parts = [
        *(file.read_bytes() for file in files),
        *(name.encode() for name in wheels),
        str(BASE_IMAGE.stat().st_mtime_ns).encode(),
    ]
    return hashlib.sha256(b"\n".join(parts)).hexdigest()[:16]


def sign_in(compose):
    password = compose("exec", "-T", "watch", "cat", "/data/state/web/password").strip()
    form = urllib.parse.urlencode({"password": password})
    status, _, cookie = compose.ask("POST", "/sign-in", form, {"Content-Type": "application/x-www-form-urlencoded"})
    assert status == 303
    return cookie


def test_the_image_looks_judges_and_shows_without_rights_of_its_own(node, tmp_path):
    for service in ("web", "lasting"):
        node.run(service)
    build(node)
    compose, page = Compose(node, tmp_path), f"/target/{node.name}/web"
    (tmp_path / "inv").mkdir()
    own = ["--user", str(os.getuid()), "-v", f"{tmp_path}/inv:/new"]
    compose("run", "--rm", "-T", *own, "watch", "observe", "--init", "/new")

    begun = time.monotonic()
    compose("up", "-d", "--no-build")
    until(lambda: compose.ask("GET", "/healthz")[0] == 200, 60, "a healthy page")
    took = time.monotonic() - begun
    session = {"Cookie": sign_in(compose)}
    node.api("POST", "/containers/app-web-1/kill")
    until(lambda: "exited" in compose.ask("GET", page, headers=session)[1], 30, "the death on the page")

    image, container = (node.api("GET", f"/{what}/json") for what in (f"images/{IMAGE}", f"containers/{NAME}"))
    memory = node.api("GET", f"/containers/{NAME}/stats?stream=false")["memory_stats"]["stats"]
    figures = image["Size"] / 1e6, took, memory.get("rss", memory.get("anon", 0)) / 2**20
    print("image {:.0f} MB, a healthy page after {:.1f} s, memory {:.0f} MiB".format(*figures))
    compose("exec", "-T", "watch", *image["Config"]["Healthcheck"]["Test"][1:])
    with pytest.raises(AssertionError, match="Read-only file system"):
        compose("exec", "-T", "watch", "touch", "/opt/supervisor/x")
    assert container["Config"]["User"] == "10001:10001"
    compose("stop")
    assert node.state(NAME)["ExitCode"] == 0

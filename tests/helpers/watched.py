"""`supervisor watch --web` as a process of its own, over a home."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.helpers.program import SUPERVISOR

PATIENCE_S = 120.0
"""Only used where the machine is busy."""


@contextmanager
def watch_with_page(folder: Path, *options: str) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Yield the page's address and the process, once a run was recorded; what it printed is in `output` of the folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    places = {
        "INVENTORY": folder,
        "WORLD": folder / "world",
        "EVENT_LOG": folder / "events.log",
        "CHECKPOINT": folder / "checkpoint.json",
        "STATE_DIR": folder / "state",
        "WEB__PORT": port,
        "WATCH_MIN_INTERVAL": "0.2",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SUPERVISOR_")}
    environment = inherited | {f"SUPERVISOR_{name}": str(value) for name, value in places.items()}
    address = f"http://127.0.0.1:{port}"
    with (folder / "output").open("wb") as output:
        command = [*SUPERVISOR, "watch", "--web", "--quiet", *options]
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_until_healthy(address, process, folder)
        yield address, process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        finally:
            process.kill()


def _wait_until_healthy(address: str, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            if httpx.get(f"{address}/healthz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert process.poll() is None, (folder / "output").read_text()
        assert time.monotonic() < deadline, (folder / "output").read_text()
        time.sleep(0.1)

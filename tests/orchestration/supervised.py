"""`supervisor serve` as it really runs: a process of its own, its server, and the processes of its runs."""

import json
import os
import socket
import subprocess
import time
import urllib.error
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from flows.run.cycle import run_once
from flows.settings import load_settings
from tests.helpers.program import SUPERVISOR
from tests.orchestration.api import Api

HOMELAB = Path(__file__).parents[2] / "examples" / "homelab"
PAGE = "https://fleet.example.net/"
"""Where our own page is reached, as the runs are told."""
EVENING = "2026-06-03T19:42:00Z"
FINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}
START_S = 300
"""Time is given by the handful, and only used where the machine is busy."""
STOP_S = 120


class Served(Api):
    """A supervisor that serves, and its Prefect API."""

    def __init__(self, folder: Path, environment: Mapping[str, str] = {}, within: tuple[str, ...] = ()) -> None:
        """Keep everything in the folder; `within` is a command that the supervisor's own is given to."""
        self.port = free_port()
        super().__init__(f"http://127.0.0.1:{self.port}", environment.get("PREFECT_SERVER_API_AUTH_STRING", ""))
        self.settings = {
            "SUPERVISOR_INVENTORY": str(HOMELAB),
            "SUPERVISOR_WORLD": str(HOMELAB / "world"),
            "SUPERVISOR_EVENT_LOG": str(folder / "events.log"),
            "SUPERVISOR_CHECKPOINT": str(folder / "checkpoint.json"),
            "SUPERVISOR_STATE_DIR": str(folder / "state"),
            **({} if "SUPERVISOR_SERVE_INTERVAL" in environment else {"SUPERVISOR_SERVE_CRON": "0 0 1 1 *"}),
            "SUPERVISOR_LOCK_TIMEOUT": "5m",
            "SUPERVISOR_WEB__URL": PAGE,
        }
        self.event_log = folder / "events.log"
        self.state_dir = folder / "state"
        self.output = folder / "output"
        self._within = within
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "SUPERVISOR_"))
        }
        self.environment = {**inherited, **self.settings, "PREFECT_RUNNER_POLL_FREQUENCY": "1", **environment}

    def __enter__(self) -> Self:
        command = [*self._within, *SUPERVISOR, "serve", "--port", str(self.port)]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(command, env=self.environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            self._wait_until_it_serves()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait_until_it_serves(self) -> None:
        self.wait(lambda: "password" in self.said(), START_S)
        self.auth = self.auth or (self.state_dir / "prefect" / "auth").read_text()
        self.wait(lambda: self.deployment() is not None, START_S)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        finally:
            self.process.kill()

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def wait(self, condition: Any, timeout_s: float = 400) -> Any:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.said()
            if found := condition():
                return found
            time.sleep(0.2)
        raise AssertionError(f"not within {timeout_s} s; it said:\n{self.said()[-3000:]}")

    def deployment(self) -> Any:
        try:
            return self.api("/deployments/name/reconcile/scheduled")
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def logged(self) -> list[Any]:
        return [json.loads(line) for line in self.event_log.read_text().splitlines()]

    def start_run(self, **parameters: Any) -> str:
        run = self.api(f"/deployments/{self.deployment()['id']}/create_flow_run", {"parameters": parameters})
        return str(run["id"])

    def finish(self, run_id: str) -> Any:
        return self.wait(lambda: run if (run := self.run(run_id))["state_type"] in FINAL else None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def event_ids(log: Path) -> list[str]:
    return [json.loads(line)["payload"]["event_id"] for line in log.read_text().splitlines()]


def events_of_one_run(folder: Path, as_of: str | None = EVENING, **settings: object) -> int:
    """Return how many events a run makes that nobody disturbs, of the example if nothing else is given."""
    places = {"event_log": folder / "log", "checkpoint": folder / "checkpoint", "state_dir": folder / "state"}
    folder.mkdir()
    given = {"inventory": HOMELAB, "world": HOMELAB / "world", **places, **settings}
    return run_once(load_settings(given).settings, datetime.fromisoformat(as_of) if as_of else None).event_count

"""Prefect's API, asked as a program without Prefect would ask it."""

import json
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

BUSY_PAUSES_S = (0.5, 1, 2, 4, 8)


class Api:
    """The API of a server, and the password that it wants."""

    def __init__(self, url: str, auth: str) -> None:
        self.url = url
        self.auth = auth

    def api(
        self, path: str, body: Any = None, *, auth: str | None = None, method: str | None = None, **headers: str
    ) -> Any:
        """Return the answer; while its SQLite is locked, Prefect answers 503, and its own clients ask again as well."""
        for pause_s in BUSY_PAUSES_S:
            try:
                return self._ask(path, body, auth, headers, method)
            except urllib.error.HTTPError as error:
                if error.code != 503:
                    raise
            except TimeoutError:  # of a busy machine; what only asks may ask again
                if body is not None and not path.endswith("/filter"):
                    raise
            time.sleep(pause_s)
        return self._ask(path, body, auth, headers, method)

    def _ask(self, path: str, body: Any, auth: str | None, headers: Mapping[str, str], method: str | None) -> Any:
        secret = b64encode((self.auth if auth is None else auth).encode()).decode()
        headers = {"Authorization": f"Basic {secret}", "Content-Type": "application/json", **headers}
        if body is not None and "Prefect-Csrf-Token" not in headers:
            token = self.api("/csrf-token?client=tests")["token"]
            headers |= {"Prefect-Csrf-Client": "tests", "Prefect-Csrf-Token": token}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def run(self, run_id: str) -> Any:
        return self.api(f"/flow_runs/{run_id}")

    def artifacts(self, run_id: str) -> dict[str, Any]:
        found = self.api("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run_id]}}})
        return {artifact["key"]: artifact for artifact in found}

    def events(self, run_id: str) -> list[Any]:
        related = {"id": [f"prefect.flow-run.{run_id}"]}
        wanted = {"event": {"prefix": ["runtime-supervisor."]}, "any_resource": related}
        return list(self.api("/events/filter", {"filter": wanted, "limit": 50})["events"])

    def events_of(self, ids: list[str]) -> list[Any]:
        """Return the Prefect events with these ids, of whichever run: the same event is kept once."""
        return list(self.api("/events/filter", {"filter": {"id": {"id": ids}}, "limit": 50})["events"])

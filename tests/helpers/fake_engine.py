"""An engine that is not there: it answers on a real socket with what a test puts in, or with anything but HTTP."""

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from pathlib import Path
from typing import Any, Self

MINUTE = 60.0


def stamp(at: float) -> str:
    """Return a moment as an engine writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + ".123456789Z"


def container(number: int = 1, name: str = "web", **fields: Any) -> dict[str, Any]:
    """Return a running container as Docker inspects it; `fields` are those of a test."""
    now = time.time()
    made: dict[str, Any] = {
        "id": f"c0ffee{number:06x}" + "0" * 52,
        "name": name,
        "state": "running",
        "health": None,
        "exit_code": 0,
        "labels": {},
        "image": "sha256:" + "ab" * 32,
        "error": "",
        "is_oom_killed": False,
        "restart_count": 0,
        "created": now - 60 * MINUTE,
        "started": now - 60 * MINUTE,
        "finished": None,
        "check": None,
        "env": [],
        "cmd": ["sh"],
        "health_log": "",
    }
    unknown = set(fields) - set(made)
    assert not unknown, unknown
    return made | fields


def composed(project: str, service: str, number: int = 1, *, serial: int = 1, **fields: Any) -> dict[str, Any]:
    """Return a container as Compose makes it."""
    labels = {
        "com.docker.compose.project": project,
        "com.docker.compose.service": service,
        "com.docker.compose.container-number": str(number),
        "com.docker.compose.oneoff": "False",
        "com.docker.compose.config-hash": "0" * 64,
    } | fields.pop("labels", {})
    return container(serial, fields.pop("name", f"{project}-{service}-{number}"), labels=labels, **fields)


def _status(one: Mapping[str, Any]) -> str:
    age = time.time() - one["started"]
    up = (
        "Up 2 hours"
        if age >= 3600
        else f"Up {max(1, int(age // 60))} minutes"
        if age >= 120
        else f"Up {int(age)} seconds"
    )
    bracket = {None: "", "starting": " (health: starting)"}.get(one["health"], f" ({one['health']})")
    words = {
        "running": up + bracket,
        "paused": f"{up} (Paused)",
        "exited": f"Exited ({one['exit_code']}) 5 minutes ago",
        "restarting": f"Restarting ({one['exit_code']}) 2 seconds ago",
        "created": "Created",
    }
    return str(words.get(one["state"], one["state"]))


def listed(one: Mapping[str, Any], *, has_health: bool = False) -> dict[str, Any]:
    health = {"Health": {"Status": one["health"] or "none", "FailingStreak": 0}} if has_health else {}
    return health | {
        "Id": one["id"],
        "Names": [f"/{one['name']}"],
        "Image": "web:1",
        "ImageID": one["image"],
        "Command": " ".join(one["cmd"]),
        "Created": int(one["created"]),
        "Labels": one["labels"],
        "State": one["state"],
        "Status": _status(one),
    }


def inspected(one: Mapping[str, Any]) -> dict[str, Any]:
    health = {"Status": one["health"], "FailingStreak": 0, "Log": [{"Output": one["health_log"]}]}
    state = {
        "Status": one["state"],
        "OOMKilled": one["is_oom_killed"],
        "ExitCode": one["exit_code"],
        "Error": one["error"],
        "StartedAt": stamp(one["started"]) if one["started"] else "0001-01-01T00:00:00Z",
        "FinishedAt": stamp(one["finished"]) if one["finished"] else "0001-01-01T00:00:00Z",
    }
    return {
        "Id": one["id"],
        "Name": f"/{one['name']}",
        "Created": stamp(one["created"]),
        "Image": one["image"],
        "RestartCount": one["restart_count"],
        "State": state | ({"Health": health} if one["health"] else {}),
        "Config": {"Env": one["env"], "Cmd": one["cmd"], "Labels": one["labels"], "Healthcheck": one["check"]},
    }


class FakeEngine:
    """Runs in a thread of its own: `with FakeEngine([...], path) as engine: engine.url`."""

    def __init__(
        self,
        containers: list[dict[str, Any]] | None = None,
        path: Path | None = None,
        *,
        api: str = "1.45",
        server: str = "Docker/26.1.5 (linux)",
        tls: ssl.SSLContext | None = None,
        clock_s: float = 0.0,
        is_lower_case: bool = False,
    ) -> None:
        self.containers = containers if containers is not None else []
        self.path = path
        self.api, self.server, self.clock_s, self.is_lower_case = api, server, clock_s, is_lower_case
        self.requests: list[str] = []
        self.raw: Callable[[asyncio.StreamReader, asyncio.StreamWriter, str], Any] | None = None
        """Answers in place of the engine where it is set; returns whether it did."""
        self.status: dict[str, int] = {}
        """A status for the paths that end with a text."""
        self.hung: set[str] = set()
        """Ids and paths that are never answered."""
        self._tls = tls
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.port = 0
        self._listening: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"unix://{self.path}" if self.path else f"tcp://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    @property
    def listeners(self) -> int:
        """Return how many streams of events are open."""
        return len(self._listening)

    def tell(self, event: dict[str, Any]) -> None:
        """Tell whoever listens of an event."""

        def write() -> None:
            for writer in self._listening:
                data = json.dumps(event).encode() + b"\n"
                writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

        self._loop.call_soon_threadsafe(write)

    def end_streams(self) -> None:
        """End all streams of events, as a proxy does."""

        def close() -> None:
            for writer in self._listening:
                writer.close()

        self._loop.call_soon_threadsafe(close)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        if self.path:
            server = await asyncio.start_unix_server(self._talk, self.path)
        else:
            server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=self._tls)
            self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while first := await reader.read(1):
                if first == b"\x16":  # somebody begins to speak TLS
                    writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent a TLS handshake to an HTTP server.\n")
                    return
                head = first + await reader.readuntil(b"\r\n\r\n")
                target = head.split(b" ", 2)[1].decode()
                self.requests.append(target)
                if self.raw is not None and await self.raw(reader, writer, target):
                    return
                if target in self.hung or any(part in self.hung for part in target.split("/")):
                    await asyncio.sleep(3600)
                if "/events" in target:
                    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                    self._listening.add(writer)
                    await reader.read()
                    return
                await self._answer(writer, target)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError, ssl.SSLError):
            pass
        finally:
            self._listening.discard(writer)
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, target: str) -> None:
        status, body = self._find(target)
        headers = {
            "Api-Version": self.api,
            "Server": self.server,
            "Date": formatdate(time.time() + self.clock_s, usegmt=True),
            "Content-Length": str(len(body)),
        }
        names = {name.lower() if self.is_lower_case else name: value for name, value in headers.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in names.items())
        writer.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body)
        await writer.drain()

    def _find(self, target: str) -> tuple[int, bytes]:
        path = target.partition("?")[0]
        for end, status in self.status.items():
            if path.endswith(end):
                return status, b"{}"
        if path == "/_ping":
            return 200, b"OK"
        version = path.split("/")[1].removeprefix("v")
        asked = tuple(map(int, version.split(".")))
        if asked > tuple(map(int, self.api.split("."))):
            return 400, b'{"message": "client version is too new"}'
        if path.endswith("/containers/json"):
            return 200, json.dumps([listed(one, has_health=asked >= (1, 52)) for one in self.containers]).encode()
        found = [one for one in self.containers if f"/containers/{one['id']}/json" in path]
        return (200, json.dumps(inspected(found[0])).encode()) if found else (404, b"{}")


def asked_for(engine: FakeEngine, part: str) -> int:
    """Return how many requests had the text in them."""
    return sum(part in target for target in engine.requests)

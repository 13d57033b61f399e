"""Somebody who is told: a server on this machine that keeps what is posted to it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import NamedTuple


class Inbox(NamedTuple):
    """What has come, and under which address it is to be sent."""

    address: str
    posts: list[dict[str, str]]

    @property
    def titles(self) -> list[str]:
        """Return the titles of what has come, in order."""
        return [post["title"] for post in self.posts]

    @property
    def last(self) -> str:
        """Return title and text of the latest message."""
        return f"{self.posts[-1]['title']}\n{self.posts[-1]['message']}"


@contextmanager
def open_inbox(host: str = "127.0.0.1") -> Iterator[Inbox]:
    """Open an inbox on a port of its own."""
    posts: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer((host, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield Inbox(f"json://{host}:{server.server_port}/", posts)
        server.shutdown()

"""Serving the page: for itself, or beside something else in this process."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from flows.errors import SettingsError
from flows.settings import Settings
from flows.text.escape import show
from flows.web.app import make_app
from flows.web.context import Context

STOP_S = 5
"""A request that is being answered may go on so long once the server is to end."""


def make_server(settings: Settings, config: Path | None) -> uvicorn.Server:
    """Return the server; raises `SettingsError` for an unusable password file, or an address that is taken.

    Who is at the other end is what the socket says: of forwarded headers only the one that names who signed in counts,
    and only from proxies that the settings name.
    """
    host, port = settings.web.host, settings.web.port
    _claim(host, port)
    app = make_app(settings, config)
    return _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_level="warning",
            server_header=False,
            access_log=False,
            proxy_headers=False,
            timeout_graceful_shutdown=STOP_S,
        ),
        app.state.context,
    )


class _Server(uvicorn.Server):
    """Lets go of the open pages, which listen for ever, before it waits for them."""

    def __init__(self, config: uvicorn.Config, context: Context) -> None:
        """Serve what the configuration says."""
        super().__init__(config)
        self._context = context

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End."""
        self._context.fleet.stop()
        await super().shutdown(sockets)


def announce(settings: Settings) -> str:
    """Return where the page is, and where its password."""
    password = settings.places.state_dir / "web" / "password"
    host = f"[{settings.web.host}]" if ":" in settings.web.host else settings.web.host
    return f"http://{host}:{settings.web.port}  (to act, sign in with the password in {show(password)})"


@contextmanager
def serving(settings: Settings, config: Path | None) -> Iterator[None]:
    """Serve while the block runs, in a thread of its own, which takes no signal."""
    server = make_server(settings, config)
    thread = threading.Thread(target=server.run, name="page", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(2 * STOP_S)


def _claim(host: str, port: int) -> None:
    """Raise `SettingsError` where the address cannot be listened on: uvicorn would end the process without a word of ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"web.host {host}, web.port {port}: cannot be listened on ({error.strerror}); name another with --port"
            ) from None

"""A Prefect server of our own: on loopback, with authentication, and with its files for us alone."""

import ctypes
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from flows.errors import SettingsError, SupervisorError
from flows.files.own import create_whole, sweep_folder
from flows.orchestration.quiet import quiet_environment
from flows.text.address import is_loopback

START_TIMEOUT_S = 300.0
"""A first start makes the database; on a small machine that takes a while."""
STOP_TIMEOUT_S = 20.0
RETENTION_DAYS = 30
"""How long the server keeps a run with its logs and artifacts, and an event; it looks once an hour."""
PR_SET_PDEATHSIG = 1


class ServerError(SupervisorError):
    """The Prefect server does not start, or has stopped."""


def check_host(host: str, environment: Mapping[str, str]) -> None:
    """Raise SettingsError for an address that others can reach, where no authentication is set."""
    if not environment.get("PREFECT_SERVER_API_AUTH_STRING") and not is_loopback(host):
        raise SettingsError(
            f"--host {host}: whoever reaches that address could run and read everything; set "
            "PREFECT_SERVER_API_AUTH_STRING, or keep 127.0.0.1 and put a reverse proxy with TLS in front"
        )


def server_environment(home: Path, host: str, port: int, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of the server and of its clients; what the user has set about it stays.

    Raises SettingsError for an address that others can reach, where no authentication is set.
    """
    environment = quiet_environment(home, given)
    check_host(host, environment)
    auth = environment.get("PREFECT_SERVER_API_AUTH_STRING") or load_auth(home)
    origin = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    safe = {
        "PREFECT_SERVER_API_AUTH_STRING": auth,
        "PREFECT_API_AUTH_STRING": auth,
        "PREFECT_API_URL": f"{origin}/api",
        "PREFECT_SERVER_UI_API_URL": f"{origin}/api",
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": origin,
        # A run that is killed with its server holds its place in the deployment for five minutes. In memory, the default,
        # that end would be forgotten with the server, and every later run be cancelled.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        # Prefect keeps its runs, their logs and artifacts for ever; the record is the event log and the history.
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(RETENTION_DAYS * 86_400),
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": f"P{RETENTION_DAYS}D",
    }
    return {**safe, **environment}


def load_auth(home: Path) -> str:
    """Return the `user:password` of this server, made at the first start and kept for us alone to read."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.chmod(0o700)
    file = home / "auth"
    sweep_folder(home)
    if not file.exists():
        create_whole(file, f"supervisor:{secrets.token_urlsafe(24)}".encode())
    text = file.read_text().strip()
    if ":" not in text:
        raise SettingsError(f"{file}: expected user:password; remove the file, and a new one is made")
    return text


@contextmanager
def run_server(environment: Mapping[str, str], host: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the server for as long as the block runs, ready when it begins; raises `ServerError` where it is not."""
    command = [sys.executable, "-P", "-m", "prefect", "server", "start", "--host", host, "--port", str(port)]
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        preexec_fn=_be_private,  # noqa: PLW1509 - one thread
    )
    try:
        _wait_until_ready(process, environment["PREFECT_API_URL"])
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_S)
        process.kill()
        process.wait()


def _be_private() -> None:
    """Keep the database from others, and end with us, even if we are killed."""
    os.umask(0o077)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerError(f"the Prefect server ended with code {process.returncode}; is {url} taken by another?")
        with suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(f"{url}/health", timeout=2).close()  # noqa: S310 - our own address
            return
        time.sleep(0.2)
    raise ServerError(f"the Prefect server was not ready at {url} within {START_TIMEOUT_S:.0f} s")

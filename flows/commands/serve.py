"""`supervisor serve`: reconcile on a schedule, with a page for each run."""

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands import options

if TYPE_CHECKING:
    from subprocess import Popen

    from flows.settings import Settings

HELP = """Reconcile on a schedule (every 5 minutes, or `serve_interval` or `serve_cron`), and show each run on a page.

Starts a Prefect server on 127.0.0.1 with a password of its own, unless PREFECT_API_URL names one. A run that would
overlap another is cancelled. Parameters of a run are checked like options, and stay inside the configured folders.

Examples:

\b
  supervisor serve --inventory ~/homelab --world /opt/homelab/world
  SUPERVISOR_SERVE_CRON='*/10 * * * *' supervisor serve --port 4300
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=HELP, short_help="Reconcile on a schedule, with a page for each run.")(serve)


def serve(
    inventory: options.Inventory = None,
    world: options.World = None,
    config: options.Config = None,
    event_log: options.EventLog = None,
    checkpoint: options.Checkpoint = None,
    state_dir: options.StateDir = None,
    host: Annotated[
        str, typer.Option("--host", help="Address of the server; others than loopback need a password.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port of the server.", min=1, max=65535)] = 4200,
) -> int:
    """Serve until interrupted, and return the exit code."""
    given = {
        "inventory": inventory,
        "world": world,
        "event_log": event_log,
        "checkpoint": checkpoint,
        "state_dir": state_dir,
    }
    settings = options.load(given, config)
    _pass_on({**given, "config": config})
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        return _serve_at(settings, host, port)
    return 0


def _serve_at(settings: "Settings", host: str, port: int) -> int:
    from flows.orchestration.server import run_server, server_environment

    if os.environ.get("PREFECT_API_URL"):
        _quieten(settings)
        return _serve(settings)
    home = settings.places.state_dir / "prefect"
    environment = server_environment(home, host, port)
    print(f"starting the Prefect server at http://{host}:{port} ...", flush=True)
    with run_server(environment, host, port) as server:
        os.environ.update(environment)
        print(f"its pages ask for the password in {home / 'auth'}", flush=True)
        return _serve(settings, server)


def _pass_on(given: dict[str, object]) -> None:
    """Give the options to the runs, which are processes of their own, as their environment."""
    for name, value in given.items():
        if value is not None:
            os.environ[f"SUPERVISOR_{name.upper()}"] = os.path.abspath(str(value))  # noqa: PTH100 - a link stays one


def _quieten(settings: "Settings") -> None:
    from flows.orchestration.quiet import be_quiet

    be_quiet(settings.places.state_dir / "prefect")


def _serve(settings: "Settings", server: "Popen[bytes] | None" = None) -> int:
    import asyncio

    from flows.deployment import deployment_options, serve_deployment

    options = deployment_options(settings)
    is_at_once = settings.serve_cron is None  # a cron schedule says itself when; an interval begins now
    print(tell_schedule(settings), flush=True)
    asyncio.run(serve_deployment(options, server, is_at_once=is_at_once))
    return 0


def tell_schedule(settings: "Settings") -> str:
    """Return when runs come, in words."""
    from datetime import UTC, datetime

    from flows.text.spoken import spoken, spoken_clock

    if settings.serve_cron is not None:
        return f"it runs by the cron schedule '{settings.serve_cron}', in UTC"
    interval = settings.serve_interval
    next_at = datetime.now(UTC) + interval
    return f"it runs now, then every {spoken(interval.total_seconds())}: next at {spoken_clock(next_at)}"

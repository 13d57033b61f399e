"""`supervisor serve`: reconcile on a schedule, with a page for each run."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands import options

if TYPE_CHECKING:
    from subprocess import Popen

    from flows.settings import Loaded, Settings

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
    app.command(help=HELP)(serve)


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
    _require_prefect()
    loaded = options.load_all(given, config)
    settings = loaded.settings
    if not os.environ.get("PREFECT_API_URL"):
        from flows.orchestration.server import check_host

        check_host(host, os.environ)
    home = _make_home(settings.places.state_dir)
    _pass_on(loaded)
    # Python takes modules from the current folder, and Prefect settings; it may be a stranger's inventory.
    os.chdir(home)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        return _serve_at(settings, home, host, port)
    return 0


def _require_prefect() -> None:
    """Raise `SettingsError` where Prefect is not installed, as in the container: everything else does without it."""
    from importlib.util import find_spec

    from flows.errors import SettingsError

    if find_spec("prefect") is None:
        raise SettingsError(
            "serve needs Prefect, which is not installed here: pip install 'prefect>=3.8,<3.9' 'sqlalchemy<2.1';"
            " or schedule 'supervisor reconcile' by a timer, or use 'supervisor watch --web', which need none"
        )


def _make_home(state_dir: Path) -> Path:
    """Return Prefect's folder, which is ours alone."""
    from flows.files.own import make_private_folder

    home = make_private_folder(state_dir) / "prefect"
    home.mkdir(mode=0o700, exist_ok=True)
    return home


def _serve_at(settings: "Settings", home: Path, host: str, port: int) -> int:
    from flows.orchestration.server import run_server, server_environment

    if os.environ.get("PREFECT_API_URL"):
        _quieten(home)
        return _serve(settings)
    environment = server_environment(home, host, port)
    print(f"starting the Prefect server at http://{host}:{port} ...", flush=True)
    with run_server(environment, host, port) as server:
        os.environ.update(environment)
        print(f"its pages ask for the password in {home / 'auth'}", flush=True)
        return _serve(settings, server)


def _pass_on(loaded: "Loaded") -> None:
    """Give what was given to the runs, which are processes of their own in another folder, as their environment."""
    from flows.setting_sources import PATHS

    for name in (*PATHS, "history"):
        value, origin = getattr(loaded.settings, name), loaded.origins[name]
        is_from_here = origin.startswith(("option ", "environment ")) or (name, origin) == ("inventory", "default")
        if value is not None and is_from_here and "://" not in str(value):
            os.environ[f"SUPERVISOR_{name.upper()}"] = os.path.abspath(value)  # noqa: PTH100 - a link stays one
    if loaded.file is not None:
        os.environ["SUPERVISOR_CONFIG"] = os.path.abspath(loaded.file)  # noqa: PTH100


def _quieten(home: Path) -> None:
    from flows.orchestration.quiet import be_quiet

    be_quiet(home)


def _serve(settings: "Settings", server: "Popen[bytes] | None" = None) -> int:
    import asyncio

    from flows.deployment import serve_deployment

    print(tell_schedule(settings), flush=True)
    asyncio.run(serve_deployment(settings, server))
    return 0


def tell_schedule(settings: "Settings") -> str:
    """Return when runs come, in words."""
    from datetime import UTC, datetime

    from flows.text.spoken import spoken_clock
    from schemas.spoken import spoken

    if settings.serve_cron is not None:
        return f"it runs by the cron schedule '{settings.serve_cron}', in UTC"
    interval = settings.serve_interval
    next_at = datetime.now(UTC) + interval
    return f"it runs now, then every {spoken(interval.total_seconds())}: next at {spoken_clock(next_at)}"

"""`supervisor web`: the page that operators keep open."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands import options

if TYPE_CHECKING:
    from pathlib import Path

    from flows.settings import Settings

HELP = """Serve the page: the fleet as it is now, what to do first and why, each node and service, the past and the
actions.

It judges the inputs as a run would and records nothing: let `supervisor watch` or a timer run beside it, or let `supervisor
watch --web` do both. On loopback anybody on this machine may look; whoever acts signs in with the password in web/password
of the state folder.

Examples:

\b
  supervisor web --inventory ~/homelab --world /opt/homelab/world     # then http://127.0.0.1:8300
  supervisor web --port 8400
"""
Host = Annotated[str | None, typer.Option("--host", help="The address to listen on, in place of web.host.")]
Port = Annotated[int | None, typer.Option("--port", help="The port, in place of web.port.", min=1, max=65535)]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=HELP)(web)


def web(
    inventory: options.Inventory = None,
    world: options.World = None,
    config: options.Config = None,
    checkpoint: options.Checkpoint = None,
    state_dir: options.StateDir = None,
    host: Host = None,
    port: Port = None,
) -> int:
    """Serve until SIGINT or SIGTERM; return 0."""
    given = {"inventory": inventory, "world": world, "checkpoint": checkpoint, "state_dir": state_dir}
    settings = options.load(given, config)
    changed: dict[str, Any] = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    _serve(replace(settings, web=replace(settings.web, **changed)), config)
    return 0


def _serve(settings: "Settings", config: "Path | None") -> None:
    from flows.web.serve import announce, make_server

    server = make_server(settings, config)
    typer.echo(announce(settings))
    server.run()

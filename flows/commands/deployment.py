"""`supervisor deployment`: say that something is being deployed, and how it went."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands import options

if TYPE_CHECKING:
    from flows.settings import Settings

HELP = """Tell of a deployment: what an engine does not show, such as an image that cannot be pulled.

Examples:

\b
  supervisor deployment run --service outline -- docker compose up -d --wait
  id=$(supervisor deployment start --service outline --node piha)
  supervisor deployment finish "$id" --exit-code $? --step pull
"""
RUN = """Run a command as a deployment, and end with its exit code.

Without --service it is the folder's name, as Compose names its project; without --node this host.
"""
Service = Annotated[str | None, typer.Option("--service", help="What is deployed; else this folder's name.")]
Node = Annotated[str | None, typer.Option("--node", help="Where; else this host's name.")]
CANNOT_RUN = 127


def register(app: typer.Typer) -> None:
    """Add the command and its subcommands."""
    group = typer.Typer(help=HELP, no_args_is_help=True)
    group.command(help=RUN, context_settings={"ignore_unknown_options": True})(run)
    group.command(help="Say that a deployment begins, and print its id.")(start)
    group.command(help="Say how a deployment ended.")(finish)
    app.add_typer(group, name="deployment")


def run(
    command: Annotated[list[str], typer.Argument(help="The command, behind --.", metavar="-- COMMAND")],
    service: Service = None,
    node: Node = None,
    step: Annotated[str | None, typer.Option("--step", help="What fails where it fails: pull, build, start.")] = None,
    config: options.Config = None,
    state_dir: options.StateDir = None,
) -> int:
    """Return the command's exit code; that it cannot be told of does not keep it from running."""
    from flows.errors import SupervisorError
    from flows.observer.hooks import finish_hook, start_hook

    settings, target = _settings(config, state_dir), _target(service, node)
    name = start_hook(settings.state_dir, *target)
    code = _run(command)
    try:
        finish_hook(settings.state_dir, name, code, step)
    except SupervisorError as error:
        print("error:", error, file=sys.stderr)
    return code


def _run(command: list[str]) -> int:
    try:
        return subprocess.run(command, check=False).returncode % 256
    except (OSError, ValueError) as error:
        print(f"error: {command[0]!a} cannot be run: {type(error).__name__}", file=sys.stderr)
        return CANNOT_RUN


def start(
    service: Service = None, node: Node = None, config: options.Config = None, state_dir: options.StateDir = None
) -> int:
    """Print the id; return 0."""
    from flows.observer.hooks import start_hook

    print(start_hook(_settings(config, state_dir).state_dir, *_target(service, node)))
    return 0


def finish(
    name: Annotated[str, typer.Argument(metavar="ID", help="What 'start' printed.")],
    exit_code: Annotated[int, typer.Option("--exit-code", min=0, max=255, help="0: it went well.")],
    step: Annotated[str | None, typer.Option("--step", help="What failed: pull, build, start.")] = None,
    config: options.Config = None,
    state_dir: options.StateDir = None,
) -> int:
    """Return 0."""
    from flows.observer.hooks import finish_hook

    finish_hook(_settings(config, state_dir).state_dir, name, exit_code, step)
    return 0


def _settings(config: Path | None, state_dir: Path | None) -> "Settings":
    return options.load({"state_dir": state_dir}, config)


def _target(service: str | None, node: str | None) -> tuple[str, str]:
    import socket

    from flows.sources.names import explain_name, normalize_name
    from schemas.limits import Limits

    named = {"node": node or socket.gethostname().partition(".")[0], "service": service or Path.cwd().name}
    for what, text in named.items():
        problem = explain_name(text, Limits().max_name_length, what)
        if problem is not None:
            raise typer.BadParameter(f"{problem}; give --{what}")
    return normalize_name(named["node"]), normalize_name(named["service"])

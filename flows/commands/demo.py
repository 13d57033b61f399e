"""`supervisor demo`: the example homelab on a bad evening, with a past, in a folder to look around in."""

import shlex
import shutil
from pathlib import Path
from typing import Annotated

import typer

from flows.errors import SettingsError

HELP = """Make a folder with an example homelab, let a month and a bad evening go by in it, and judge how it is then.

Nothing but that folder is written. Made once, it is only judged again.

Examples:

\b
  supervisor demo
  supervisor demo /tmp/demo --days 3
"""
LOOK_AROUND = ("status", "explain piha/zigbee2mqtt", "history --until 2026-06-04", "report")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=HELP)(demo)


def demo(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to make it.")] = Path("supervisor-demo"),
    days: Annotated[int, typer.Option("--days", min=0, max=365, help="How long its past is.")] = 30,
) -> int:
    """Make it, print the evening's last run, and say how to go on; return 0."""
    from flows.commands.reconcile import reconcile
    from flows.past.example import EVENING

    config = folder / "supervisor.yaml"
    if not config.exists():
        _make(folder, days)
    as_of = f"{EVENING:%Y-%m-%dT%H:%M:%SZ}"
    reconcile(config=config, as_of=as_of, exit_zero=True)
    typer.echo("\nLook around in it:")
    for command in LOOK_AROUND:
        moment = "" if command.startswith("history") else f" --as-of {as_of}"
        typer.echo(f"  supervisor {command} --config {shlex.quote(str(config))}{moment}")
    typer.echo("\nThen your own: supervisor observe --init lab")
    return 0


def _make(folder: Path, days: int) -> None:
    from flows.commands import options
    from flows.commands.backfill import backfill
    from flows.past.example import MOMENTS, play_evening, write_homelab, write_month
    from flows.render.progress import progress, working
    from schemas.spoken import count

    making = folder / "supervisor.yaml.making"
    if making.exists():
        shutil.rmtree(folder)
    if folder.exists() and any(folder.iterdir()):
        raise SettingsError(f"{folder}: expected a folder that is empty or not there; name another one")
    folder.mkdir(parents=True, exist_ok=True)
    settings = options.load({}, write_homelab(folder, making.name))
    if days:
        typer.echo(f"{count(days, 'day')} go by, a world every 15 minutes ...", err=True)
        with working("writing the worlds"):
            past = write_month(folder, settings, days)
        backfill(source=past, config=making)
    typer.echo(f"the evening goes by, in {count(len(MOMENTS), 'run')} ...", err=True)
    with progress(len(MOMENTS), "runs") as advance:
        play_evening(settings, advance)
    making.rename(folder / "supervisor.yaml")

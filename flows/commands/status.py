"""`supervisor status`: the last run at a glance, from the checkpoint alone."""

import shlex
from typing import Annotated

import typer

from flows.commands import options

HELP = """Show the last run: the state, since when and why, what is open, and whether the run is too old to be believed.

Reads the checkpoint alone, so it is instant and may run at any time.

Exit codes are those of reconcile: 0 nominal or reconciling, 1 partial or failed, 2 drift, 3 when there is no run, the
last one was skipped, or it is older than the setting run_ttl.

Examples:

\b
  supervisor status
  supervisor status --json | jq -r '.because_of[]'
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=HELP)(status)


def status(
    checkpoint: options.Checkpoint = None,
    state_dir: options.StateDir = None,
    config: options.Config = None,
    as_of: options.AsOf = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Print the last run and return its exit code."""
    from flows.render.screen import print_lines
    from flows.render.status import to_document, to_lines
    from flows.views.status import read_status

    seen = options.glance({"checkpoint": checkpoint, "state_dir": state_dir}, config)
    now = options.parse_as_of(as_of) or options.read_now(seen)
    found = read_status(seen.checkpoint, seen.run_ttl, now, state_dir=seen.state_dir, is_acting=seen.is_acting)
    if as_json:
        import json

        typer.echo(json.dumps(to_document(found), indent=2))
    else:
        print_lines(to_lines(found, options.repeat({"checkpoint": checkpoint, "state_dir": state_dir}, config, as_of)))
        if found.last_run is None:
            _point_below()
    return found.exit_code


def _point_below() -> None:
    from flows.setting_sources import find_settings_below
    from flows.text.escape import show

    for folder in find_settings_below()[:3]:
        file = show(shlex.quote(f"{folder}/supervisor.yaml"))
        typer.echo(f"{show(folder)}/ has settings of its own: ask in there, or with --config {file}")

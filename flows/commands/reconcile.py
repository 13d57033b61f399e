"""`supervisor reconcile`: judge the world against the inventory, print what to do, append what changed."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands import options
from flows.commands.options import Format
from flows.render.escape import show

if TYPE_CHECKING:
    from flows.report import RunReport

HELP = """Compare desired with actual, print what to do first and why, and append what changed to the event log.

Examples:

  supervisor reconcile --inventory ~/homelab --world /opt/homelab/world

  supervisor reconcile --dry-run --format json | jq '.recommendations[].reason'
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=HELP)(reconcile)


def reconcile(
    inventory: options.Inventory = None,
    world: options.World = None,
    config: options.Config = None,
    event_log: options.EventLog = None,
    checkpoint: options.Checkpoint = None,
    state_dir: options.StateDir = None,
    as_of: options.AsOf = None,
    output: Annotated[Format, typer.Option("--format", help="How to print the run.")] = Format.TABLE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compute and print; write nothing at all.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the summary line alone.")] = False,
    timings: Annotated[bool, typer.Option("--timings", help="Print how long each step took.")] = False,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 where drift would be 2.")] = False,
) -> int:
    """Run once and return the exit code."""
    moment = options.parse_moment(as_of)
    from flows.run import run_once
    from flows.settings import load_settings

    given = {
        "inventory": inventory,
        "world": world,
        "event_log": event_log,
        "checkpoint": checkpoint,
        "state_dir": state_dir,
    }
    report = run_once(load_settings(given, config).settings, moment, dry_run=dry_run)
    print_run(report, output, quiet=quiet, timings=timings)
    return 0 if exit_zero and report.exit_code == 2 else report.exit_code


def print_run(report: "RunReport", output: Format, *, quiet: bool, timings: bool) -> None:
    """Print a run on stdout in the wanted form, and what went wrong and the timings on stderr."""
    if output is Format.TABLE:
        from rich.console import Console

        from flows.render.table import print_report

        print_report(report, Console(highlight=False, soft_wrap=False), quiet=quiet)
    elif output is Format.MARKDOWN:
        from flows.render.markdown import to_markdown

        typer.echo(to_markdown(report))
    else:
        from flows.render.document import to_json, to_ndjson

        typer.echo(to_json(report) if output is Format.JSON else "\n".join(to_ndjson(report)))
    error = report.emit_error or (report.error if output is not Format.TABLE else None)
    if error:
        typer.echo(f"error: {show(error, limit=5000)}", err=True)
    if timings:
        for name, taken_s in report.timings_s.items():
            typer.echo(f"{taken_s * 1000:9.1f} ms  {name}", err=True)

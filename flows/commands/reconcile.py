"""`supervisor reconcile`: judge the world against the inventory, print what to do, append what changed."""

import os
import resource
import sys
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands import options
from flows.commands.few_bytes import work_by_size
from flows.commands.options import Format
from flows.render.progress import working
from flows.text.escape import show, show_lines

if TYPE_CHECKING:
    from flows.render.table import Hints
    from flows.run.result import RunReport
    from flows.settings import Settings
    from flows.views.gate import Criteria, Gate
    from schemas.episode import Key
    from schemas.verb import Verb
    from schemas.words import Action, Severity

HELP = """Compare desired with actual, print what to do first and why, and append what changed to the event log.

Examples:

\b
  supervisor reconcile --inventory ~/homelab --world /opt/homelab/world
  supervisor reconcile --dry-run --format json | jq '.recommendations[].reason'

In CI: fail only for what the main branch does not have, and show it beside the inventory's lines.

\b
  supervisor reconcile --dry-run --format json > baseline.json
  supervisor reconcile --dry-run --fail-on new --baseline baseline.json --format sarif > drift.sarif
  supervisor reconcile --dry-run --fail-on 'severity>=error' --format junit > drift.xml
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
    metrics_file: options.MetricsFile = None,
    cloudevents: options.CloudEvents = None,
    as_of: options.AsOf = None,
    output: Annotated[Format, typer.Option("--format", help="How to print the run.")] = Format.TABLE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compute and print; write nothing at all.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the summary line alone.")] = False,
    timings: Annotated[
        bool, typer.Option("--timings", help="Print how long each step took, and the peak of memory.")
    ] = False,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on", metavar="WHAT", help="Exit with 2 for these alone: new, severity>=error, ...; repeatable."
        ),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option("--baseline", help="An earlier run's JSON: what it has, no less severe, is not new.")
    ] = None,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 where drift would be 2.")] = False,
) -> int:
    """Run once and return the exit code."""
    moment = options.parse_as_of(as_of)
    criteria, known = _read_gate(fail_on, baseline) if fail_on or baseline else (None, None)
    given = {
        "inventory": inventory,
        "world": world,
        "event_log": event_log,
        "checkpoint": checkpoint,
        "state_dir": state_dir,
        "metrics_file": metrics_file,
        "cloudevents": cloudevents,
    }
    settings = options.load(given, config)
    typed = options.repeat(given, config, as_of)
    tell = partial(_tell_run, settings=settings, output=output, quiet=quiet, timings=timings, typed=typed)
    hold = partial(_hold_against, criteria=criteria, known=known)
    run = partial(_run, settings, moment, hold, tell, dry_run=dry_run)
    code = work_by_size(settings, run)
    return 0 if exit_zero and code == 2 else code


def _run(
    settings: "Settings",
    moment: datetime | None,
    hold: "Callable[[RunReport], Gate | None]",
    tell: "Callable[[RunReport, Gate | None], None]",
    *,
    dry_run: bool,
) -> int:
    """Run once, tell of it, and return the exit code."""
    from flows.render.report_file import ReportFile
    from flows.run.cycle import run_once

    with working("reading and judging"):
        report = run_once(settings, moment, dry_run=dry_run)
    report = report if dry_run else ReportFile(settings).write(report)
    gate = hold(report)
    tell(report, gate)
    return gate.exit_code(report) if gate else report.exit_code


def _read_gate(fail_on: list[str] | None, baseline: Path | None) -> "tuple[Criteria, dict[Key, Severity] | None]":
    from flows.views.gate import parse_criteria, read_baseline

    return parse_criteria(fail_on or []), read_baseline(baseline) if baseline else None


def _hold_against(
    report: "RunReport", criteria: "Criteria | None", known: "dict[Key, Severity] | None"
) -> "Gate | None":
    if criteria is None:
        return None
    from flows.views.gate import hold_against

    return hold_against(report, criteria, known)


def _tell_run(
    report: "RunReport",
    gate: "Gate | None",
    *,
    settings: "Settings",
    output: Format,
    quiet: bool,
    timings: bool,
    typed: str,
) -> None:
    print_run(report, output, gate, settings, quiet=quiet, timings=timings, typed=typed)
    if quiet or output is not Format.TABLE or not sys.stdout.isatty():
        _tell_problems(report, output)


def print_run(
    report: "RunReport",
    output: Format,
    gate: "Gate | None" = None,
    settings: "Settings | None" = None,
    *,
    quiet: bool,
    timings: bool,
    typed: str = "",
) -> None:
    """Print a run on stdout in the wanted form, and what went wrong and the timings on stderr."""
    if output is Format.TABLE:
        from flows.render.table import print_report
        from flows.render.terminal import open_console

        hints = make_hints(settings, typed) if settings and not quiet else None
        print_report(report, open_console(), quiet=quiet, hints=hints)
        _print_gate(gate)
    elif output in (Format.JSON, Format.NDJSON):
        from flows.render.document import to_json, to_ndjson
        from flows.render.screen import print_pieces

        print_pieces(to_json(report) if output is Format.JSON else to_ndjson(report))
    else:
        typer.echo(_write(report, output, gate, settings))
    if quiet or output is not Format.TABLE:
        for note in report.untold:
            typer.echo(f"note: {show(note, limit=1000)}", err=True)
    error = report.emit_error or (report.error if output is not Format.TABLE else None)
    if error:
        typer.echo(f"error: {show_lines(error)}", err=True)
    if timings:
        for name, taken_s in report.timings_s.items():
            typer.echo(f"{taken_s * 1000:9.1f} ms  {name}", err=True)
        typer.echo(f"{_peak_memory_bytes() / 1e6:9.1f} MB  peak memory", err=True)


def make_hints(settings: "Settings", typed: str) -> "Hints":
    """Return what a person may type next: the commands of the settings, else what the executor would run."""
    from flows.render.table import Hints
    from flows.views.commands import find_command
    from schemas.verb import DEFAULT_LADDERS

    describe = _read_executor(settings)

    def find(action: "Action", node: str, service: str) -> str | None:
        ladder = DEFAULT_LADDERS.get(action)
        return find_command(settings.commands, action, node, service) or (
            describe(ladder[0], node, service) if ladder else None
        )

    return Hints(find, typed)


def _read_executor(settings: "Settings") -> "Callable[[Verb, str, str], str | None]":
    """Return what tells a step's command; nothing where there is no `executor.yaml` that this user can read."""
    if not os.access(settings.actions.executor_config, os.R_OK):
        return lambda *_: None
    from flows.act import open_descriptions

    return open_descriptions(settings)


def _peak_memory_bytes() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _tell_problems(report: "RunReport", output: Format) -> None:
    """Say on stderr what could not be read, where stdout does not go to a person who reads all of it."""
    if report.error and output is Format.TABLE:
        typer.echo(f"error: {show_lines(report.error)}", err=True)
    if report.is_partial and report.desired is not None:
        from flows.render.table import faults

        for line in faults(report.desired.unread.filter(~report.desired.unread["is_warning"])):
            typer.echo(line.plain, err=True)


def _print_gate(gate: "Gate | None") -> None:
    if gate is not None:
        names = ", ".join(show("/".join(key[:2])) for key in gate.failing[:10])
        typer.echo(f"gate: {len(gate.failing)} fail{': ' + names if names else ''}; {len(gate.known)} known", err=True)


def _write(report: "RunReport", output: Format, gate: "Gate | None", settings: "Settings | None") -> str:
    if output is Format.JUNIT:
        from flows.render.junit import to_junit

        return to_junit(report, gate)
    if output is Format.SARIF:
        from flows.render.sarif import to_sarif
        from flows.views.roots import find_roots

        return to_sarif(report, gate, find_roots(settings) if settings else None)
    from flows.render.markdown import to_markdown

    return to_markdown(report)

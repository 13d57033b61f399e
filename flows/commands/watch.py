"""`supervisor watch`: reconcile on every change, in one process that stays warm."""

import signal
import sys
import threading
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands import options

if TYPE_CHECKING:
    from flows.run.gather import InputReader
    from flows.run.result import RunReport
    from flows.settings import Settings

HELP = """Reconcile whenever the world or the inventory changes, and at least once a minute, until interrupted.

Prints the whole result when a recommendation came, went or changed, and one line otherwise.

Examples:

\b
  supervisor watch --inventory ~/homelab --world /opt/homelab/world
  supervisor watch --observe --inventory ~/homelab    # looks at the machines as well: all in one process
  supervisor watch --observe --act --web              # and does what the policy lets be done, and serves the page
  supervisor watch --format ndjson | jq 'select(.record == "recommendation")'
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=HELP, short_help="Reconcile whenever the input changes.")(watch)


def watch(
    inventory: options.Inventory = None,
    world: options.World = None,
    config: options.Config = None,
    event_log: options.EventLog = None,
    checkpoint: options.Checkpoint = None,
    state_dir: options.StateDir = None,
    cloudevents: options.CloudEvents = None,
    output: Annotated[options.Format, typer.Option("--format", help="How to print each run.")] = options.Format.TABLE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compute and print; write nothing at all.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the summary lines alone.")] = False,
    observe: Annotated[bool, typer.Option("--observe", help="Look at the machines too: write the world.")] = False,
    act: Annotated[bool, typer.Option("--act", help="Do what the policy lets be done, too: as this one user.")] = False,
    web: Annotated[bool, typer.Option("--web", help="Serve the page, too: where web.host and web.port say.")] = False,
) -> int:
    """Run until SIGINT or SIGTERM; return 0."""
    if act and dry_run:
        raise typer.BadParameter("--act does things, and --dry-run writes nothing; leave one of them out")
    if observe and dry_run:
        raise typer.BadParameter("--observe writes the world, and --dry-run writes nothing; leave one of them out")
    given = {
        "inventory": inventory,
        "world": world,
        "event_log": event_log,
        "checkpoint": checkpoint,
        "state_dir": state_dir,
        "cloudevents": cloudevents,
    }
    settings = options.load(given, config)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as beside:
        for is_wanted, begin in ((observe, _observing), (act, _acting), (web, partial(_serving, config=config))):
            if is_wanted:
                beside.enter_context(begin(settings))
        _watch(settings, stop, output, dry_run=dry_run, quiet=quiet)
    return 0


def _serving(settings: "Settings", config: Path | None) -> AbstractContextManager[None]:
    from flows.web.serve import announce, serving

    print(announce(settings), file=sys.stderr, flush=True)
    return serving(settings, config)


def _observing(settings: "Settings") -> AbstractContextManager[None]:
    from flows.observer.background import observing

    return observing(settings, lambda message: print("error:", message, file=sys.stderr, flush=True))


def _acting(settings: "Settings") -> AbstractContextManager[None]:
    from flows.act import acting
    from flows.commands.act import tell_done

    print("note: this one user decides, approves and acts: nothing is separated (docs/acting.md)", file=sys.stderr)
    return acting(settings, tell_done, lambda message: print("error:", message, file=sys.stderr, flush=True))


def _watch(settings: "Settings", stop: threading.Event, output: options.Format, *, dry_run: bool, quiet: bool) -> None:
    from flows.render.report_file import ReportFile
    from flows.run.gather import InputReader
    from flows.run.watch import watch_inputs

    file = ReportFile(settings)
    reader = InputReader(settings, is_caching=not dry_run)
    shown = None
    for _ in watch_inputs(settings, stop):
        report = _run(settings, reader, dry_run=dry_run)
        if report is None:
            continue
        report = report if dry_run else file.write(report)
        advice = _advice(report)
        _print(report, output, settings, quiet=quiet or advice == shown)
        shown = advice


def _run(settings: "Settings", reader: "InputReader", *, dry_run: bool) -> "RunReport | None":
    """Run once; what another run or a full disk is the cause of is said, and may be over the next time."""
    from flows.errors import SupervisorError
    from flows.run.cycle import run_once
    from flows.text.escape import show

    try:
        return run_once(settings, dry_run=dry_run, reader=reader)
    except SupervisorError as error:
        print("error:", show(error, limit=2000), file=sys.stderr, flush=True)
        return None


def _advice(report: "RunReport") -> object:
    """Return what the operator is asked to do: when it is the same as before, it is not printed again."""
    if report.judgement is None:
        return report.error
    wanted = ("recommendation_id", "event_type", "severity", "root_causes")
    return report.judgement.recommendations.select(wanted).to_dicts(), _intents(report)


def _intents(report: "RunReport") -> object:
    """Return the actions that have not ended, with what they wait for."""
    actions = report.acting.view("")["actions"] if report.acting else []
    return [(row["intent_id"], row["phase"], row["decision"] and row["decision"]["decided_by"]) for row in actions]


def _print(report: "RunReport", output: options.Format, settings: "Settings", *, quiet: bool) -> None:
    from flows.commands.reconcile import print_run

    if output is options.Format.TABLE:
        print(f"{report.as_of.astimezone():%H:%M:%S}", end="  ")
    print_run(report, output, None, settings, quiet=quiet, timings=False)
    sys.stdout.flush()

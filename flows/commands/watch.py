"""`supervisor watch`: reconcile on every change, in one process that stays warm."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands import options
from flows.commands.few_bytes import work_by_size

if TYPE_CHECKING:
    from flows.executor.start import Done
    from flows.run.gather import InputReader
    from flows.run.result import RunReport
    from flows.settings import Settings

HELP = """Reconcile whenever the world or the inventory changes, and at least once a minute, until interrupted.

On a terminal it is a screen that is drawn anew. Elsewhere it is a log: the whole result when a recommendation came, went or
changed, and one line otherwise; so it is with --log.

Examples:

\b
  supervisor watch --inventory ~/homelab --world /opt/homelab/world
  supervisor watch --observe --inventory ~/homelab    # looks at the machines as well: all in one process
  supervisor watch --observe --act --web              # and does what the policy lets be done, and serves the page
  supervisor watch --format ndjson | jq 'select(.record == "recommendation")'
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=HELP)(watch)


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
    log: Annotated[bool, typer.Option("--log", help="A log on a terminal, too.")] = False,
    observe: Annotated[bool, typer.Option("--observe", help="Look at the machines too: write the world.")] = False,
    act: Annotated[bool, typer.Option("--act", help="Do what the policy lets be done, too: as this one user.")] = False,
    web: Annotated[bool, typer.Option("--web", help="Serve the page, too: where web.host and web.port say.")] = False,
) -> int:
    """Run until SIGINT or SIGTERM; return 0."""
    if dry_run:
        _refuse_writing(act=act, observe=observe)
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
    is_able = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    is_screen = output is options.Format.TABLE and is_able and not (quiet or log)
    typed = options.repeat(given, config)
    place = _Screen(settings, typed) if is_screen else _Log(settings, output, typed, quiet=quiet)
    with ExitStack() as beside:
        beside.enter_context(place.opened())
        for is_wanted, begin in ((observe, _observing), (act, _acting), (web, partial(_serving, config=config))):
            if is_wanted:
                beside.enter_context(begin(settings, place))
        _watch(settings, stop, place, dry_run=dry_run)
    return 0


def _refuse_writing(*, act: bool, observe: bool) -> None:
    if act:
        raise typer.BadParameter("--act does things, and --dry-run writes nothing; leave one of them out")
    if observe:
        raise typer.BadParameter("--observe writes the world, and --dry-run writes nothing; leave one of them out")


class _Log:
    """Prints each run below the one before it, whole where it asks for something else."""

    def __init__(self, settings: "Settings", output: options.Format, typed: str, *, quiet: bool) -> None:
        self._settings, self._output, self._typed, self._quiet = settings, output, typed, quiet
        self._shown: object = None

    def opened(self) -> AbstractContextManager[None]:
        return nullcontext()

    def show(self, report: "RunReport") -> None:
        from flows.commands.reconcile import print_run
        from flows.text.spoken import spoken_clock

        advice = _advice(report)
        if self._output is options.Format.TABLE:
            print(spoken_clock(report.as_of), end="  ")
        is_same = advice == self._shown
        is_quiet = self._quiet or is_same
        print_run(report, self._output, None, self._settings, quiet=is_quiet, timings=False, typed=self._typed)
        sys.stdout.flush()
        self._shown = advice

    def complain(self, message: str) -> None:
        print("error:", message, file=sys.stderr, flush=True)

    def note(self, message: str) -> None:
        print("note:", message, file=sys.stderr)

    def announce(self, message: str) -> None:
        print(message, file=sys.stderr, flush=True)

    def tell_done(self, done: "Done") -> None:
        from flows.commands.act import tell_done

        tell_done(done)


class _Screen:
    """Shows the newest run alone, in the place of the one before it."""

    def __init__(self, settings: "Settings", typed: str) -> None:
        from flows.commands.reconcile import make_hints
        from flows.render.live import WatchScreen
        from flows.render.terminal import open_console

        self._screen = WatchScreen(settings.run_ttl)
        self._console = open_console()
        self._hints = make_hints(settings, typed)
        self._last: RunReport | None = None

    @contextmanager
    def opened(self) -> Iterator[None]:
        from flows.render.live import shown_live
        from flows.render.table import print_report

        with shown_live(self._screen, self._console):
            yield
        if self._last is not None:
            print_report(self._last, self._console, hints=self._hints)

    def show(self, report: "RunReport") -> None:
        self._last = report
        self._screen.show_run(report, self._hints)
        if report.emit_error:
            self.complain(report.emit_error)

    def complain(self, message: str) -> None:
        self._screen.say(f"error: {message}")

    def note(self, message: str) -> None:
        self._screen.say(f"note: {message}")

    def announce(self, message: str) -> None:
        self._screen.say(message)

    def tell_done(self, done: "Done") -> None:
        from flows.commands.act import say_done

        self._screen.say(say_done(done))


Place = _Log | _Screen


def _serving(settings: "Settings", place: Place, config: Path | None) -> AbstractContextManager[None]:
    from flows.web.serve import announce, serving

    place.announce(announce(settings))
    return serving(settings, config)


def _observing(settings: "Settings", place: Place) -> AbstractContextManager[None]:
    from flows.observer.background import observing

    return observing(settings, place.complain)


def _acting(settings: "Settings", place: Place) -> AbstractContextManager[None]:
    from flows.act import acting

    place.note("this one user decides, approves and acts: nothing is separated (docs/acting.md)")
    return acting(settings, place.tell_done, place.complain)


def _watch(settings: "Settings", stop: threading.Event, place: Place, *, dry_run: bool) -> None:
    from flows.render.report_file import ReportFile
    from flows.run.gather import InputReader
    from flows.run.watch import watch_inputs

    file = ReportFile(settings)
    reader = InputReader(settings, is_caching=not dry_run)
    for _ in watch_inputs(settings, stop):
        report = _run(settings, reader, place, dry_run=dry_run)
        if report is not None:
            place.show(report if dry_run else file.write(report))


def _run(settings: "Settings", reader: "InputReader", place: Place, *, dry_run: bool) -> "RunReport | None":
    """Run once; what another run or a full disk is the cause of is said, and may be over the next time."""
    from flows.errors import SupervisorError
    from flows.run.cycle import run_once
    from flows.text.escape import show

    try:
        return work_by_size(settings, partial(run_once, settings, dry_run=dry_run, reader=reader))
    except SupervisorError as error:
        place.complain(show(error, limit=2000))
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

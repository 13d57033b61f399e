"""`supervisor log`: our events in the shared log, readable, followed, and held against their chain."""

import time
from collections.abc import Iterator
from os.path import realpath
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands import options

if TYPE_CHECKING:
    from flows.ledger.checkpoint import Known
    from flows.ledger.event_log import EventLog
    from flows.ledger.own_event import OwnEvent
    from flows.ledger.position import Position
    from flows.settings import Settings

_PAUSE_S = 0.25
LAST = "whether the last event was changed, or more are missing at the end"
_COLORS = {"critical": typer.colors.RED, "error": typer.colors.YELLOW, "info": typer.colors.GREEN}

HELP = """Our events in the shared log: read them, hold them against their chain, write lost ones again.

Examples:

\b
  supervisor log tail --follow
  supervisor log verify /tmp/agent-events.log.1 /tmp/agent-events.log
  supervisor log replay /var/backups/agent-events.log
"""

commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=HELP)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands.command(
        help="Walk the chain of our events, and name the first line that was changed, lost, doubled or forged.",
        short_help="Find the first event that was changed, lost or forged.",
        epilog="Example: supervisor log verify /tmp/agent-events.log.1 /tmp/agent-events.log",
    )(verify)
    commands.command(help="Show our latest events, readably.", epilog="Example: supervisor log tail --follow")(tail)
    commands.command(
        help="Append events again that were written, and are no longer in the log (it was deleted, say).",
        short_help="Append events that the log lost.",
        epilog="Example: supervisor log replay /var/backups/agent-events.log",
    )(replay)
    app.add_typer(commands, name="log")


def verify(
    files: Annotated[list[Path] | None, typer.Argument(help="The log and its rotated parts; ours by default.")] = None,
    event_log: options.EventLog = None,
    checkpoint: options.Checkpoint = None,
    config: options.Config = None,
) -> int:
    """Return 0 where the chain holds, 2 where it breaks. Raises `NoRunError` where there is no event, nor a run."""
    from flows.ledger.chain import verify_chain
    from flows.ledger.checkpoint import read_known, require_known
    from flows.text.escape import show
    from schemas.spoken import count

    settings = _load({"event_log": event_log, "checkpoint": checkpoint}, config)
    named = files or _own_files(settings)
    is_live = realpath(settings.places.event_log) in map(realpath, named)
    known = read_known(settings.places.checkpoint) if is_live else None
    verdict = verify_chain(named, known.head if known else None)
    if verdict.break_at is not None:
        typer.echo(f"{show(verdict.break_at.path)}:{verdict.break_at.number}: {verdict.problem}")
        typer.echo(f"{count(verdict.event_count, 'event')} before it, each follows the one before")
        return 2
    if is_live and not verdict.event_count:
        require_known(settings.places.checkpoint, settings.places.state_dir)
    typer.echo(f"{count(verdict.event_count, 'event')}, each follows the one before it")
    if verdict.event_count and not verdict.is_from_the_beginning:
        typer.echo("earlier events are not in these files: give the rotated parts as well to cover them")
    bare = verdict.bare if files else ()
    for path in bare:
        typer.echo(f"{show(path)}: holds no event of ours")
    return max(2 if bare else 0, _compare_with_checkpoint(settings, known, verdict.head, is_live=is_live))


def _compare_with_checkpoint(settings: "Settings", known: "Known | None", head: str | None, *, is_live: bool) -> int:
    if not is_live:
        typer.echo(f"not covered: {LAST}, since {settings.event_log} is not among them")
        return 0
    if known is None:
        typer.echo(f"not covered: {LAST}, since there is no {settings.checkpoint}")
        return 0
    if known.generation == 0 or known.head == head:
        return 0
    typer.echo(
        "the last event that the checkpoint knows is not the last one here: the end was cut, changed or added to"
    )
    return 2


def tail(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as events are written.")] = False,
    count: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many.")] = 20,
    event_log: options.EventLog = None,
    config: options.Config = None,
) -> int:
    """Print the latest events, the newest last. Raises `NoRunError` where there is none, nor a run."""
    from flows.ledger.checkpoint import require_known
    from flows.ledger.emit import open_log
    from flows.ledger.position import START

    places = _load({"event_log": event_log}, config).places
    log = open_log(places)
    log.is_deep = True
    scan = log.scan(START)
    log.is_deep = False
    _say_what_is_not_read(log.notes)
    for event in scan.events[-count:] if count else ():
        _print(event)
    if not scan.events and not follow:
        require_known(places.checkpoint, places.state_dir)
        typer.echo(f"no event of ours in {log.path}", err=True)
    for event in _follow(log, scan.end, {event.event_id for event in scan.events}) if follow else ():
        _print(event)
    return 0


def _follow(log: "EventLog", position: "Position", seen: set[str]) -> Iterator["OwnEvent"]:
    while True:
        time.sleep(_PAUSE_S)
        scan = log.scan(position)
        yield from (event for event in scan.events if event.event_id not in seen)
        seen.update(event.event_id for event in scan.events)
        position = scan.end


def _print(event: "OwnEvent") -> None:
    from flows.render.screen import print_lines
    from flows.text.escape import show
    from flows.text.spoken import spoken_second, spoken_target

    about = event.episode or event.action
    if about is None:
        return
    word = str(event.resolution or event.transition).removeprefix("action_").replace("_", " ")
    at = event.episode.last_event_at if event.episode else event.action.as_of if event.action else None
    when = typer.style(spoken_second(at), dim=True) if at else ""
    head = typer.style(f"{word:<14}  {about.severity:<8}", fg=_COLORS.get(about.severity))
    what = f"{event.episode.action.replace('_', ' ')}: {event.reason}" if event.episode else event.reason
    print_lines([f"{when}  {head}  {show(spoken_target(about.node, about.service))}  {show(what)}"])


def replay(
    files: Annotated[list[Path], typer.Argument(help="Where the events still are: rotated parts, a backup.")],
    event_log: options.EventLog = None,
    checkpoint: options.Checkpoint = None,
    state_dir: options.StateDir = None,
    config: options.Config = None,
) -> int:
    """Append what the log lacks; return 0."""
    from flows.ledger.chain import read_event_lines
    from flows.ledger.emit import open_emitter
    from schemas.spoken import count

    settings = _load({"event_log": event_log, "checkpoint": checkpoint, "state_dir": state_dir}, config)
    with open_emitter(settings.places) as emitter:
        written = emitter.write_again(found for file in files for found in read_event_lines(file))
    typer.echo(f"{count(written, 'event')} written again")
    return 0


def _load(given: dict[str, object], config: Path | None) -> "Settings":
    return options.load(given, config)


def _own_files(settings: "Settings") -> list[Path]:
    from flows.ledger.log_parts import find_parts

    found = find_parts(settings.event_log, settings.places.log_owners)
    _say_what_is_not_read({part.path: part.problem for part in found if part.problem})
    return [*(part.path for part in found if not part.problem), settings.event_log]


def _say_what_is_not_read(problems: dict[Path, str]) -> None:
    from flows.text.escape import show

    for path, problem in problems.items():
        typer.echo(f"{show(path)}: {show(problem)}; it is passed over", err=True)

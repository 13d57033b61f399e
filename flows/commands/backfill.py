"""`supervisor backfill`: make the history of a past that was only kept as snapshots."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands import options
from schemas.spoken import count

if TYPE_CHECKING:
    from flows.past.make_days import DayDone

HELP = """Judge each snapshot at its own moment, against the inventory as it was then, and write the history.

SOURCE is the state folder (its archive), a folder of snapshot folders named by time, tar archives of them, or a Git
repository whose commits hold the world. Run again, it does what is missing. The live event log and checkpoint are
never touched.

Examples:

\b
  supervisor backfill ~/world-snapshots --inventory-git ~/homelab
  supervisor backfill snapshots.tar.zst --since 90d --events past-events.log
"""
MOST_PROBLEMS = 20


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=HELP)(backfill)


def backfill(
    source: Annotated[Path, typer.Argument(help="Where the snapshots are.")],
    inventory_git: Annotated[Path | None, typer.Option("--inventory-git", help="Repository that holds hosts/.")] = None,
    since: options.Since = None,
    until: options.Until = None,
    zone: options.Zone = "UTC",
    events: Annotated[Path | None, typer.Option("--events", help="Write the events of live runs here, anew.")] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Processes; otherwise one a core.")] = None,
    inventory: options.Inventory = None,
    where: options.HistoryPlace = None,
    state_dir: options.StateDir = None,
    config: options.Config = None,
) -> int:
    """Make the history, show the progress, and say what was passed over."""
    begin, end = options.parse_period(since, until)
    from flows.ledger.history_writer import hold_history
    from flows.past.day import group_days
    from flows.past.make_days import Backfiller, make_days
    from flows.past.sources import choose_inventories, find_snapshots, make_judge, open_snapshots
    from flows.render.progress import progress, working

    settings = options.load({"inventory": inventory, "state_dir": state_dir, "history": where}, config)
    with open_snapshots(source.absolute(), settings.limits, options.parse_zone(zone)) as snapshots:
        with working("looking for snapshots"):
            found = find_snapshots(snapshots, begin, end)
        snapshots.close()
        judge = make_judge(settings, snapshots, choose_inventories(settings, inventory_git, snapshots))
        days = group_days(found)
        with hold_history(settings.places), progress(len(found)) as advance:
            work = Backfiller(judge, settings.history_root())
            done = sorted(
                _watched(make_days(work, days, jobs or os.cpu_count() or 1), advance), key=lambda one: one.day
            )
        if events is not None:
            from flows.past.events import write_events

            with progress(len(found), "events") as advance:
                written = write_events(events, judge, days, settings, advance)
            typer.echo(f"{count(written, 'event')} written to {events}", err=True)
        judge.close()
    return _report(done, snapshots.problems)


def _watched(results: "Iterable[DayDone]", advance: Any) -> "Iterator[DayDone]":
    for done in results:
        advance(len(done.day.snapshots))
        yield done


def _report(done: "list[DayDone]", passed_over: tuple[str, ...]) -> int:
    from flows.text.escape import show_line

    judged, known = sum(one.judged_count for one in done), sum(one.known_count for one in done)
    problems = [problem for one in done for problem in one.problems]
    for problem in problems[:MOST_PROBLEMS]:
        typer.echo(f"passed over {problem.as_of:%Y-%m-%dT%H:%M:%SZ}: {show_line(problem.problem)}", err=True)
    if len(problems) > MOST_PROBLEMS:
        typer.echo(f"and {len(problems) - MOST_PROBLEMS} more", err=True)
    for text in passed_over[:MOST_PROBLEMS]:
        typer.echo(f"passed over {show_line(text)}", err=True)
    typer.echo(f"{judged} judged, {known} known already, {len(problems)} passed over, {count(len(done), 'day')}")
    return 1 if problems and not judged and not known else 0

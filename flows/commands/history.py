"""`supervisor history`: what drifted, for how long, how often, and what became of it."""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands import options
from schemas.spoken import count

if TYPE_CHECKING:
    from flows.past.study import Past
    from flows.render.past import Pasts
    from flows.settings import Settings

HELP = """Show drift over time: episodes, time to recovery, hours of drift, availability, worst offenders.

Examples:

\b
  supervisor history --since 30d --node piha
  supervisor history --since 2026-05-01 --until 2026-06-01 --format csv
  supervisor history --site cabin --site office
  supervisor history compact
"""


class PastFormat(StrEnum):
    """How the past is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help=HELP, invoke_without_command=True)
    group.callback()(history)
    group.command("compact", help="Merge the files of each day that is over into one for each table.")(compact)
    app.add_typer(group, name="history")


def history(
    context: typer.Context,
    since: options.Since = "30d",
    until: options.Until = None,
    node: Annotated[str | None, typer.Option("--node", help="This node alone.")] = None,
    service: Annotated[str | None, typer.Option("--service", help="This service alone.")] = None,
    output: Annotated[PastFormat, typer.Option("--format", help="CSV has the episodes.")] = PastFormat.TABLE,
    where: options.HistoryPlace = None,
    state_dir: options.StateDir = None,
    site: Annotated[list[str] | None, typer.Option("--site", help="This site of the setting sites alone.")] = None,
    config: options.Config = None,
) -> int:
    """Print the period, of this place, or of the setting's sites; return 1 where that of a site cannot be read."""
    if context.invoked_subcommand is not None:
        return 0
    begin, end = options.parse_period(since, until)
    from flows.past.study import study_past
    from flows.render.progress import working
    from flows.render.screen import print_lines

    settings = options.load({"state_dir": state_dir, "history": where}, config)

    def study(root: Path | str) -> "Past":
        return study_past(root, settings.past_rules(), begin, end, node=_lower(node), service=_lower(service))

    if site or (settings.sites and state_dir is None and where is None):
        return _print_sites(settings, site or [], study, output)
    with working("reading the history"):
        past = study(settings.history_root())
    _print({"": past}, output)
    for text in past.left_out:
        typer.echo(f"left out {_shown(text)}", err=True)
    if past.spans.is_empty():
        print_lines(
            ["note: each run adds to the history, and 'supervisor backfill' makes it of kept snapshots"], err=True
        )
    elif past.reliability.is_empty() and (node or service):
        whole = study_past(settings.history_root(), settings.past_rules(), begin, end)
        print_lines([_note_unknown(whole, node, service)], err=True)
    return 0


def _print_sites(
    settings: "Settings", names: list[str], study: "Callable[[Path | str], Past]", output: PastFormat
) -> int:
    from flows.past.sites import choose_sites, study_sites
    from flows.render.progress import working

    chosen = choose_sites(settings, names)
    with working("reading the histories"):
        found = study_sites(chosen, study)
    pasts = {one.name: one.past for one in found if one.past is not None}
    if pasts:
        _print(pasts, output)
    for one in found:
        texts = [f"left out {text}" for text in one.past.left_out] if one.past else [str(one.problem)]
        for text in texts:
            typer.echo(f"{_shown(one.name)}: {_shown(text)}", err=True)
    return 0 if len(pasts) == len(found) else 1


def _note_unknown(past: "Past", node: str | None, service: str | None) -> str:
    asked = " and ".join(f"{what} {name}" for what, name in (("node", node), ("service", service)) if name)
    question = _ask_what_is_meant(past, _lower(node), _lower(service))
    return f"note: no run of this period asks for {asked}, or shows drift of it{question}"


def _ask_what_is_meant(past: "Past", node: str | None, service: str | None) -> str:
    """Return a question that names what the history knows and a misspelt name may mean; nothing where none is close."""
    from flows.setting_faults import suggest

    of_node = past.reliability if node is None else past.reliability.filter(past.reliability["node"] == node)
    if node is not None and of_node.is_empty():
        return suggest(node, past.reliability["node"].unique().sort())
    return suggest(service, of_node["service"].unique().sort()) if service is not None else ""


def _lower(name: str | None) -> str | None:
    return name.strip().lower() if name else None


def _print(pasts: "Pasts", output: PastFormat) -> None:
    from flows.render import past as render

    if output is PastFormat.TABLE:
        from flows.render.terminal import open_console

        render.print_past(pasts, open_console())
        return
    written = {
        PastFormat.JSON: render.past_to_json,
        PastFormat.CSV: render.past_to_csv,
        PastFormat.MARKDOWN: render.past_to_markdown,
    }
    typer.echo(written[output](pasts), nl=output is PastFormat.JSON)


def compact(
    where: options.HistoryPlace = None,
    state_dir: options.StateDir = None,
    config: options.Config = None,
) -> int:
    """Merge the days before today."""
    from flows.ledger.history_writer import compact as compact_days
    from flows.ledger.history_writer import hold_history
    from flows.render.progress import progress

    settings = options.load({"state_dir": state_dir, "history": where}, config)
    with hold_history(settings.places), progress(100, "% of the days") as advance:
        merged = compact_days(settings.history_root(), datetime.now(UTC).date(), _in_percent(advance))
    typer.echo(f"merged {count(merged, 'day')} of a table under {_shown(settings.history_root())}")
    return 0


def _in_percent(advance: Callable[[int], None]) -> Callable[[int, int], None]:
    """Return what turns so many of so many into the percents that were gained."""
    told = 0

    def tell(done: int, total: int) -> None:
        nonlocal told
        percent = 100 * (done + 1) // total
        advance(percent - told)
        told = percent

    return tell


def _shown(text: Path | str) -> str:
    from flows.text.escape import show

    return show(text, limit=2000)

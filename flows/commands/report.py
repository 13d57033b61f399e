"""`supervisor report`: the fleet on one page, to look at rather than to read."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from flows.commands import options

HELP = """Write one HTML file: what to do first, what explains what, the fleet, its states, episodes and availability.

The file needs no network, says how old it is, turns grey after run_ttl, and follows the browser's light or dark theme.
Judges the inputs as a run would, and writes nothing else. The setting report_file lets every run write it.

Examples:

\b
  supervisor report
  supervisor report --since 90d --output /var/www/fleet.html
"""

Output = Annotated[Path, typer.Option("--output", "-o", help="The file to write, replaced as a whole.")]
Since = Annotated[
    str, typer.Option("--since", help="How far back the past reaches: 30d, 12h, a date, or an ISO 8601 moment.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=HELP)(report)


def report(
    output: Output = Path("supervisor-report.html"),
    since: Since = "30d",
    inventory: options.Inventory = None,
    world: options.World = None,
    state_dir: options.StateDir = None,
    history: options.HistoryPlace = None,
    config: options.Config = None,
    as_of: options.AsOf = None,
) -> int:
    """Write it; return 0, or 3 where nothing can be said of the present."""
    moment = options.parse_as_of(as_of) or datetime.now(UTC)
    begin = options.parse_since(since, moment)
    if begin >= moment:
        raise typer.BadParameter("--since must lie before the moment of the report")
    from flows.files.own import replace_file
    from flows.render.html import to_html
    from flows.render.progress import working
    from flows.text.escape import show, show_line
    from flows.views.fleet_page import gather_page

    given = {"inventory": inventory, "world": world, "state_dir": state_dir, "history": history}
    with working("reading, judging and drawing"):
        page = gather_page(options.load(given, config), moment, moment - begin)
    replace_file(output.absolute(), to_html(page).encode(), 0o644)
    typer.echo(f"wrote {show(output)}")
    if page.problem:
        typer.echo(f"error: {show_line(page.problem)}", err=True)
    return 3 if page.problem else 0

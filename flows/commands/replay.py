"""`supervisor replay` and `supervisor what-if`: the same runs, judged another way."""

import sys
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands import options
from flows.commands.few_bytes import work_by_size
from schemas.spoken import count

if TYPE_CHECKING:
    from flows.past.replay import Comparison

REPLAY = """Judge the archive again under other rules: what would have been recommended instead.

Example:

\b
  supervisor replay --rules new.yaml --since 90d
"""
WHAT_IF = """Judge today's world against another inventory, a folder or a branch: what would be recommended instead.

Example:

\b
  supervisor what-if --inventory my-branch | gh pr comment --body-file -
"""


class ComparisonFormat(StrEnum):
    """How a comparison is printed."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


Output = Annotated[ComparisonFormat, typer.Option("--format", help="How to print it.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("replay", help=REPLAY)(replay)
    app.command("what-if", help=WHAT_IF)(what_if)


def replay(
    rules: Annotated[Path, typer.Option("--rules", help="Settings file with the rules that differ.")],
    source: Annotated[Path | None, typer.Option("--source", help="Snapshots, in place of our archive.")] = None,
    inventory_git: Annotated[Path | None, typer.Option("--inventory-git", help="Repository that holds hosts/.")] = None,
    since: Annotated[str | None, typer.Option("--from", "--since", help=f"Begin here: {options.POINT}.")] = None,
    until: Annotated[str | None, typer.Option("--to", "--until", help=f"End before this: {options.POINT}.")] = None,
    zone: options.Zone = "UTC",
    output: Output = ComparisonFormat.TABLE,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Processes; otherwise one a core.")] = None,
    inventory: options.Inventory = None,
    state_dir: options.StateDir = None,
    config: options.Config = None,
) -> int:
    """Judge both ways and print what differs."""
    begin, end = options.parse_period(since, until)
    from flows.past.other_rules import compare_rules
    from flows.past.replay import read_rules
    from flows.render.progress import progress

    settings = options.load({"inventory": inventory, "state_dir": state_dir}, config)
    compared = compare_rules(
        settings,
        read_rules(rules, settings.rules()),
        begin,
        end,
        source=source,
        inventory_git=inventory_git,
        zone=options.parse_zone(zone),
        jobs=jobs,
        show=lambda days: progress(days, "days"),
    )
    _print(compared, output)
    if compared.states.is_empty():
        typer.echo("note: no snapshot of this period; 'supervisor archive list' shows what is kept", err=True)
    return 0


def what_if(
    other: Annotated[str, typer.Option("--inventory", help="The other inventory: a folder, or a branch of the base.")],
    output: Annotated[
        ComparisonFormat | None, typer.Option("--format", help="A table for a terminal, else markdown.")
    ] = None,
    as_of: options.AsOf = None,
    base: Annotated[
        Path | None, typer.Option("--base", help="The inventory as it is; otherwise the settings'.")
    ] = None,
    world: options.World = None,
    config: options.Config = None,
) -> int:
    """Judge against both inventories and print what differs."""
    moment = options.parse_as_of(as_of) or datetime.now(UTC)
    from flows.render.progress import working
    from flows.views.what_if import compare_inventories

    settings = options.load({"inventory": base, "world": world}, config)
    by_place = ComparisonFormat.TABLE if sys.stdout.isatty() else ComparisonFormat.MARKDOWN
    with working("judging both ways"):
        compared = work_by_size(settings, partial(compare_inventories, settings, other, moment))
    _print(compared, output or by_place)
    return 0


def _print(comparison: "Comparison", output: ComparisonFormat) -> None:
    from flows.render import comparison as render

    if output is ComparisonFormat.TABLE:
        from flows.render.terminal import open_console

        render.print_comparison(comparison, open_console())
    elif output is ComparisonFormat.JSON:
        typer.echo(render.comparison_to_json(comparison))
    else:
        typer.echo(render.comparison_to_markdown(comparison), nl=False)
    if comparison.problems:
        typer.echo(f"{count(len(comparison.problems), 'snapshot')} passed over", err=True)

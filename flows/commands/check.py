"""`supervisor check`: every fault of the inventory and of the world at once, without reconciling."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands import options
from flows.render.progress import working
from flows.text.spoken import count

if TYPE_CHECKING:
    from flows.views.check import Inspection

HELP = """Validate the whole inventory and the world: every fault at once, with file and line.

Exit codes: 0 no fault (warnings are none), 1 a fault in the inventory, 3 the world cannot be read. Where nobody named a
world, and none is at the default path, the inventory alone decides.

Examples:

\b
  supervisor check --inventory ~/homelab
  supervisor check --no-world
  supervisor check --json | jq -r '.inventory[].problem'
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=HELP, short_help="Find every fault of the inventory and the world.")(check)


def check(
    inventory: options.Inventory = None,
    world: options.World = None,
    config: options.Config = None,
    no_world: Annotated[bool, typer.Option("--no-world", help="Look at the inventory alone.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Look at both, print what is wrong or odd, and return the exit code."""
    from flows.views.check import inspect_inputs

    loaded = options.load_all({"inventory": inventory, "world": world}, config)
    is_absent = loaded.origins["world"] == "default" and not loaded.settings.world.exists()
    with working("reading the inventory and the world"):
        found = inspect_inputs(loaded.settings, with_world=not (no_world or is_absent))
    if as_json:
        from flows.render.document import dump

        typer.echo(dump(found.to_document(), indent=2))
    else:
        _print(found)
    return found.exit_code


def _print(found: "Inspection") -> None:
    from rich.text import Text

    from flows.render.table import faults
    from flows.render.terminal import open_console
    from flows.text.escape import show

    console = open_console()
    for fault in faults(found.inventory, most=None):
        console.print(fault)
    for problem in found.world:
        for line in problem.splitlines():
            console.print(Text.assemble(("world: ", "yellow"), show(line, limit=2000)))
    fault_count = found.inventory.filter(~found.inventory["is_warning"]).height
    warning_count = found.inventory.height - fault_count
    faulty, odd, remarks = (
        count(fault_count, "fault"),
        count(warning_count, "warning"),
        count(len(found.world), "remark"),
    )
    console.print(f"{faulty}, {odd}, {remarks} on the world")

"""`supervisor check`: every fault of the inventory and of the world at once, without reconciling."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands import options
from flows.errors import InventoryError
from flows.render.progress import working
from schemas.spoken import count

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
    app.command(help=HELP)(check)


def check(
    inventory: options.Inventory = None,
    world: options.World = None,
    config: options.Config = None,
    no_world: Annotated[bool, typer.Option("--no-world", help="Look at the inventory alone.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Look at both, print what is wrong or odd, and return the exit code."""
    from flows.observer.plan import read_plan
    from flows.observer.plan_faults import find_doubles, find_unusable
    from flows.views.check import inspect_inputs

    loaded = options.load_all({"inventory": inventory, "world": world}, config)
    is_absent = loaded.origins["world"] == "default" and not loaded.settings.world.exists()
    with working("reading the inventory and the world"):
        found = inspect_inputs(loaded.settings, with_world=not (no_world or is_absent))
        with suppress(InventoryError):  # what of it can be read is nothing, which was said
            plan = read_plan(loaded.settings)
            observing = (*(one for one in plan.problems if one not in plan.unread), *find_unusable(plan))
            found = replace(found, doubles=tuple(find_doubles(plan)), observing=observing)
    if as_json:
        from flows.render.document import dump

        typer.echo(dump(found.to_document(), indent=2))
    else:
        _print(found)
    return found.exit_code


def _print(found: "Inspection") -> None:
    from flows.render.screen import print_lines

    print_lines(_lines(found))


def _lines(found: "Inspection") -> Iterator[str]:
    from flows.render.table import list_faults
    from flows.text.escape import show

    colors = {"warning": "yellow", "error": "red"}
    for word, said in list_faults(found.inventory, found.inventory.height):
        yield f"{typer.style(f'{word}:', fg=colors[word])} {said}"
    for problem in found.doubles:
        yield f"{typer.style('error:', fg=colors['error'])} {show(problem, limit=2000)}"
    for problem in found.observing:
        yield f"{typer.style('warning:', fg=colors['warning'])} {show(problem, limit=2000)}"
    for problem in found.world:
        yield from (f"{typer.style('world:', fg='yellow')} {show(line, limit=2000)}" for line in problem.splitlines())
    fault_count = found.inventory.filter(~found.inventory["is_warning"]).height
    odd = found.inventory.height - fault_count + len(found.observing)
    faults, remarks = count(fault_count + len(found.doubles), "fault"), count(len(found.world), "remark")
    yield f"{faults}, {count(odd, 'warning')}, {remarks} on the world"

"""What `supervisor` alone shows: what to do next, here."""

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from flows.settings import Settings


def show_first_screen() -> int:
    """Print the next step: an inventory, a world, or how things are; return `status`'s code in the last case, else 0."""
    from flows.commands import options
    from flows.commands.status import status

    settings = options.load({}, None)
    lines = list(_next_steps(settings))
    if not lines:
        code = status()
        typer.echo("\n'supervisor --help' lists the commands.")
        return code
    for line in lines:
        typer.echo(line)
    return 0


def _next_steps(settings: "Settings") -> Iterator[str]:
    from flows.setting_sources import find_settings_below
    from flows.text.escape import show

    if not (settings.inventory / "hosts").is_dir():
        yield f"There is no inventory here ({show(settings.inventory.absolute() / 'hosts')} is not there). Next:"
        yield ""
        for folder in find_settings_below()[:3]:
            yield f"  {f'cd {show(shlex.quote(folder))}':50} it has settings and an inventory of its own"
        yield "  supervisor observe --init lab                      write one of what runs on this machine"
        yield "  supervisor watch --observe --inventory lab         then look, judge and tell, until Ctrl-C"
    elif not settings.world.is_dir():
        yield f"There is an inventory, and no world yet ({show(settings.world.absolute())} is not there). Next:"
        yield ""
        yield "  supervisor watch --observe                         look at the machines, judge and tell, until Ctrl-C"
        yield "  supervisor reconcile --world FOLDER                judge what an observer of yours wrote"
    elif not settings.checkpoint.exists():
        yield "There is an inventory and a world. Next:"
        yield ""
        yield "  supervisor reconcile                               what drifted, and what to do first"
    else:
        return
    yield ""
    yield "'supervisor --help' lists the commands; 'supervisor demo' shows a bad evening."

"""What `supervisor` has before its commands; help and version need no polars, no Prefect and no settings."""

from typing import Annotated

import typer

from flows.commands.help import CONTEXT, Commands

app = typer.Typer(
    name="supervisor",
    cls=Commands,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=CONTEXT,
    help="Is what runs what I asked for, and if not, what should I do first? "
    "Compares the inventory (desired) with the world (actual), and recommends. It changes nothing, unless 'act' is let.",
    epilog="Exit codes: 0 nominal or reconciling, 1 error, 2 drift, 3 skipped (world unreadable), "
    "4 another run holds the lock, 5 events could not be written, 70 a bug of ours.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # 30 ms that no other command needs

        typer.echo(f"runtime-supervisor {version('runtime-supervisor')}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", "-V", callback=_print_version, is_eager=True, help="Print it.")]
Traceback = Annotated[bool, typer.Option("--traceback", help="For a bug report: show where an error came from.")]


@app.callback()
def _options(
    context: typer.Context,
    version: Version = False,  # noqa: ARG001 - its callback prints it
    traceback: Traceback = False,  # noqa: ARG001 - looked for where errors end
) -> None:
    """Hold the options that every command has; without a command, say what to do next."""
    if context.invoked_subcommand is None:
        from flows.commands.first_screen import show_first_screen

        raise typer.Exit(show_first_screen())

"""`supervisor config`: each setting, its value, and where it came from."""

from typing import Annotated

import typer

from flows.commands import options


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help="Show each setting, its value and where it came from.")(config)


def config(
    inventory: options.Inventory = None,
    world: options.World = None,
    config: options.Config = None,
    event_log: options.EventLog = None,
    checkpoint: options.Checkpoint = None,
    state_dir: options.StateDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Print the settings that a run with these options would have."""
    from flows.settings import load_settings

    given = {
        "inventory": inventory,
        "world": world,
        "event_log": event_log,
        "checkpoint": checkpoint,
        "state_dir": state_dir,
    }
    loaded = load_settings(given, config)
    values = loaded.settings.model_dump(mode="json")
    if as_json:
        from flows.render.document import dump

        typer.echo(dump({name: {"value": values[name], "origin": loaded.origins[name]} for name in values}, indent=2))
        return 0
    _print_table(values, loaded.origins)
    return 0


def _print_table(values: dict[str, object], origins: object) -> None:
    from rich.table import Table
    from rich.text import Text

    from flows.render.escape import show
    from flows.render.terminal import open_console
    from flows.settings import Settings

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("setting", "value", "from", "meaning"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "setting")
    for name, value in values.items():
        meaning = Settings.model_fields[name].description or ""
        table.add_row(name, Text(show(_plain(value))), Text(show(origins[name])), Text(meaning, style="dim"))  # type: ignore[index]
    open_console().print(table)


def _plain(value: object) -> object:
    if isinstance(value, list):
        return ", ".join(sorted(str(part) for part in value))
    return value

"""`supervisor config`: each setting, its value, and where it came from."""

from collections.abc import Mapping
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


def _print_table(values: dict[str, object], origins: Mapping[str, str]) -> None:
    from rich.table import Table
    from rich.text import Text

    from flows.render.escape import show
    from flows.render.terminal import open_console
    from flows.settings import Settings
    from schemas.limits import Limits

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("setting", "value", "from", "meaning"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "setting")
    limits = values.get("limits")
    limit_rows = [(f"limits.{name}", value) for name, value in limits.items()] if isinstance(limits, dict) else []
    fields = Settings.model_fields | {f"limits.{name}": field for name, field in Limits.model_fields.items()}
    for name, value in [(name, value) for name, value in values.items() if name != "limits"] + limit_rows:
        meaning = fields[name].description or ""
        table.add_row(
            name, Text(show(_plain(value))), Text(show(origins[name.partition(".")[0]])), Text(meaning, style="dim")
        )
    open_console().print(table)


def _plain(value: object) -> object:
    if isinstance(value, list):
        return ", ".join(sorted(str(part) for part in value))
    return value

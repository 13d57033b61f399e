"""`supervisor config`: each setting, its value, and where it came from."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands import options

if TYPE_CHECKING:
    from flows.settings import Settings


HELP = """Show each setting: its value, where that came from, and its meaning.

Set one in supervisor.yaml (here, in the inventory's folder, or --config), as SUPERVISOR_<NAME> in the environment, or
as an option; the later wins.

Examples:

\b
  supervisor config
  SUPERVISOR_NODE_TTL=10m supervisor config --json | jq -r .node_ttl.origin
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=HELP, short_help="Show each setting, its value and where it came from.")(config)


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
    _print_table(loaded.settings, loaded.origins)
    return 0


def _print_table(settings: "Settings", origins: Mapping[str, str]) -> None:
    from rich.text import Text

    from flows.render.tabulate import tabulate
    from flows.render.terminal import open_console
    from flows.text.escape import show

    rows = []
    for name, value, meaning in _list_values(settings):
        origin = Text(show(origins[name.partition(".")[0]]), style="dim" if origins.get(name) == "default" else "")
        rows.append((Text(name), Text(show(_spell(value))), origin, Text(meaning, style="dim")))
    console = open_console()
    console.print(tabulate(console, ("setting", "value", "from", "meaning"), rows))


def _list_values(settings: "Settings") -> Iterator[tuple[str, object, str]]:
    """Return each setting's name, value and meaning: where things are, then the rules, then the limits."""
    from flows.settings import SECTIONS

    rules = {*settings.rules().model_dump(), *settings.past_rules().model_dump()}
    fields = sorted(type(settings).model_fields.items(), key=lambda item: item[0] in rules)
    for name, field in fields:
        if name not in SECTIONS:
            yield name, getattr(settings, name), field.description or ""
    for section in SECTIONS:
        part = getattr(settings, section)
        for name, field in type(part).model_fields.items():
            yield f"{section}.{name}", getattr(part, name), field.description or ""


def _spell(value: object) -> object:
    """Return a value as the settings file writes it; nothing for one that is not set."""
    from schemas.rules import spell_duration, spell_patience
    from schemas.wait import Patience

    if isinstance(value, timedelta):
        return spell_duration(value)
    if isinstance(value, Path) and value.is_relative_to(Path.cwd()):
        return value.relative_to(Path.cwd())
    if isinstance(value, Patience):
        return spell_patience(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_spell(part)}" for name, part in value.items())
    if isinstance(value, list | frozenset):
        return ", ".join(sorted(str(part) for part in value))
    return str(value).lower() if isinstance(value, bool) else "" if value is None else value

"""`supervisor config`: each setting, its value, and where it came from."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from flows.commands import options

if TYPE_CHECKING:
    from flows.settings import Loaded, Settings


HELP = """Show each setting: its value, where that came from, and its meaning; or one of them whole.

Set one in supervisor.yaml (here, in the inventory's folder, or --config), as SUPERVISOR_<NAME> in the environment, or
as an option; the later wins.

Examples:

\b
  supervisor config --changed
  supervisor config node_ttl
  SUPERVISOR_NODE_TTL=10m supervisor config --json | jq -r .node_ttl.origin
"""
PLACES = "Where things are"
RULES = "The rules"
PAST = "The past"
GROUPS = {
    PLACES: (
        "inventory", "world", "runtime_summary", "event_log", "checkpoint", "state_dir", "log_owners", "history",
        "history_url", "metrics_file", "report_file", "sites", "node_alias_map",
    ),
    "What a run writes and shows": (
        "emit_mode", "cloudevents", "keep_history", "keep_archive", "archive_max_world_bytes", "timezone", "commands",
        "open_after", "flapping_diagnostics", "notify_severity", "notify_per_hour", "run_ttl",
    ),
    "When it runs": (
        "lock_timeout", "deadline", "serve_interval", "serve_cron", "watch_settle", "watch_min_interval",
        "watch_max_interval", "observe_every", "fleet_sites", "inputs", "fleet_shards", "dask_workers", "dask_address",
        "dask_patience",
    ),
}  # fmt: skip
"""The settings that are no rule and in no section, by what they are for."""
SECTION_TITLES = {"limits": "What input may be at most", "actions": "Acting", "web": "The page"}


class Setting(NamedTuple):
    """One setting, as it is now."""

    group: str
    name: str
    value: object
    meaning: str
    default: object


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=HELP)(config)


def config(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One setting, or the first letters of some.")
    ] = None,
    changed: Annotated[bool, typer.Option("--changed", help="Those alone that are not the default.")] = False,
    inventory: options.Inventory = None,
    world: options.World = None,
    config: options.Config = None,
    event_log: options.EventLog = None,
    checkpoint: options.Checkpoint = None,
    state_dir: options.StateDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Print the settings that a run with these options would have."""
    given = {
        "inventory": inventory,
        "world": world,
        "event_log": event_log,
        "checkpoint": checkpoint,
        "state_dir": state_dir,
    }
    loaded = options.load_all(given, config)
    if as_json:
        _print_json(loaded, name)
        return 0
    found = list(list_settings(loaded.settings))
    if name is not None:
        chosen = _choose(name, found)
        if len(chosen) == 1:
            _print_one(chosen[0], _origin(chosen[0], loaded))
            return 0
        found = chosen
    if changed:
        found = [setting for setting in found if _is_changed(setting, loaded)]
    _print_table(found, loaded)
    return 0


def _print_json(loaded: "Loaded", name: str | None) -> None:
    from flows.render.document import dump
    from flows.text.values import write_plainly

    values = write_plainly(loaded.settings)
    wanted = [key for key in values if name is None or key == name.partition(".")[0]]
    typer.echo(dump({key: {"value": values[key], "origin": loaded.origins[key]} for key in wanted}, indent=2))


def _choose(name: str, found: list[Setting]) -> list[Setting]:
    """Return the setting of that name, or those whose names begin so; what is meant is asked where there is none."""
    from flows.setting_faults import suggest

    wanted = name.strip().lower().replace("-", "_").removeprefix("supervisor_")
    exact = [setting for setting in found if setting.name == wanted]
    chosen = exact or [setting for setting in found if setting.name.startswith(wanted)]
    if not chosen:
        raise typer.BadParameter(f"{name!a} is not a setting{suggest(wanted, [setting.name for setting in found])}")
    return chosen


def _is_changed(setting: Setting, loaded: "Loaded") -> bool:
    return setting.value != setting.default and _origin(setting, loaded) != "default"


def _origin(setting: Setting, loaded: "Loaded") -> str:
    """Return where it came from; of a section, the place of the section counts for what it changes alone."""
    from flows.setting_faults import find_origin

    origin = find_origin(loaded.origins, setting.name) or "default"
    return "default" if "." in setting.name and setting.value == setting.default else origin


def _print_one(setting: Setting, origin: str) -> None:
    from flows.render.screen import print_lines
    from flows.text.escape import show

    rows = {
        "value": str(spell(setting.value)),
        "from": origin,
        "default": str(spell(setting.default)),
        "meaning": setting.meaning,
        "environment": f"SUPERVISOR_{setting.name.upper().replace('.', '__')}",
    }
    print_lines(
        [
            typer.style(setting.name, bold=True),
            *(f"  {typer.style(word.ljust(12), dim=True)}{show(said, 5000)}" for word, said in rows.items() if said),
        ]
    )


def _print_table(found: list[Setting], loaded: "Loaded") -> None:
    from rich.console import Console
    from rich.text import Text

    from flows.render.tabulate import Column, tabulate
    from flows.render.terminal import open_console
    from flows.text.escape import show

    console: Console = open_console()
    columns = (
        Column("setting"),
        Column("value", cut=16),
        Column("from", drop=1),
        Column("meaning", cut=36, drop=2),
    )
    rows = []
    for setting in found:
        origin = _origin(setting, loaded)
        cells = (
            Text(setting.name),
            Text(show(spell(setting.value))),
            Text(show(origin), style="dim" if origin == "default" else "green"),
            Text(setting.meaning, style="dim"),
        )
        rows.append((setting.group, cells))
    group = ""
    for title in dict.fromkeys(setting.group for setting in found):
        part = [cells for of, cells in rows if of == title]
        console.print(tabulate(console, columns, part, f"{group}{title}"))
        group = "\n"
    if not found:
        console.print("every setting has its default")


def list_settings(settings: "Settings") -> Iterator[Setting]:
    """Return each setting, by group: where things are, what a run does, the rules, the past, then the sections."""
    from flows.setting_sources import SECTIONS
    from schemas.rules import PastRules
    from schemas.setting import default_of, meaning_of, settings_of

    fields = settings_of(settings)
    of_past = {*settings_of(PastRules)}
    named = {name: title for title, names in GROUPS.items() for name in names}
    groups = {name: named.get(name, PAST if name in of_past else RULES) for name in fields if name not in SECTIONS}
    for title in (*GROUPS, RULES, PAST):
        for name in (name for name, group in groups.items() if group == title):
            field = fields[name]
            yield Setting(title, name, getattr(settings, name), meaning_of(field), default_of(field))
    for section in SECTIONS:
        part = getattr(settings, section)
        for name, field in settings_of(part).items():
            value = getattr(part, name)
            yield Setting(SECTION_TITLES[section], f"{section}.{name}", value, meaning_of(field), default_of(field))


def spell(value: object) -> object:
    """Return a value as the settings file writes it; nothing for one that is not set."""
    from schemas.duration import spell_duration
    from schemas.rules import spell_patience
    from schemas.wait import Patience

    if isinstance(value, timedelta):
        return spell_duration(value)
    if isinstance(value, Path) and value.is_relative_to(Path.cwd()):
        return value.relative_to(Path.cwd())
    if isinstance(value, Patience):
        return spell_patience(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {spell(part)}" for name, part in value.items())
    if isinstance(value, list | frozenset):
        return ", ".join(sorted(str(part) for part in value))
    return str(value).lower() if isinstance(value, bool) else "" if value is None else value

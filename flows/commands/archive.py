"""`supervisor archive`: the worlds and inventories that runs have read."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from flows.commands import options
from flows.errors import SettingsError
from flows.text.spoken import size
from schemas.spoken import count

HELP = """The worlds and inventories that runs have read: what replay, backfill and you can look at again.

Examples:

\b
  supervisor archive list --since 7d
  supervisor archive prune --older-than 90d --max-size-mb 500
  supervisor archive export ~/world-snapshots --since 2026-05-01T00:00:00Z
"""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help=HELP, no_args_is_help=True)
    group.command("list", help="Show what is kept.")(list_archive)
    group.command("prune", help="Drop the oldest worlds, by age or by size; the newest stays.")(prune)
    group.command("export", help="Write worlds as folders named by their time.")(export)
    app.add_typer(group, name="archive")


def list_archive(
    since: options.Since = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    state_dir: options.StateDir = None,
    config: options.Config = None,
) -> int:
    """Print each snapshot: its moment, what it is, its size."""
    from flows.ledger.archive import INVENTORY, WORLD, open_archive

    begin, _ = options.parse_period(since, None)
    settings = options.load({"state_dir": state_dir}, config)
    with open_archive(settings.state_dir) as archive:
        entries = [entry for kind in (INVENTORY, WORLD) for entry in archive.list_entries(kind, begin)]
        stored_bytes = archive.path.stat().st_size
    entries.sort(key=lambda entry: (entry.as_of, entry.kind))
    if as_json:
        from flows.render.document import dump
        from flows.text.spoken import instant

        rows = [
            {**entry._asdict(), "as_of": instant(entry.as_of), "files_at": instant(entry.files_at)} for entry in entries
        ]
        typer.echo(dump({"snapshots": rows}, indent=2))
        return 0
    for entry in entries:
        held = f"{count(entry.file_count, 'file'):>10}  {size(entry.size_bytes):>9}"
        typer.echo(f"{entry.as_of:%Y-%m-%dT%H:%M:%SZ}  {entry.kind:9}  {held}  {entry.fingerprint[:16]}")
    worlds = sum(entry.kind == WORLD for entry in entries)
    versions = count(len(entries) - worlds, "inventory version")
    typer.echo(f"{count(worlds, 'world')}, {versions}; {size(stored_bytes)} on disk", err=True)
    return 0


def prune(
    older_than: Annotated[str | None, typer.Option("--older-than", help="Such as 90d.")] = None,
    max_size_mb: Annotated[int | None, typer.Option("--max-size-mb", help="At most this much content.", min=1)] = None,
    state_dir: options.StateDir = None,
    config: options.Config = None,
) -> int:
    """Drop the oldest worlds and what they alone needed."""
    if older_than is None and max_size_mb is None:
        raise SettingsError("say what to drop: --older-than 90d, --max-size-mb 500, or both")
    before = options.parse_since(older_than, datetime.now(UTC)) if older_than else None
    from flows.ledger.archive import open_archive
    from flows.ledger.archive_writer import edit_archive, shrink_archive

    settings = options.load({"state_dir": state_dir}, config)
    with open_archive(settings.state_dir):
        pass
    with edit_archive(settings.state_dir) as archive:
        gone = archive.prune(before, max_size_mb * 1_000_000 if max_size_mb else None)
    shrink_archive(settings.state_dir)
    typer.echo(f"dropped {count(gone, 'world')}")
    return 0


def export(
    folder: Annotated[Path, typer.Argument(help="Where the folders go.")],
    since: options.Since = None,
    until: options.Until = None,
    state_dir: options.StateDir = None,
    config: options.Config = None,
) -> int:
    """Write the worlds of a period."""
    begin, end = options.parse_period(since, until)
    from flows.ledger.archive import WORLD, open_archive
    from flows.ledger.archive_writer import export_world

    settings = options.load({"state_dir": state_dir}, config)
    with open_archive(settings.state_dir) as archive:
        written = [export_world(archive, entry, folder) for entry in archive.list_entries(WORLD, begin, end)]
    typer.echo(f"wrote {count(len(written), 'world')}")
    return 0

"""What the shell offers for a word that is being typed."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from flows.settings import Settings


def complete_target(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the targets that the inventory or the checkpoint names; none where neither can be read, and no error."""
    from flows.commands import options
    from flows.errors import SupervisorError

    given = {name: ctx.params.get(name) for name in ("inventory", "checkpoint")}
    try:
        settings = options.load(given, ctx.params.get("config"))
    except (SupervisorError, OSError):
        return []
    names = {*_of_inventory(settings), *_of_checkpoint(settings)}
    return sorted(name for name in names if name.startswith(incomplete.lower()))


def _of_inventory(settings: "Settings") -> set[str]:
    from flows.errors import SupervisorError
    from flows.run.gather import read_desired

    try:
        desired, _ = read_desired(settings)
    except (SupervisorError, OSError):
        return set()
    services = desired.services.filter("is_monitored").select("node", "service").iter_rows()
    return {*desired.nodes["node"], *(f"{node}/{service}" for node, service in services)}


def _of_checkpoint(settings: "Settings") -> set[str]:
    from flows.errors import SupervisorError
    from flows.ledger.checkpoint import read_known
    from flows.text.spoken import spoken_target

    try:
        known = read_known(settings.places.checkpoint)
    except (SupervisorError, OSError):
        return set()
    return {spoken_target(*episode.target) for episode in known.episodes.values()} if known else set()

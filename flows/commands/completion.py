"""What the shell offers for a word that is being typed."""

import typer

from flows.errors import SupervisorError


def complete_target(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the targets that the checkpoint knows; nothing where it cannot be read, since a shell shows no error."""
    from flows.commands import options
    from flows.ledger.checkpoint import read_known

    try:
        settings = options.load({"checkpoint": ctx.params.get("checkpoint")}, ctx.params.get("config"))
        known = read_known(settings.checkpoint.absolute())
    except (SupervisorError, OSError):
        return []
    names = {"/".join(episode.target) for episode in known.episodes.values()} if known else set()
    return sorted(name for name in names if name.startswith(incomplete.lower()))

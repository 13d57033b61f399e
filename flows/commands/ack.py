"""`supervisor ack`: answer for a recommendation until a moment, see who answers for what, take it back."""

import getpass
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from flows.commands import options
from flows.commands.completion import complete_target
from flows.text.spoken import spoken_moment, spoken_target

if TYPE_CHECKING:
    from flows.glance import Glance
    from schemas.acknowledgement import Acknowledgement
    from schemas.episode import Target

HELP = """Acknowledge a target: until a moment its recommendation is shown apart and does not raise the state.

It comes back by itself at that moment; one that matches nothing is reported by each run. Events are written as ever.

Examples:

\b
  supervisor ack piha/zigbee2mqtt --reason "new stick arrives on Friday" --until 3d
  supervisor ack saturn --reason "moving the rack" --until 2026-06-10T18:00:00Z --owner anna
  supervisor ack list
  supervisor ack remove saturn
"""

Aim = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="node/service, a node, fleet, or a recommendation's id.",
        autocompletion=complete_target,
    ),
]


class _AckGroup(TyperGroup):
    """Takes what is no command of its own for the target to acknowledge."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Name the command that was left out."""
        if args and args[0] not in {*self.commands, "--help"}:
            args = ["add", *args]
        return super().parse_args(ctx, args)


commands = typer.Typer(cls=_AckGroup, no_args_is_help=True, rich_markup_mode=None, help=HELP)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands.command("add", help="Acknowledge a target; the word `add` can be left out.")(add)
    commands.command("list", help="Show who answers for what, and until when.")(list_all)
    commands.command("remove", help="Take an acknowledgement back.")(remove)
    app.add_typer(commands, name="ack")


def add(
    target: Aim,
    reason: Annotated[str, typer.Option("--reason", help="Why it may stay like this.")],
    until: Annotated[
        str, typer.Option("--until", help="A duration from now such as 3d, or a moment: ISO 8601, or Unix seconds.")
    ],
    owner: Annotated[
        str, typer.Option("--owner", help="Who answers for it.", show_default="you", default_factory=getpass.getuser)
    ],
    state_dir: options.StateDir = None,
    checkpoint: options.Checkpoint = None,
    config: options.Config = None,
) -> int:
    """Write it down; return 0."""
    from flows.ledger.acknowledgements import change_acknowledgements
    from flows.text.escape import show
    from schemas.acknowledgement import Acknowledgement

    settings = options.glance({"state_dir": state_dir, "checkpoint": checkpoint}, config)
    now = options.read_now(settings).replace(microsecond=0)
    owner, reason = _text(owner, "owner"), _text(reason, "reason")
    end = options.parse_end(until, now, "an acknowledgement")
    aim, known = _find(target, settings)
    row = Acknowledgement(
        node=aim.node, service=aim.service, owner=owner, reason=reason, acknowledged_at=now, until=end
    )
    change_acknowledgements(
        settings.state_dir,
        lambda rows: [*(other for other in rows if other.target != aim), row],
        settings.lock_timeout.total_seconds(),
    )
    typer.echo(f"{show(spoken_target(*aim))} is acknowledged by {show(row.owner)} until {spoken_moment(row.until)}")
    if aim not in known:
        typer.echo(f"note: the last run recommends nothing for it{_suggest(aim, known)}", err=True)
    return 0


def _find(wanted: str, settings: "Glance") -> tuple["Target", list["Target"]]:
    """Return the target, and those that the last run recommends something for. Raises `NoRunError` without a run."""
    from flows.ledger.checkpoint import require_known
    from schemas.episode import Target
    from schemas.words import ALL

    last_run = require_known(settings.checkpoint, settings.state_dir).last_run
    rows = last_run.recommendations if last_run else ()
    by_id = {str(row["recommendation_id"]): Target(str(row["node"]), str(row["service"])) for row in rows}
    node, _, service = wanted.strip().lower().partition("/")
    if not node:
        raise typer.BadParameter(f"{wanted!a} is no target; write node/service, or a node")
    aim = by_id.get(wanted) or Target(settings.node_alias_map.get(node, node), service or ALL)
    return aim, list(by_id.values())


def _suggest(aim: "Target", known: list["Target"]) -> str:
    """Return a question that names the target which a misspelt one may mean; nothing where none is close."""
    import difflib

    names = ["/".join(target) for target in known]
    close = difflib.get_close_matches("/".join(aim), names, 1) or [
        name for name in names if aim.node in name.split("/")
    ]
    return f"; did you mean {close[0]}? 'supervisor ack remove' takes this one back" if close else ""


def _text(text: str, name: str) -> str:
    if not text.strip():
        raise typer.BadParameter(f"--{name} is empty; whoever reads it later needs to know")
    return text.strip()[:500]


def list_all(
    state_dir: options.StateDir = None,
    checkpoint: options.Checkpoint = None,
    config: options.Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Print them, those that ran out too; return 0."""
    from flows.ledger.acknowledgements import read_acknowledgements
    from flows.ledger.checkpoint import require_known
    from flows.text.escape import show

    settings = options.glance({"state_dir": state_dir, "checkpoint": checkpoint}, config)
    now = options.read_now(settings)
    require_known(settings.checkpoint, settings.state_dir)
    rows = read_acknowledgements(settings.state_dir)
    if as_json:
        import json

        told = [
            {
                "target": "/".join(row.target),
                "owner": row.owner,
                "reason": row.reason,
                "until": _moment(row),
                "has_ended": row.until <= now,
            }
            for row in rows
        ]
        typer.echo(json.dumps(told, indent=2))
        return 0
    for row in rows:
        word = "ended" if row.until <= now else "until"
        typer.echo(
            f"{show(spoken_target(*row.target))}  {word} {spoken_moment(row.until)}  {show(row.owner)}: {show(row.reason)}"
        )
    if not rows:
        typer.echo("nothing is acknowledged")
    return 0


def remove(
    target: Aim,
    state_dir: options.StateDir = None,
    checkpoint: options.Checkpoint = None,
    config: options.Config = None,
) -> int:
    """Remove it; return 0, or 1 where there was none."""
    from flows.ledger.acknowledgements import change_acknowledgements, read_acknowledgements
    from flows.text.escape import show

    settings = options.glance({"state_dir": state_dir, "checkpoint": checkpoint}, config)
    aim, _ = _find(target, settings)
    folder = settings.state_dir
    if aim not in {row.target for row in read_acknowledgements(folder)}:
        typer.echo(f"{show(spoken_target(*aim))} was not acknowledged; 'supervisor ack list' shows what is", err=True)
        return 1
    timeout_s = settings.lock_timeout.total_seconds()
    change_acknowledgements(folder, lambda rows: [row for row in rows if row.target != aim], timeout_s)
    typer.echo(f"{show(spoken_target(*aim))} is no longer acknowledged")
    return 0


def _moment(row: "Acknowledgement") -> str:
    return f"{row.until:%Y-%m-%dT%H:%M:%SZ}"

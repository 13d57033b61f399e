"""`supervisor explain`: everything about one target, and why it is what it is."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands import options
from flows.commands.completion import complete_target
from flows.commands.few_bytes import work_by_size

if TYPE_CHECKING:
    from flows.settings import Settings

HELP = """Explain one target or id: desired and actual with their places, each drift and its rule, what holds it
back, the recommendation and why no other, what unblocks it, root causes, what it explains, and its episodes.

Judges the inputs as a run would, and writes nothing.

Examples:

\b
  supervisor explain piha/zigbee2mqtt
  supervisor explain saturn
  supervisor explain delayed-deployment-piha-zigbee2mqtt --json | jq .dependencies
"""

Wanted = Annotated[
    str,
    typer.Argument(
        metavar="TARGET_OR_ID",
        help="node/service, a node, fleet, or the id of a recommendation.",
        autocompletion=complete_target,
    ),
]
Since = Annotated[str, typer.Option("--since", help="How far back its past reaches: 30d, 12h, or an ISO 8601 moment.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=HELP)(explain)


def explain(
    target: Wanted,
    inventory: options.Inventory = None,
    world: options.World = None,
    checkpoint: options.Checkpoint = None,
    state_dir: options.StateDir = None,
    history: options.HistoryPlace = None,
    since: Since = "30d",
    config: options.Config = None,
    as_of: options.AsOf = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Print it and return 0."""
    from flows.commands.reconcile import make_hints
    from flows.render.explanation import to_document, to_lines
    from flows.render.progress import working
    from flows.render.screen import print_lines
    from flows.run.clock import read_now
    from flows.views.explain import explain as explain_target

    given = {"inventory": inventory, "world": world, "checkpoint": checkpoint, "state_dir": state_dir}
    settings = options.load(given | {"history": history}, config)
    moment = options.parse_as_of(as_of) or read_now(settings)
    begin = options.parse_since(since, moment)
    with working("reading and judging"):
        found = work_by_size(settings, partial(explain_target, settings, target, moment, moment - begin))
    acting = _find_acting(settings, target)
    if as_json:
        from flows.render.document import dump

        more = {} if acting is None else {"acting": acting}
        typer.echo(dump({**to_document(found), **more}, indent=2))
        return 0
    print_lines(to_lines(found, make_hints(settings, "").find_command))
    if acting is not None:
        from flows.run.acting.view import spell_view_of

        print_lines(spell_view_of(acting, target))
    return 0


def _find_acting(settings: "Settings", target: str) -> dict[str, Any] | None:
    """Return what is done about the target; None where acting is off."""
    if settings.actions.automation == "off":
        return None
    from flows.commands.operate import note_operators
    from flows.views.actions import list_of_target

    note_operators(settings)
    return list_of_target(settings, target)

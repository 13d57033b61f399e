"""What operators say: hold, release, halt, resume, attest-down. Each is a record in that person's own journal."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands import options
from flows.commands.completion import complete_target
from flows.text.spoken import spoken_moment

if TYPE_CHECKING:
    from flows.ledger.actions.journals import Journals
    from flows.run.acting.operate import Desk
    from flows.run.acting.place import Allowed
    from flows.settings import Settings
    from schemas.book import Book
    from schemas.operator_record import OperatorRecord

Aim = Annotated[
    str,
    typer.Argument(metavar="TARGET", help="node/service, node/all or fleet/all.", autocompletion=complete_target),
]
Reason = Annotated[str, typer.Option("--reason", help="Why; whoever reads it later needs to know.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be written; write nothing at all.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
End = Annotated[str, typer.Option("--until", help="A duration from now such as 3d, or an ISO 8601 moment.")]
MaybeEnd = Annotated[
    str | None, typer.Option("--until", help="A duration from now such as 3d, or an ISO 8601 moment; else for good.")
]
Via = Annotated[str | None, typer.Option("--via", help="Of a bridge: from where it was said.")]
Claimed = Annotated[str | None, typer.Option("--claimed", help="Of a bridge: who said it there.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(help=HOLD)(hold)
    app.command(help="End all holds of a target.")(release)
    app.command(help=HALT)(halt)
    app.command(help="End the halt.")(resume)
    app.command("attest-down", help=ATTEST)(attest)


HOLD = """Keep automation off a target until a moment: nothing starts there, what runs goes on.

Examples:

\b
  supervisor hold piha/mosquitto --until 2h --reason "moving its volume"
  supervisor hold piha/all --until 2026-06-10T18:00:00Z --reason "new power supply"
"""
HALT = """Keep automation off everything: nothing starts anywhere. What runs goes on and is verified; --abort ends it.

Examples:

\b
  supervisor halt --reason "the switch is being replaced" --until 2h
  supervisor halt --abort --reason "it restarts the wrong thing"
"""
ATTEST = """Say that a node is down, as you have seen it with your own eyes or by its power switch.

A service of which there may only be one is started elsewhere only after this: whether a node is down cannot be known from
outside. It holds until the node is seen again.
"""


def hold(
    target: Aim,
    until: End,
    reason: Reason,
    via: Via = None,
    claimed: Claimed = None,
    config: options.Config = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> int:
    """Write it down; return 0."""
    from flows.run.acting.operate import sit_down
    from schemas.operator_record import Hold

    desk = sit_down(_load(config))
    aim = find_target(target, desk.settings)
    end = options.parse_end(until, desk.now, "a hold", desk.settings.actions.max_hold)
    record = Hold(target=aim, until=end, reason=read_reason(reason), via=via, claimed=claimed)
    return tell(desk, lambda *_: record, f"{aim} is held until {spoken_moment(end)}", dry_run, as_json)


def release(
    target: Aim,
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
    via: Via = None,
    claimed: Claimed = None,
    config: options.Config = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> int:
    """Write it down; return 0, also where nothing held it."""
    from flows.run.acting.operate import sit_down
    from schemas.operator_record import Release

    desk = sit_down(_load(config))
    aim = find_target(target, desk.settings)

    def decide(book: "Book", _: "Journals") -> "OperatorRecord | None":
        is_held = any(held.target == aim for held in book.holds_at(desk.now))
        said = Release(target=aim, reason=reason.strip()[:500], via=via, claimed=claimed)
        return said if is_held else None

    return tell(desk, decide, f"{aim} is no longer held", dry_run, as_json, nothing=f"nothing holds {aim}")


def halt(
    reason: Reason,
    until: MaybeEnd = None,
    abort: Annotated[bool, typer.Option("--abort", help="End what runs as well.")] = False,
    via: Via = None,
    claimed: Claimed = None,
    config: options.Config = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> int:
    """Write it down; return 0."""
    from flows.run.acting.operate import sit_down
    from schemas.operator_record import Halt

    desk = sit_down(_load(config))
    end = options.parse_end(until, desk.now, "a halt") if until else None
    record = Halt(reason=read_reason(reason), until=end, abort=abort, via=via, claimed=claimed)
    word = f"until {spoken_moment(end)}" if end else "until 'supervisor resume'"
    return tell(desk, lambda *_: record, f"nothing starts any more, {word}", dry_run, as_json)


def resume(
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
    via: Via = None,
    claimed: Claimed = None,
    config: options.Config = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> int:
    """Write it down; return 0, also where nothing was halted."""
    from flows.run.acting.operate import sit_down
    from schemas.operator_record import Resume

    desk = sit_down(_load(config))

    def decide(book: "Book", _: "Journals") -> "OperatorRecord | None":
        said = Resume(reason=reason.strip()[:500], via=via, claimed=claimed)
        return said if book.halts_at(desk.now) else None

    return tell(desk, decide, "automation goes on", dry_run, as_json, nothing="no halt is in force")


def attest(
    node: Annotated[str, typer.Argument(help="The node that is down.")],
    reason: Reason,
    config: options.Config = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> int:
    """Write it down; return 0."""
    from flows.run.acting.operate import sit_down
    from schemas.operator_record import AttestDown

    desk = sit_down(_load(config))
    name = find_target(f"{node}/all", desk.settings).partition("/")[0]
    record = AttestDown(node=name, reason=read_reason(reason))
    return tell(desk, lambda *_: record, f"{name} is down, says {desk.operator.name}", dry_run, as_json)


def _load(config: "options.Config") -> "Settings":
    return options.load({}, config)


def tell(
    desk: "Desk",
    decide: "Callable[[Book, Journals], OperatorRecord | None]",
    done: str,
    dry_run: bool,
    as_json: bool,
    *,
    nothing: str = "nothing to do",
) -> int:
    """Write what `decide` says, and print what became of it; return 0."""
    import json

    from flows.run.acting.operate import say
    from flows.text.escape import show
    from schemas.ledger import write_record

    record, line = say(desk, decide, dry_run=dry_run)
    if as_json:
        form = None if record is None else write_record(record)
        typer.echo(json.dumps({"v": 1, "n": line.n if line else None, "dry_run": dry_run, "record": form}))
    elif record is None:
        typer.echo(show(nothing))
    else:
        typer.echo(f"would be written: {show(done)}" if dry_run else show(done))
    return 0


def read_reason(text: str) -> str:
    """Return a reason; it must say something."""
    if not text.strip():
        raise typer.BadParameter("--reason is empty; whoever reads it later needs to know")
    return text.strip()[:500]


def find_target(text: str, settings: "Settings") -> str:
    """Return `node/service`, `node/all` or `fleet/all` of the inventory.

    A name that is not in it is refused, with what may have been meant; where the inventory cannot be read it is taken as
    it is, for whoever has to stop something must be able to.
    """
    import difflib

    from flows.errors import SupervisorError
    from flows.run.gather import read_desired
    from schemas.words import ALL, FLEET

    node, _, service = text.strip().lower().partition("/")
    node = settings.node_alias_map.get(node, node)
    aim = f"{node}/{service or ALL}"
    try:
        desired, _ = read_desired(settings)
    except SupervisorError as error:
        typer.echo(f"note: {aim} is taken as it is, since the inventory cannot be read: {error}", err=True)
        return aim
    services = {f"{row[0]}/{row[1]}" for row in desired.services.select("node", "service").iter_rows()}
    known = services | {f"{name}/{ALL}" for name in desired.nodes["node"]} | {f"{FLEET}/{ALL}"}
    if aim not in known:
        close = difflib.get_close_matches(aim, sorted(known), n=1)
        question = f"; did you mean {close[0]}?" if close else ""
        raise typer.BadParameter(f"{text!a} is no target of the inventory{question}")
    return aim


def note_operators(settings: "Settings") -> "Allowed":
    """Return who may say what; where their file has a fault, note what is not seen."""
    from flows.run.acting.place import find_operators
    from flows.text.escape import show_lines

    allowed = find_operators(settings)
    if allowed.doubt is not None:
        typer.echo(f"note: {show_lines(allowed.doubt)}", err=True)
    return allowed

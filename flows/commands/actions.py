"""`supervisor actions`: what the ledger says of actions, whether it can be trusted, and what keeps it in order."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands import options
from flows.commands.operate import Aim, DryRun, Json, Reason, find_target, note_operators, read_reason, tell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.ledger.actions.journals import JournalLine, Journals
    from flows.settings import Settings
    from schemas.book import Book
    from schemas.operator_record import OperatorRecord

HELP = """What is asked, runs, is verified or was escalated, with who, why and until when.

Examples:

\b
  supervisor actions list
  supervisor actions show container-restart-piha-mosquitto
  supervisor actions log --json | jq '.records[] | select(.kind == "started")'
  supervisor actions verify
"""

commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=HELP)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands.command("list", help="Show what is asked, approved, runs or is verified; --all: what ended, too.")(
        list_all
    )
    commands.command("show", help="Show all that is known of one action.")(show_one)
    commands.command("stats", help="Show how often what was done helped, beside how often it cleared by itself.")(stats)
    commands.command("sync", help="Bring the directories in line with the ledger.")(sync)
    commands.command("log", help="Print the records of all journals, in their order.")(log)
    commands.command("verify", help="Walk along the chains; say what does not fit, and what was ignored.")(verify)
    commands.command("reset", help="End a target's problem, and of node/all and fleet/all the breaker.")(reset)
    commands.command("take-over", help="Let the executor move to this host.")(take_over)
    app.add_typer(commands, name="actions")


def list_all(
    everything: Annotated[bool, typer.Option("--all", help="What has ended, too.")] = False,
    config: options.Config = None,
    as_json: Json = False,
) -> int:
    """Print it; return 0."""
    import json

    from flows.render.actions import draw_actions
    from flows.render.screen import print_lines
    from flows.render.terminal import open_console
    from flows.run.acting.view import spell_view
    from flows.text.escape import show
    from flows.views.actions import list_actions

    settings = _load(config)
    view = list_actions(settings, with_ended=everything)
    note_operators(settings)
    if as_json:
        typer.echo(json.dumps({"v": 1, **view}))
        return 0
    now, console = datetime.fromisoformat(view["as_of"]), open_console()
    lines = spell_view({**view, "actions": []}, now)
    print_lines(show(line, 1000) for line in lines)
    for part in draw_actions(view["actions"], now, console):
        console.print(part, crop=False)
    if not lines and not view["actions"]:
        print_lines(["nothing is asked, and nothing runs"])
    return 0


def show_one(
    name: Annotated[str, typer.Argument(metavar="ID", help="The action's id, or 12 or more digits of its intent.")],
    config: options.Config = None,
    as_json: Json = False,
) -> int:
    """Print it; return 0, or 2 where there is none."""
    import json

    from flows.render.screen import print_lines
    from flows.text.escape import show
    from flows.views.actions import show_action

    found = show_action(_load(config), name)
    if as_json:
        typer.echo(json.dumps({"v": 1, **found}))
        return 0
    rows = {key: value for key, value in found.items() if key not in {"records", "output"} and value is not None}
    lines = [f"{key:<20} {value if isinstance(value, str | int) else json.dumps(value)}" for key, value in rows.items()]
    lines += ["", *(f"{row['n']:>6}  {row['at']}  {row['kind']}" for row in found["records"])]
    print_lines([show(line, 2000) for line in lines])
    if found["output"]:
        print_lines(["", *(show(line, 2000) for line in found["output"].splitlines())])
    return 0


def stats(config: options.Config = None, as_json: Json = False) -> int:
    """Print it; return 0."""
    import json

    from flows.render.screen import print_lines
    from flows.views.effectiveness import read_effectiveness, spell_effectiveness

    rows = read_effectiveness(_load(config))
    if as_json:
        typer.echo(json.dumps({"v": 1, "rows": rows}))
    else:
        print_lines(spell_effectiveness(rows))
    return 0


def sync(config: options.Config = None, dry_run: DryRun = False, as_json: Json = False) -> int:
    """Write them; return 0."""
    import json

    from flows.text.escape import show
    from flows.views.actions import plan_directories
    from schemas.spoken import count

    found = plan_directories(_load(config), dry_run=dry_run)
    if as_json:
        typer.echo(json.dumps({"v": 1, "dry_run": dry_run, **found}))
        return 0
    files = f"{count(found['files'], 'file')} of actions"
    typer.echo(f"{files}{' would be' if dry_run else ''} as the ledger says")
    for remark in found["remarks"]:
        typer.echo(f"note: {show(remark, 1000)}")
    return 0


def log(config: options.Config = None, as_json: Json = False) -> int:
    """Print the records; return 0."""
    import json

    from flows.ledger.actions.journals import read_journals
    from flows.render.screen import print_lines
    from flows.run.acting.place import action_place

    journals = read_journals(action_place(_load(config)))
    if as_json:
        form = {"v": 1, "records": [dict(line.record) for line in journals.lines], "problems": [*journals.problems]}
        typer.echo(json.dumps(form))
    else:
        print_lines([_spell(line) for line in journals.lines])
    for problem in journals.problems if not as_json else ():
        typer.echo(f"error: {problem}", err=True)
    return 0


def _spell(line: "JournalLine") -> str:
    from flows.text.escape import show

    record = line.record
    target = record.get("target") or "/".join(str(record[key]) for key in ("node", "service") if record.get(key))
    words = [str(record[name]) for name in ("verb", "result", "outcome", "mode", "why", "reason") if record.get(name)]
    intent = str(record.get("intent_id") or "")[:12]
    said = " ".join(word for word in (target, intent, ", ".join(words)) if word)
    return (
        f"{line.n:>6}  {record['at']}  {line.role:<8}  {show(record['by'].get('name'))}  {record['kind']}  {show(said)}"
    )


def verify(config: options.Config = None, as_json: Json = False) -> int:
    """Check the ledger; return 0, or 2 where it is broken."""
    import json

    from flows.ledger.actions.entries import read_ledger
    from flows.ledger.actions.journals import read_journals
    from flows.run.acting.place import action_place
    from schemas.book import Book
    from stages.fold_ledger import fold_ledger

    settings = _load(config)
    journals = read_journals(action_place(settings))
    reading = read_ledger(journals)
    allowed = note_operators(settings)
    is_known = allowed.problem is None
    book = fold_ledger(reading.ledger, allowed.operators, settings.actions.numbers()) if is_known else Book()
    ignored = sorted((*reading.unknown, *book.ignored))
    torn = [f"{role}-{uid}" for (role, uid), tail in sorted((journals.tails or {}).items()) if tail.torn]
    document = {
        "v": 1,
        "ok": not journals.problems,
        "records": len(journals.lines),
        "problems": [*journals.problems],
        "ignored": [row._asdict() for row in ignored],
        "illegal": [*book.illegal],
        "torn": torn,
    }
    typer.echo(json.dumps(document) if as_json else "\n".join(_describe_ledger(document, len(journals.tails or {}))))
    return 2 if journals.problems else 0


def _describe_ledger(found: dict[str, Any], journal_count: int) -> "Iterator[str]":
    """Yield what `verify` found, a line for each."""
    from flows.text.escape import show
    from schemas.spoken import count

    for problem in found["problems"]:
        yield f"broken: {show(problem, 2000)}"
    for row in found["ignored"]:
        yield f"ignored: {row['n']} {show(row['kind'])}: {show(row['why'])}"
    for n in found["illegal"]:
        yield f"illegal: {n} started without leave; it counts as an attempt all the same"
    for name in found["torn"]:
        yield f"torn: the last line of {name}; its owner cuts it before the next append"
    if found["ok"]:
        records, files = count(found["records"], "record"), count(journal_count, "journal")
        yield f"{records} in {files}, each follows the one before it"


def reset(
    target: Aim, reason: Reason, config: options.Config = None, dry_run: DryRun = False, as_json: Json = False
) -> int:
    """Write it down; return 0, also where there is no problem."""
    from flows.run.acting.operate import sit_down
    from schemas.episode import Target
    from schemas.operator_record import Reset
    from schemas.words import ALL

    desk = sit_down(_load(config))
    aim = find_target(target, desk.settings)
    node, _, service = aim.partition("/")
    record = Reset(target=aim, reason=read_reason(reason))

    def decide(book: "Book", _: "Journals") -> "OperatorRecord | None":
        # A node and the fleet have a breaker besides, and one that did not trip is reset to no harm.
        return record if service == ALL or Target(node, service) in book.problems else None

    return tell(
        desk, decide, f"the next run ends the problem of {aim}", dry_run, as_json, nothing=f"{aim} has no problem"
    )


def take_over(reason: Reason, config: options.Config = None, dry_run: DryRun = False, as_json: Json = False) -> int:
    """Write it down; return 0."""
    import socket

    from flows.run.acting.operate import sit_down
    from schemas.operator_record import TakeOver

    desk = sit_down(_load(config))
    record = TakeOver(host=socket.gethostname(), reason=read_reason(reason))
    return tell(desk, lambda *_: record, f"the executor may run on {record.host}", dry_run, as_json)


def _load(config: Path | None) -> "Settings":
    from flows.run.acting.place import require_automation

    settings = options.load({}, config)
    require_automation(settings)
    return settings

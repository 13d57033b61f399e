"""`supervisor act`: the executor, and requests by hand."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands import options
from flows.commands.completion import complete_target
from flows.commands.operate import DryRun, Json, MaybeEnd

if TYPE_CHECKING:
    from flows.executor.start import Done
    from flows.settings import Settings

HELP = """Do what the policy lets be done, or ask for something by hand.

With --once and --watch it is the executor: it judges again, looks at the machine, writes down that it starts, and starts.
It needs an executor.yaml (--init proposes one), and runs best as a user of its own. With a verb and a target it is a
request of yours, which the executor does when nothing speaks against it.

Exit codes: 0 done, or nothing to do (also where an attempt failed), 1 cannot, 2 refused, 3 the world cannot be read, 4
another executor is at work.

Examples:

\b
  supervisor act --once --dry-run
  supervisor act --watch
  supervisor act restart piha/mosquitto --reason "it does not answer"
  supervisor act --init > /etc/runtime-supervisor/executor.yaml
"""


class Word(StrEnum):
    """What can be asked for by hand."""

    RESTART = "restart"
    REDEPLOY = "redeploy"
    CLEANUP = "cleanup"
    FAILOVER = "failover"
    DIAGNOSTICS = "diagnostics"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=HELP)(act)


def act(
    verb: Annotated[Word | None, typer.Argument(help="What to ask for by hand.")] = None,
    target: Annotated[
        str | None, typer.Argument(help="node/service, of a cleanup the node.", autocompletion=complete_target)
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Start what may be started, and end.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until it is stopped.")] = False,
    init: Annotated[bool, typer.Option("--init", help="Print an executor.yaml to begin with.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Of a request: why.")] = "",
    override: Annotated[str, typer.Option("--override", help="Of a request: guards to pass, with commas.")] = "",
    until: MaybeEnd = None,
    to: Annotated[str | None, typer.Option("--to", help="Of a failover: where to.")] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    config: options.Config = None,
) -> int:
    """Do one of them, and return the exit code."""
    chosen = [name for name, is_chosen in (("--once", once), ("--watch", watch), ("--init", init)) if is_chosen]
    if len(chosen) + (verb is not None) != 1:
        raise typer.BadParameter("expected one of --once, --watch, --init, or a verb and a target")
    settings = options.load({}, config)
    if verb is not None:
        from flows.commands.request import request

        return request(settings, str(verb), target, reason, override, until, to, dry_run=dry_run, as_json=as_json)
    if init:
        from flows.act import propose_allow_list

        typer.echo(propose_allow_list(settings), nl=False)
        return 0
    if dry_run:
        return _plan(settings, as_json)
    return _once(settings, as_json) if once else _watch(settings)


def _once(settings: "Settings", as_json: bool) -> int:
    import json

    from flows.act import act_once

    done = act_once(settings, lambda one: None if as_json else tell_done(one))
    if as_json:
        typer.echo(json.dumps({"v": 1, "done": [_form(one) for one in done]}))
    elif not done:
        typer.echo("nothing to start")
    return 0


def _watch(settings: "Settings") -> int:
    import signal
    from threading import Event

    from flows.act import act_watch

    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    act_watch(settings, stop, tell_done, lambda problem: typer.echo(f"error: {problem}", err=True))
    return 0


def _plan(settings: "Settings", as_json: bool) -> int:
    import json
    from dataclasses import asdict

    from flows.act import plan
    from flows.text.escape import show

    thought, planned = plan(settings)
    if as_json:
        typer.echo(json.dumps({"v": 1, "problem": thought.problem, "would_run": [asdict(row) for row in planned]}))
        return 0
    for row in planned:
        typer.echo(f"{show(row.target)}  {row.verb}  {show(row.runs)}")
    if thought.problem:
        typer.echo(f"note: nothing starts: {show(thought.problem)}", err=True)
    if not planned:
        typer.echo("nothing would start")
    return 0


def tell_done(done: "Done") -> None:
    """Print what became of one decision to start."""
    typer.echo(say_done(done))


def say_done(done: "Done") -> str:
    """Return the same as a line."""
    from flows.text.escape import show
    from flows.text.spoken import spoken_target

    decision = done.decision
    line = f"  {show(done.line)}" if done.line else ""
    word = done.said.replace("_", " ") if done.is_attempt else f"not started: {done.said.replace('_', ' ')}"
    return f"{show(spoken_target(decision.node, decision.service))}  {decision.verb}  {word}{line}"


def _form(done: "Done") -> dict[str, object]:
    decision = done.decision
    return {
        "node": decision.node,
        "service": decision.service,
        "verb": decision.verb,
        "intent_id": decision.intent_id,
        "result": done.said if done.is_attempt else None,
        "refused": None if done.is_attempt else done.said,
    }

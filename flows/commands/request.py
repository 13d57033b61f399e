"""Requests by hand: `act VERB TARGET`; and the guards that a request or a yes passes."""

from typing import TYPE_CHECKING, Any

import typer

from flows.commands import options
from flows.commands.operate import find_target, read_reason, tell
from flows.text.spoken import spoken_moment

if TYPE_CHECKING:
    from datetime import datetime

    from flows.run.acting.operate import Desk
    from flows.run.acting.think import Thought
    from flows.settings import Settings
    from schemas.book import Book
    from schemas.decision import Decision
    from schemas.operator_record import Requested
    from schemas.verb import Verb


def request(
    settings: "Settings",
    verb: str,
    target: str | None,
    reason: str,
    override: str,
    until: str | None,
    to: str | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Write a request by hand; return 0, or 2 where it would be refused."""
    from dataclasses import replace

    from flows.run.acting.operate import RefusedError, sit_down
    from flows.run.acting.think import think_again
    from schemas.numbers import Automation
    from schemas.operator_record import Requested
    from schemas.verb import Verb

    desk = sit_down(settings)
    if settings.actions.automation in {Automation.OBSERVE, Automation.SUGGEST}:
        raise RefusedError(f"actions.automation is {settings.actions.automation}: nothing is done, by hand neither")
    what = _read_what(settings, Verb(verb), target, to)
    guards = read_guards(override, reason)
    record = Requested(
        **what,
        ends_at=desk.now + settings.actions.approval_ttl,
        reason=read_reason(reason),
        overrides=guards,
        overrides_end_at=end_of_overrides(desk, guards, until),
    )
    thought = think_again(settings, place=desk.place, as_of=desk.now)
    decision = _suppose(thought, desk, record)
    record = replace(record, ends_at=desk.now + thought.rule_numbers(decision).approval_ttl)
    if not as_json:
        show_decision(decision)
        _note_twin(thought.book, record, desk.now)
    return tell(desk, lambda *_: record, f"asked for {verb} of {record.node}/{record.service}", dry_run, as_json)


def _read_what(settings: "Settings", verb: "Verb", target: str | None, to: str | None) -> dict[str, Any]:
    """Return a request's verb, target and parameters; BadParameter where the verb is not done to that."""
    from schemas.verb import TRAITS, Verb
    from schemas.words import ALL

    if target is None:
        raise typer.BadParameter("act VERB needs a target: node/service, of a cleanup the node")
    node, _, service = find_target(target, settings).partition("/")
    is_of_node = TRAITS[verb].is_of_node
    if is_of_node != (service == ALL):
        raise typer.BadParameter(f"{verb} is done to {'a node' if is_of_node else 'node/service'}")
    if (verb is Verb.FAILOVER) != (to is not None):
        raise typer.BadParameter("--to NODE says where a failover goes, and goes with nothing else")
    return {"node": node, "service": service, "verb": verb, "params": {"to": to.strip().lower()} if to else {}}


def _note_twin(book: "Book", record: "Requested", now: "datetime") -> None:
    """Say that the same is asked for already: each request is done once."""
    what = (record.node, record.service, record.verb)
    asked = [row for row in book.requests if not row.is_over and now < row.request.ends_at]
    if any((row.request.node, row.request.service, row.request.verb) == what for row in asked):
        typer.echo("note: the same is asked for already; each request is done once, so that it is done again", err=True)


def _suppose(thought: "Thought", desk: "Desk", record: "Requested") -> "Decision":
    """Return what would be decided about a request; RefusedError where that is no."""
    from flows.run.acting.operate import RefusedError
    from schemas.decision import Verdict
    from schemas.ledger import By, Entry
    from schemas.ledger_words import Role

    by = By(uid=desk.operator.uid, name=desk.operator.name, role=Role.OPERATOR)
    entry = Entry(thought.greatest + 1, desk.now, by, record)
    found = [row for row in thought.suppose(entry).decisions if row.requested == entry.n]
    if not found:
        raise RefusedError("this is not asked for, or not monitored, or the run does not judge it")
    if found[0].verdict is Verdict.OBSERVE:
        raise RefusedError("no rule of the policy matches it: what no rule grants is only observed")
    if found[0].verdict is Verdict.REFUSE:
        raise RefusedError(f"refused by {found[0].decided_by}: {found[0].reason}")
    return found[0]


def read_guards(text: str, reason: str) -> tuple[str, ...]:
    """Return the guards to pass; RefusedError for one that nobody may pass, BadParameter for none of that name."""
    from flows.run.acting.operate import RefusedError
    from schemas.decision import GUARDS, OVERRIDABLE, Guard

    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name.partition(":")[0] not in {*Guard}:
            raise typer.BadParameter(
                f"{name!a} is no guard; those that can be passed: {', '.join(sorted(OVERRIDABLE))}"
            )
        if Guard(name.partition(":")[0]) not in OVERRIDABLE:
            raise RefusedError(f"{name} (guard {GUARDS[Guard(name.partition(':')[0])].number}) cannot be overridden")
    if names:
        read_reason(reason)
    return tuple(names)


def end_of_overrides(desk: "Desk", guards: tuple[str, ...], until: str | None) -> "datetime | None":
    """Return when the overrides end; without an end after the longest that they may last."""
    if not guards:
        if until is not None:
            raise typer.BadParameter("--until says when an override ends, and goes with --override alone")
        return None
    longest = desk.settings.actions.max_override
    return desk.now + longest if until is None else options.parse_end(until, desk.now, "an override", longest)


def show_decision(decision: "Decision") -> None:
    """Print what something asked for waits for, besides a yes."""
    from flows.text.escape import show

    for hit in decision.guards:
        if hit.name != "approval":
            end = f" until {spoken_moment(hit.until)}" if hit.until else ""
            typer.echo(f"  it waits for {show(hit.name)}{end}: {show(hit.text)}")

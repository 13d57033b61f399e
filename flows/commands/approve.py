"""Yes and no to what is asked: `approve`, `reject`."""

import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands import options
from flows.commands.operate import Claimed, DryRun, Json, MaybeEnd, Via, tell
from flows.commands.request import end_of_overrides, read_guards, show_decision

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.ledger.actions.journals import Journals
    from flows.run.acting.operate import Desk
    from schemas.attempt import Intent
    from schemas.book import Book
    from schemas.decision import Decision
    from schemas.operator import Operator
    from schemas.operator_record import Approved, OperatorRecord

APPROVE = """Say yes to what is asked: it starts when nothing else speaks against it.

It shows what would run and on which evidence, and binds to that: where any of it changes, it is asked again. Without a terminal
name the intent that you saw.

Examples:

\b
  supervisor approve container-restart-piha-mosquitto
  supervisor approve redeploy-piha-web --intent 4345d6c09ad8 --reason "seen, go on"
  supervisor approve 4345d6c09ad8 --override window --until 1h --reason "the door is open"
"""
REJECT = """Say no to what is asked: the same is not asked again for a day (reject_hold); what else may be done is.

Examples:

\b
  supervisor reject container-restart-piha-mosquitto --intent 4345d6c09ad8 --reason "it writes its backup"
"""
Ask = Annotated[str, typer.Argument(metavar="ID", help="The action's id, or 12 or more digits of its intent.")]
Hex = Annotated[str | None, typer.Option("--intent", help="The first digits (12 or more) of the intent that you saw.")]
Why = Annotated[str, typer.Option("--reason", help="Why.")]
Overrides = Annotated[str, typer.Option("--override", help="Guards to pass for this intent alone, with commas.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(help=APPROVE)(approve)
    app.command(help=REJECT)(reject)


def approve(
    name: Ask,
    intent: Hex = None,
    override: Overrides = "",
    until: MaybeEnd = None,
    reason: Why = "",
    via: Via = None,
    claimed: Claimed = None,
    config: options.Config = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> int:
    """Write it down; return 0, or 2 where the answer is no."""
    from flows.run.acting.operate import sit_down
    from flows.run.acting.think import think_again
    from schemas.operator_record import Approved

    desk = sit_down(options.load({}, config))
    guards = read_guards(override, reason)
    thought = think_again(desk.settings, place=desk.place, as_of=desk.now)
    wanted = find_intent(thought.book, name, intent)
    _refuse_unlisted(desk, wanted, via)
    _refuse_stranger(desk, wanted, thought.book)
    decision = next((row for row in thought.decisions if row.intent_id == wanted.intent_id), None)
    if not as_json:
        _show(wanted, decision)
    confirm(intent, dry_run=dry_run)
    record = Approved(
        intent_id=wanted.intent_id,
        reason=reason.strip()[:500],
        evidence_fingerprint=wanted.evidence_fingerprint,
        policy_fingerprint=thought.power.policy.fingerprint,
        ends_at=desk.now + thought.rule_numbers(decision).approval_ttl,
        overrides=guards,
        overrides_end_at=end_of_overrides(desk, guards, until),
        via=via,
        claimed=claimed,
    )
    said, nothing = _tell_yes(desk, wanted, thought.power.operators), f"{wanted.action_id} is approved already"
    return tell(desk, partial(_say_yes, record), said, dry_run, as_json, nothing=nothing)


def _say_yes(record: "Approved", book: "Book", _: "Journals") -> "Approved | None":
    """Return the approval where it is still asked for: a second one says nothing new, unless it passes guards."""
    from schemas.attempt import IntentState

    is_approved = find_intent(book, record.intent_id, None).state is IntentState.APPROVED
    return None if is_approved and not record.overrides else record


def _tell_yes(desk: "Desk", wanted: "Intent", operators: "Iterable[Operator]") -> str:
    """Return what a yes comes to: an approval, or one of several that it takes."""
    from schemas.book import count_consents

    known, target = {row.uid: row for row in operators}, f"{wanted.node}/{wanted.service}"
    others = [row for row in wanted.consents if row.uid != desk.operator.uid]
    said = 1 + count_consents(others, wanted.risk, target, desk.now, known)
    name = f"{wanted.action_id} ({wanted.intent_id[:12]})"
    return f"approved {name}" if said >= wanted.approvals else f"{said} of {wanted.approvals} people say yes to {name}"


def _refuse_stranger(desk: "Desk", wanted: "Intent", book: "Book") -> None:
    """Refuse whose yes would not count (ACTIONS 14.4)."""
    from flows.run.acting.operate import RefusedError
    from schemas.book import may_say_yes

    what = f"what is {wanted.risk} on {wanted.node}/{wanted.service}"
    if not desk.operator.may_approve(wanted.risk, f"{wanted.node}/{wanted.service}"):
        raise RefusedError(f"{desk.operator.name} may not approve {what}")
    asking = next((row for row in book.requests if row.n == wanted.requested), None)
    if not may_say_yes(desk.operator, wanted, asking, desk.settings.actions.numbers()):
        raise RefusedError(f"{desk.operator.name} asked for it, and {what} takes the yes of others")


def _refuse_unlisted(desk: "Desk", wanted: "Intent", via: str | None) -> None:
    """Refuse a bridge more than what is safe, unless a line of `operators.yaml` gives it more (ACTIONS 18)."""
    from flows.run.acting.operate import RefusedError
    from schemas.verb import Risk

    listed = desk.settings.actions.operators.absolute()
    if via is not None and wanted.risk is not Risk.SAFE and not listed.exists():
        raise RefusedError(
            f"{wanted.verb} is {wanted.risk}, and through {via} only what is safe may be approved; "
            f"a line in {listed} with its classes lets {desk.operator.name} approve more there"
        )


def reject(
    name: Ask,
    intent: Hex = None,
    reason: Why = "",
    via: Via = None,
    claimed: Claimed = None,
    config: options.Config = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> int:
    """Write it down; return 0, or 2 where nothing of that name is asked."""
    from flows.run.acting.operate import sit_down
    from schemas.operator_record import Rejected

    desk = sit_down(options.load({}, config))
    wanted = find_intent(desk.open_book(), name, intent)
    if not as_json:
        _show(wanted, None)
    confirm(intent, dry_run=dry_run)

    def decide(book: "Book", _: "Journals") -> "OperatorRecord | None":
        current = find_intent(book, wanted.intent_id, None)
        return Rejected(intent_id=current.intent_id, reason=reason.strip()[:500], via=via, claimed=claimed)

    return tell(desk, decide, f"rejected {wanted.action_id} ({wanted.intent_id[:12]})", dry_run, as_json)


def find_intent(book: "Book", name: str, intent: str | None) -> "Intent":
    """Return what is asked by that id; RefusedError where nothing is, or where it is another intent by now."""
    from flows.run.acting.operate import RefusedError
    from schemas.attempt import IntentState

    asked = [row for row in book.intents.values() if row.state in {IntentState.PENDING, IntentState.APPROVED}]
    is_hex = len(name) >= 12 and all(letter in "0123456789abcdef" for letter in name.lower())
    found = [row for row in asked if row.action_id == name or (is_hex and row.intent_id.startswith(name.lower()))]
    if not found:
        raise RefusedError(f"nothing is asked by the name {name!a}; 'supervisor actions list' shows what is")
    wanted = max(found, key=lambda row: row.created_at)
    if intent is not None and (len(intent) < 12 or not wanted.intent_id.startswith(intent.lower())):
        raise RefusedError(
            f"{name} is asked by another intent now ({wanted.intent_id[:12]}): what you saw has changed; look again"
        )
    return wanted


def confirm(intent: str | None, *, dry_run: bool) -> None:
    """Ask on a terminal; without one the intent must have been named."""
    if intent is not None or dry_run:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("without a terminal name what you saw: --intent and its first 12 digits")
    typer.confirm("go on?", abort=True)


def _show(intent: "Intent", decision: "Decision | None") -> None:
    from flows.text.escape import show

    typer.echo(f"{intent.verb} of {show(intent.node)}/{show(intent.service)} ({intent.risk}), attempt {intent.number}")
    typer.echo(
        f"  intent {intent.intent_id[:12]}, evidence {intent.evidence_fingerprint[:12]}, rule {show(intent.rule_id)}"
    )
    if decision is not None:
        show_decision(decision)

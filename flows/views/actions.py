"""What the ledger says now: `actions list`, `actions show`, and the directories that show it."""

from datetime import datetime
from typing import Any

from flows.errors import InventoryError, SupervisorError, WorldUnreadableError
from flows.ledger.actions.entries import read_ledger
from flows.ledger.actions.journals import Journals, read_journals
from flows.ledger.actions.outputs import read_output
from flows.ledger.actions.places import ActionPlace
from flows.ledger.actions.projection import project_actions, show_actions
from flows.run.acting.operate import RefusedError
from flows.run.acting.place import action_place
from flows.run.acting.think import Thought, read_power, think_again
from flows.run.acting.view import view_actions
from flows.run.clock import read_now
from flows.settings import Settings
from schemas.book import Book
from schemas.decision import Decision
from schemas.words import ALL, FLEET
from stages.fold_ledger import fold_ledger


def list_actions(settings: Settings, *, with_ended: bool) -> dict[str, Any]:
    """Return what the ledger shows, with what is decided now; without decisions where the inputs cannot be read.

    Raises `LedgerBrokenError` where it cannot be trusted.
    """
    as_of, place = read_now(settings), action_place(settings)
    book, decisions, state = _look(settings, place, as_of)
    return view_actions(book, decisions, settings.actions.numbers(), as_of, state=state, with_ended=with_ended)


def list_of_target(settings: Settings, target: str) -> dict[str, Any] | None:
    """Return what the ledger shows of one target, its node and the fleet; None where it cannot be read."""
    try:
        view = list_actions(settings, with_ended=True)
    except SupervisorError:
        return None
    node, _, service = target.strip().lower().partition("/")
    names = {f"{node}/{service or ALL}", f"{node}/{ALL}", f"{FLEET}/{ALL}"}
    rows = [row for row in view["actions"] if (row["node"], row["service"]) == (node, service or ALL)]
    return {**view, "actions": rows, "holds": [hold for hold in view["holds"] if hold["target"] in names]}


def _look(settings: Settings, place: ActionPlace, as_of: datetime) -> tuple[Book, tuple[Decision, ...], str | None]:
    journals = read_journals(place)
    journals.check()
    thought = _think(settings, place, as_of)
    if thought is not None:
        return thought.book, thought.decisions, thought.state
    return _fold(settings, journals), (), None


def _think(settings: Settings, place: ActionPlace, as_of: datetime) -> Thought | None:
    try:
        return think_again(settings, place=place, as_of=as_of)
    except (WorldUnreadableError, InventoryError):
        return None


def _fold(settings: Settings, journals: Journals) -> Book:
    power = read_power(settings)
    return fold_ledger(read_ledger(journals).ledger, power.operators, power.numbers)


def show_action(settings: Settings, name: str) -> dict[str, Any]:
    """Return all that is known of one action: of its latest intent; RefusedError where there is none."""
    place = action_place(settings)
    view = list_actions(settings, with_ended=True)
    is_hex = len(name) >= 12
    found = [
        row
        for row in view["actions"]
        if row["action_id"] == name or (is_hex and row["intent_id"].startswith(name.lower()))
    ]
    if not found:
        raise RefusedError(f"there is no action {name!a}; 'supervisor actions list --all' shows them")
    action: dict[str, Any] = max(found, key=lambda row: row["created_at"])
    lines = read_journals(place).lines
    records = [dict(line.record) for line in lines if line.record.get("intent_id") == action["intent_id"]]
    return {**action, "records": records, "output": read_output(place, action["intent_id"])}


def plan_directories(settings: Settings, *, dry_run: bool) -> dict[str, Any]:
    """Bring the directories in line with the ledger, and return how many files there are then."""
    as_of, place = read_now(settings), action_place(settings)
    book, decisions, _ = _look(settings, place, as_of)
    by_intent = {row.intent_id: row for row in decisions if row.intent_id is not None}
    shown = show_actions(book, by_intent, as_of, settings.actions.projection_keep)
    known = frozenset(intent.action_id for intent in book.intents.values())
    remarks = () if dry_run else project_actions(place, shown, known)
    return {"files": len(shown), "remarks": [*remarks]}

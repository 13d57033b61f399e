"""What an operator says: checked against the ledger as it is at that moment, and written to that person's journal."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flows.errors import SupervisorError
from flows.ledger.actions.append import identify, open_ledger
from flows.ledger.actions.entries import read_ledger
from flows.ledger.actions.journals import JournalLine, Journals, read_journals
from flows.ledger.actions.places import ActionPlace
from flows.run.acting.place import action_place, find_operators, require_automation
from flows.run.clock import read_now
from flows.settings import Settings
from schemas.book import Book
from schemas.ledger import write_record
from schemas.ledger_words import Role
from schemas.operator import Operator
from schemas.operator_record import OperatorRecord
from stages.fold_ledger import fold_ledger


class RefusedError(SupervisorError):
    """The answer is no: by a guard, or because it is not what was asked for, or not for this person to say."""

    exit_code = 2


@dataclass(frozen=True)
class Desk:
    """Where one operator sits: who they are, what time it is, and what the ledger says."""

    settings: Settings
    place: ActionPlace
    now: datetime
    operator: Operator
    operators: tuple[Operator, ...]

    def open_book(self, journals: Journals | None = None) -> Book:
        """Return what the ledger says; LedgerBrokenError where it cannot be trusted."""
        journals = journals or read_journals(self.place)
        journals.check()
        return fold_ledger(read_ledger(journals).ledger, self.operators, self.settings.actions.numbers())


def sit_down(settings: Settings) -> Desk:
    """Return the desk of this process's user; RefusedError where they are no operator."""
    require_automation(settings)
    allowed = find_operators(settings)
    if allowed.problem is not None:
        raise SupervisorError(allowed.problem)
    author = identify(Role.OPERATOR)
    operator = next((operator for operator in allowed.operators if operator.uid == author.uid), None)
    if operator is None:
        names = ", ".join(operator.name for operator in allowed.operators) or "nobody"
        raise RefusedError(
            f"user {author.name} ({author.uid}) is no operator by {settings.actions.operators}; {names} may say this"
        )
    return Desk(settings, action_place(settings), read_now(settings), operator, allowed.operators)


def say(
    desk: Desk, decide: Callable[[Book, Journals], OperatorRecord | None], *, dry_run: bool = False
) -> tuple[OperatorRecord | None, JournalLine | None]:
    """Write what `decide` makes of the ledger, while nobody else can write to it; None where there is nothing to say."""
    if dry_run:
        journals = read_journals(desk.place)
        return decide(desk.open_book(journals), journals), None
    with open_ledger(desk.place, identify(Role.OPERATOR)) as ledger:
        record = decide(desk.open_book(ledger.journals), ledger.journals)
        if record is None:
            return None, None
        fields = write_record(record)
        return record, ledger.append(fields.pop("kind"), desk.now, fields)

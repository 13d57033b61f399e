"""Folding the ledger: what its records come to, in their order; what may not be said there is ignored, and told."""

from collections.abc import Iterable
from operator import attrgetter

from schemas.book import Book, Ignored
from schemas.ledger import WRITERS, By, Entry, Ledger, Record
from schemas.ledger_words import Role
from schemas.numbers import Numbers
from schemas.operator import Operator
from stages.fold_ledger import decider, executor, people
from stages.fold_ledger.fold import Fold

TAKERS = decider.TAKERS | people.TAKERS | executor.TAKERS
"""By kind of record, what takes it in, or says why it does not."""


def fold_ledger(ledger: Ledger, operators: Iterable[Operator], numbers: Numbers) -> Book:
    """Return what the ledger says now.

    A record that its role may not write, that names nobody who may say it, or that does not follow from the state of
    its intent, is ignored and told. A start without leave is told as well, and counts as an attempt all the same.
    """
    fold = Fold(operators, numbers)
    for entry in sorted(ledger.entries, key=attrgetter("n")):
        take(fold, entry)
    return fold.close(ledger.broken)


def take(fold: Fold, entry: Entry) -> None:
    """Take in the next record, or ignore it."""
    fold.newest_at = max(fold.newest_at or entry.at, entry.at)
    why = _find_fault(fold, entry.by, entry.record) or TAKERS[entry.record.kind](fold, entry, entry.record)
    if why is not None:
        fold.ignored.append(Ignored(entry.n, entry.record.kind, why))


def _find_fault(fold: Fold, by: By, record: Record) -> str | None:
    role = WRITERS[record.kind]
    if by.role is not role:
        return f"a {by.role} may not say it"
    if role is Role.OPERATOR and by.uid not in fold.operators:
        return f"{by.name or by.uid} is no operator"
    return None

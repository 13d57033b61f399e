"""The ledger: what deciders, operators and executors say of actions, each in a journal of its own (ACTIONS 14.2).

A record is one frozen dataclass of its kind; an entry is a record as it stands in a journal, with its number, its moment
and its author. Plain dataclasses, so that ten thousand of them are made in no time; pydantic reads and writes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, NamedTuple

from pydantic import Field, TypeAdapter

from schemas.decider_record import DeciderRecord
from schemas.executor_record import ExecutorRecord
from schemas.ledger_words import At, Role
from schemas.operator_record import OperatorRecord
from schemas.setting import STRICT

Record = DeciderRecord | OperatorRecord | ExecutorRecord

WRITERS: dict[str, Role] = {
    record.__dataclass_fields__["kind"].default: role
    for role, records in (
        (Role.DECIDER, DeciderRecord.__args__),
        (Role.OPERATOR, OperatorRecord.__args__),
        (Role.EXECUTOR, ExecutorRecord.__args__),
    )
    for record in records
}
"""Whose journal may hold a kind; anywhere else it is ignored, and reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who wrote an entry; the kernel's uid is what counts."""

    __pydantic_config__ = STRICT
    uid: int
    name: str = ""
    role: Role
    host: str = ""
    pid: int = 0


class Entry(NamedTuple):
    """One record as it stands in the ledger."""

    n: int
    """Its number, over all journals: the order."""
    at: datetime
    by: By
    record: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """All journals, in the order of `n`, and why they cannot be trusted."""

    entries: tuple[Entry, ...] = ()
    broken: str | None = None
    """What does not chain or cannot be read, with its place; null where all is well."""


_RECORDS: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="kind")])
_BY: TypeAdapter[By] = TypeAdapter(By)
_AT: TypeAdapter[datetime] = TypeAdapter(At)
_ENVELOPE = frozenset({"v", "n", "at", "by", "prev", "seal"})


def read_record(form: Mapping[str, Any]) -> Record:
    """Return the record of a mapping with its `kind`; pydantic's ValidationError (a ValueError) names each fault."""
    return _RECORDS.validate_python(form)


def write_record(record: Record) -> dict[str, Any]:
    """Return a record's fields with its `kind`, as values of JSON."""
    form: dict[str, Any] = _RECORDS.dump_python(record, mode="json", by_alias=True)
    return {name: value for name, value in form.items() if value is not None or name not in _ABSENT}


_ABSENT = frozenset({"via", "claimed", "part", "parts"})
"""Fields that a record has only where they say something."""


def read_entry(form: Mapping[str, Any]) -> Entry:
    """Return the entry of a journal's line (without its place in the chain); ValueError or KeyError where it is none."""
    record = read_record({name: value for name, value in form.items() if name not in _ENVELOPE})
    return Entry(int(form["n"]), _AT.validate_python(form["at"]), _BY.validate_python(form["by"]), record)

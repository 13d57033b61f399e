"""The ledger, folded (ACTIONS 14.2, 14.3)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from tests.policy_oracle.facts import Target
from tests.policy_oracle.words import CLASSES, LADDER_FAILURES, NEUTRAL, S

Record = dict[str, Any]


@dataclass
class Attempt:
    """An intent that was started."""

    n: int
    said: Record
    started_at: datetime
    ended_at: datetime | None = None
    result: str | None = None
    outcome: str | None = None
    settled_at: datetime | None = None
    settled_n: int = 0
    world_at: datetime | None = None

    @property
    def target(self) -> Target:
        return self.said["node"], self.said["service"]

    @property
    def verb(self) -> str:
        return str(self.said["verb"])

    @property
    def to(self) -> str | None:
        to: str | None = self.said["params"].get("to")
        return to

    @property
    def nodes(self) -> set[str]:
        return {self.said["node"], self.to or self.said["node"]}

    @property
    def is_open(self) -> bool:
        return self.outcome is None

    @property
    def is_mutating(self) -> bool:
        return self.verb != "diagnostics"

    def number(self, name: str) -> timedelta:
        return int(self.said["numbers"][name]) * S


@dataclass
class Intent:
    """What is proposed, and who said what of it."""

    said: Record
    state: str
    yes: list[Record] = field(default_factory=list)
    rejected_at: datetime | None = None
    refused: datetime | None = None
    """The newest world of which the executor refused it."""


@dataclass
class Problem:
    """Trouble with one target."""

    target: Target
    at: datetime
    desired_hash: str | None
    stable_for: timedelta
    attempts: list[Attempt] = field(default_factory=list)
    escalated: bool = False

    @property
    def f(self) -> int:
        return sum(row.outcome in LADDER_FAILURES for row in self.attempts)

    @property
    def k(self) -> int:
        return sum(row.outcome == "no_effect" for row in self.attempts)

    @property
    def p(self) -> int:
        """Return how far up the ladder it is."""
        return self.f + sum(not row.is_mutating for row in self.attempts)

    @property
    def last_outcome(self) -> str | None:
        settled = [row for row in self.attempts if not row.is_open]
        return max(settled, key=settled_order).outcome if settled else None


def settled_order(row: Attempt) -> tuple[datetime, int]:
    assert row.settled_at is not None
    return row.settled_at, row.n


@dataclass
class Book:
    """What the journals come to."""

    operators: dict[int, dict[str, Any]] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    intents: dict[str, Intent] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    problems: dict[Target, Problem] = field(default_factory=dict)
    holds: list[Record] = field(default_factory=list)
    halts: list[Record] = field(default_factory=list)
    resets: list[Record] = field(default_factory=list)
    """Of breakers."""
    closed_at: dict[Target, datetime] = field(default_factory=dict)
    """When the last problem of a target ended."""
    to_close: set[Target] = field(default_factory=set)
    """Problems that an operator reset."""
    requests: list[Record] = field(default_factory=list)
    attests: list[Record] = field(default_factory=list)
    capabilities: Record | None = None

    def open_attempts(self) -> list[Attempt]:
        return [row for row in self.attempts if row.is_open]

    def of(self, target: Target) -> list[Attempt]:
        return [row for row in self.attempts if row.target == target]


def fold(records: Iterable[Record], as_of: datetime, operators: dict[int, dict[str, Any]]) -> Book:
    """Return the book; what an executor never ended is taken for lost in time (14.6)."""
    book = Book(operators)
    for record in sorted(records, key=lambda row: row["n"]):
        book.records.append(record)
        handler = HANDLERS.get(record["kind"])
        if handler:
            handler(book, record)
    for attempt in book.attempts:
        given_up = attempt.started_at + attempt.number("timeout")
        if attempt.ended_at is None and as_of >= given_up + attempt.number("verify_grace"):
            attempt.ended_at, attempt.result = given_up, "lost"
    return book


def proposed(book: Book, record: Record) -> None:
    known = book.intents.get(record["intent_id"])
    if known is not None and known.state not in {"cancelled", "rejected"}:
        return
    state = {"suggest": "suggested", "approve": "pending", "auto": "approved"}[record["mode"]]
    requested = record.get("requested")
    refused = known.refused if known else None
    intent = Intent(record, state, refused=refused)
    if requested is not None:
        asked = next(row for row in book.records if row["n"] == requested)
        intent.yes = [asked]
        intent.state = "approved" if record["approvals"] <= 1 else "pending"
    book.intents[record["intent_id"]] = intent


def approved(book: Book, record: Record) -> None:
    intent = book.intents.get(record["intent_id"])
    if intent is None or not may_approve(book.operators.get(record["uid"]), intent.said):
        return
    if not (intent.state == "pending" or (intent.state == "approved" and record["overrides"])):
        return
    intent.yes.append(record)
    if len({row["uid"] for row in intent.yes if row["ends_at"] > record["at"]}) >= intent.said["approvals"]:
        intent.state = "approved"


def may_approve(person: dict[str, Any] | None, said: Record, risk: str | None = None) -> bool:
    """Return whether a class on a target is one's to approve (18)."""
    if person is None or (risk or said["class"]) not in person.get("classes", CLASSES):
        return False
    return any(fnmatchcase(f"{said['node']}/{said['service']}", glob) for glob in person.get("targets", ["*"]))


def rejected(book: Book, record: Record) -> None:
    intent = book.intents.get(record["intent_id"])
    if intent is not None and intent.state in {"pending", "approved"}:
        intent.state, intent.rejected_at = "rejected", record["at"]


def withdrawn(book: Book, record: Record) -> None:
    intent = book.intents.get(record["intent_id"])
    if intent is not None and intent.state in {"suggested", "pending", "approved"}:
        intent.state = "cancelled"


def expired(book: Book, record: Record) -> None:
    intent = book.intents.get(record["intent_id"])
    if intent is not None and intent.state == "approved":
        intent.state = "pending"


def refused(book: Book, record: Record) -> None:
    intent = book.intents.get(record["intent_id"])
    if intent is not None and intent.state == "approved":
        intent.refused = max(filter(None, [intent.refused, record["world_at"]]))


def started(book: Book, record: Record) -> None:
    attempt = Attempt(record["n"], record, record["at"])
    book.attempts.append(attempt)
    problem = book.problems.get(attempt.target)
    if problem is not None and problem.at == record["problem_at"]:
        problem.attempts.append(attempt)
    intent = book.intents.get(record["intent_id"])
    if intent is not None:
        intent.state = "running"


def attempt_of(book: Book, record: Record) -> Attempt | None:
    rows = [row for row in book.attempts if row.said["intent_id"] == record["intent_id"]]
    return rows[-1] if rows else None


def ended(book: Book, record: Record) -> None:
    attempt = attempt_of(book, record)
    if attempt is not None and attempt.ended_at is None:
        attempt.ended_at, attempt.result = record.get("ended_at", record["at"]), record["result"]


def verified(book: Book, record: Record) -> None:
    attempt = attempt_of(book, record)
    if attempt is not None and attempt.is_open:
        attempt.outcome, attempt.world_at = record["outcome"], record["world_at"]
        attempt.settled_at, attempt.settled_n = record["at"], record["n"]


def relapsed(book: Book, record: Record) -> None:
    attempt = attempt_of(book, record)
    if attempt is not None and attempt.outcome == "recovered":
        attempt.outcome = "relapsed"


def problem_opened(book: Book, record: Record) -> None:
    target = record["node"], record["service"]
    book.problems[target] = Problem(target, record["problem_at"], record["desired_hash"], record["stable_for"] * S)
    book.to_close.discard(target)


def problem_closed(book: Book, record: Record) -> None:
    book.problems.pop((record["node"], record["service"]), None)
    book.closed_at[record["node"], record["service"]] = record["at"]
    book.to_close.discard((record["node"], record["service"]))


def escalated(book: Book, record: Record) -> None:
    problem = book.problems.get((record["node"], record["service"]))
    if problem is not None:
        problem.escalated = True


def release(book: Book, record: Record) -> None:
    book.holds = [row for row in book.holds if row["target"] != record["target"]]


def reset(book: Book, record: Record) -> None:
    node, _, service = record["target"].partition("/")
    book.resets.append(record)
    if (node, service) in book.problems:
        book.to_close.add((node, service))


def capabilities(book: Book, record: Record) -> None:
    book.capabilities = record


HANDLERS = {
    "proposed": proposed, "approved": approved, "rejected": rejected, "withdrawn": withdrawn, "expired": expired,
    "refused": refused, "started": started, "ended": ended, "lost": ended, "verified": verified, "relapsed": relapsed,
    "problem_opened": problem_opened, "problem_closed": problem_closed, "escalated": escalated,
    "hold": lambda book, row: book.holds.append(row), "release": release, "reset": reset,
    "halt": lambda book, row: book.halts.append(row), "resume": lambda book, _: book.halts.clear(),
    "requested": lambda book, row: book.requests.append(row), "attest_down": lambda book, row: book.attests.append(row),
    "capabilities": capabilities,
}  # fmt: skip


def failures_in_row(attempts: Iterable[Attempt], reset_n: int, longest: timedelta, as_of: datetime) -> list[Attempt]:
    """Return T of guard 23: the mutating, not neutral attempts of a scope behind its last success and last reset."""
    rows: list[Attempt] = []
    for row in sorted((row for row in attempts if row.is_mutating and not row.is_open), key=settled_order):
        if row.outcome in NEUTRAL:
            continue
        if row.outcome == "recovered" or row.settled_n < reset_n:
            rows = []
            continue
        assert row.settled_at is not None
        if rows and row.settled_at - settled_order(rows[-1])[0] > longest:
            rows = []
        rows.append(row)
    return rows if rows and as_of - settled_order(rows[-1])[0] <= longest else []

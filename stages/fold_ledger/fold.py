"""The book while it is written, and which record may follow which state of an intent."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from schemas.attempt import UNSTARTED, Attempt, Intent, IntentState
from schemas.book import Able, Asking, Attested, Book, Halted, Held, Ignored, count_consents, give_attempts
from schemas.episode import Target
from schemas.executor_record import Capabilities
from schemas.ledger import Entry
from schemas.numbers import Numbers
from schemas.operator import Operator
from schemas.problem import Problem

LEGAL: dict[str, frozenset[IntentState]] = {
    "rejected": frozenset({IntentState.PENDING, IntentState.APPROVED}),
    "withdrawn": UNSTARTED,
    "expired": frozenset({IntentState.APPROVED}),
    "refused": frozenset({IntentState.APPROVED}),
}
"""From which states a record of an intent leads on (ACTIONS 14.3), where that hangs on nothing else."""


class Fold:
    """The book while it is written: it can be closed again and again."""

    def __init__(self, operators: Iterable[Operator], numbers: Numbers) -> None:
        """Begin with an empty ledger."""
        self.operators = {operator.uid: operator for operator in operators}
        self.numbers = numbers
        self.intents: dict[str, Intent] = {}
        self.attempts: dict[int, Attempt] = {}
        self.of_targets: dict[Target, tuple[Attempt, ...]] = {}
        self.starts: dict[str, list[int]] = {}
        """By intent, the numbers of its starts: one, or several where some of them were illegal."""
        self.problems: dict[Target, Problem] = {}
        self.closed_at: dict[Target, datetime] = {}
        self.requests: dict[int, Asking] = {}
        self.holds: list[Held] = []
        self.halts: list[Halted] = []
        self.resets: dict[str, int] = {}
        self.attested: dict[str, Attested] = {}
        self.able: Able | None = None
        self.parts: list[Capabilities] = []
        """Of what the executor can do, where it takes several records to say it, those so far."""
        self.fence = 0
        self.fence_host: str | None = None
        self.taken_over_by: str | None = None
        self.ignored: list[Ignored] = []
        self.illegal: list[int] = []
        self.newest_at: datetime | None = None

    def close(self, broken: str | None) -> Book:
        """Return the book as it is now; what is taken in later does not change it."""
        attempts = tuple(self.attempts[n] for n in sorted(self.attempts))
        return Book(
            intents={**self.intents},
            attempts=attempts,
            attempts_of={**self.of_targets},
            problems=give_attempts(self.problems, self.of_targets),
            closed_at={**self.closed_at},
            requests=tuple(self.requests.values()),
            holds=tuple(self.holds),
            halts=tuple(self.halts),
            resets={**self.resets},
            attested={**self.attested},
            able=self.able,
            fence=self.fence,
            fence_host=self.fence_host,
            taken_over_by=self.taken_over_by,
            ignored=tuple(self.ignored),
            illegal=tuple(self.illegal),
            newest_at=self.newest_at,
            broken=broken,
        )

    def attempts_of(self, intent_id: str) -> list[Attempt]:
        """Return the attempts of an intent, in the order of their starts."""
        return [self.attempts[n] for n in self.starts.get(intent_id, ())]

    def find(self, kind: str, intent_id: str) -> Intent | str:
        """Return the intent that a record follows from, or why it does not."""
        intent = self.intents.get(intent_id)
        if intent is None:
            return "there is no such intent"
        return intent if intent.state in LEGAL[kind] else f"the intent is {intent.state}"

    def keep(self, attempt: Attempt) -> None:
        """Put an attempt in the place of what it was, or behind all others."""
        before, target = self.attempts.get(attempt.n), attempt.target
        others = self.of_targets.get(target, ())
        if before is None:
            self.of_targets[target] = (*others, attempt)
        else:
            self.of_targets[target] = tuple(attempt if other is before else other for other in others)
        self.attempts[attempt.n] = attempt

    def move(self, entry: Entry, intent: Intent, state: IntentState, **changed: Any) -> None:
        """Put an intent into a state."""
        step = (str(intent.state), str(state), entry.at, entry.by.name)
        history = (*intent.history, step)
        self.intents[intent.intent_id] = intent._replace(state=state, updated_at=entry.at, history=history, **changed)

    def end_request(self, intent: Intent) -> None:
        """Note that the request of an intent leads no further."""
        if intent.requested in self.requests:
            self.requests[intent.requested] = self.requests[intent.requested]._replace(is_over=True)

    def is_enough(self, intent: Intent, moment: datetime) -> bool:
        """Return whether enough different people say yes."""
        target = f"{intent.node}/{intent.service}"
        return count_consents(intent.consents, intent.risk, target, moment, self.operators) >= intent.approvals


Taker = Callable[[Fold, Entry, Any], str | None]
"""Takes a record in, or returns why it does not."""
